/**
 * What states a checkpoint holds: operators, kinds, sizes, key groups, schemas.
 *
 * Called by `tidemark state list`. Sizes are from the manifest, as are counts unless there are increments
 * (live-counts.ts); of each operator the smallest part is read for versions and schemas, which all parts have in
 * common, unless it is large.
 */
import type { Io } from '../../base/io.ts'
import { stampsOf, type KeyedStateSnapshot } from '../../state/snapshot.ts'
import { countedStates, type CountedState } from './live-counts.ts'
import { operatorsIn } from './open.ts'
import { isEnumerator, partsOf, readPart, type OpenCheckpoint } from './operator-parts.ts'

export interface StateLine extends CountedState {
  /** Of the declaration; absent for list state, and where no part was small enough to be read. */
  readonly version?: number
  /** Entries carry the time from which a TTL counts. */
  readonly ttl?: true
  /** Of that time; absent: the clock of the machine. */
  readonly clock?: 'event'
  /** As the schema's vendor gave it. */
  readonly jsonSchema?: unknown
}

export interface OperatorLine {
  readonly operator: string
  readonly subtasks: number
  /** Ranges that its subtasks own, ascending; empty for operators without keyed state. */
  readonly keyGroups: readonly { readonly subtask: number; readonly start: number; readonly end: number }[]
  readonly states: readonly StateLine[]
}

export interface StateList {
  readonly schema: 'tidemark.state.list/1'
  readonly directory: string
  readonly job: string
  readonly checkpoint: number
  readonly maxParallelism: number
  readonly operators: readonly OperatorLine[]
}

const MOST_BYTES_FOR_SCHEMA = 1 << 24

export function* listStates(opened: OpenCheckpoint): Io<StateList> {
  const { directory, manifest } = opened
  const operators: OperatorLine[] = []
  for (const operator of operatorsIn(manifest)) {
    const parts = partsOf(manifest, operator)
    const declared = new Map<string, KeyedStateSnapshot>()
    for (const state of yield* declarations(opened, operator)) declared.set(state.name, state)
    operators.push({
      operator,
      subtasks: parts.filter((part) => !isEnumerator(part)).length,
      keyGroups: parts.flatMap(({ subtask, keyGroups }) =>
        keyGroups === undefined ? [] : [{ subtask, ...keyGroups }]),
      states: (yield* countedStates(opened, operator)).map((state) => lineOf(state, declared.get(state.name))),
    })
  }
  const { job, checkpoint, maxParallelism } = manifest
  return { schema: 'tidemark.state.list/1', directory, job, checkpoint, maxParallelism, operators }
}

function lineOf(state: CountedState, declared: KeyedStateSnapshot | undefined): StateLine {
  if (!state.keyed || declared === undefined) return state
  const { version, stamped, jsonSchema } = declared
  return {
    ...state, version,
    ...(stamped === true ? { ttl: true } : {}), ...(stampsOf(declared) === 'event' ? { clock: 'event' } : {}),
    ...(jsonSchema === undefined ? {} : { jsonSchema }),
  }
}

function* declarations(opened: OpenCheckpoint, operator: string): Io<readonly KeyedStateSnapshot[]> {
  const smallest = partsOf(opened.manifest, operator)
    .filter((part) => part.keyGroups !== undefined)
    .toSorted((a, b) => a.length - b.length)[0]
  if (smallest === undefined || smallest.length > MOST_BYTES_FOR_SCHEMA) return []
  return (yield* readPart(opened, smallest)).snapshot.keyed
}
