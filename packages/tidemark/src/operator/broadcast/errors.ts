/** Errors of functions that use broadcast state. */
import { defineError } from '../../base/errors.ts'

export const E162_BROADCAST_STATE_IS_READ_ONLY = defineError<{
  readonly operator: string
  readonly state: string
  readonly call: string
}>({
  code: 'E162',
  kind: 'job',
  retryable: false,
  title: 'Only the broadcast side writes broadcast state',
  what: (d) => `A function of operator "${d.operator}" called ${d.call}() of the broadcast state ` +
    `"${d.state}" for a record or timer of the stream.`,
  why: () => 'Each subtask sees other records of the stream, so the copies of the state would come to ' +
    'differ; after a rescale some subtasks would go on with the wrong one.',
  fix: () => [
    'change broadcast state in onBroadcast only',
    'keep what belongs to a key in keyed state: { state: { … } }',
  ],
})

export const E163_UNKNOWN_STATE = defineError<{
  readonly operator: string
  readonly name: string
  readonly known: readonly string[]
}>({
  code: 'E163',
  kind: 'job',
  retryable: false,
  title: 'No state of that name',
  what: (d) => `applyToKeyedState of operator "${d.operator}" was asked for the state "${d.name}"; ` +
    `it declares ${d.known.length === 0 ? 'none' : d.known.map((name) => `"${name}"`).join(', ')}.`,
  why: () => 'It visits the keys that have something stored in one declared state.',
  fix: () => ['declare the state in the options: { state: { name: state.value() } }'],
})
