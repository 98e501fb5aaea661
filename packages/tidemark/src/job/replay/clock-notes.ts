/**
 * What in a job does not depend on its records alone, as far as its graph tells.
 *
 * Called by compare.ts, which tells differences of this kind apart, and by the host of a replay, which names them.
 */
import type { LogicalGraph, LogicalOperator } from '../../graph/logical-graph.ts'
import type { StateSpec, TtlSpec } from '../../graph/state-spec.ts'
import type { TriggerSpec, WindowAssignerSpec } from '../../graph/window-spec.ts'

/** Timers of processing time (operator/timer-service.ts), and all state of windows by the clock. */
export function goesByClock(
  { operators }: LogicalGraph,
  { operator, state, kind }: { readonly operator: string; readonly state: string; readonly kind: string },
): boolean {
  if (kind === 'timers' && state === 'timers/processing') return true
  const found = operators.find(({ name }) => name === operator)
  return found !== undefined && isClockWindow(found)
}

function isClockWindow({ spec }: LogicalOperator): boolean {
  if (spec.kind !== 'window' && spec.kind !== 'window-join') return false
  return assignsByClock(spec.assigner) || (spec.trigger !== undefined && firesByClock(spec.trigger))
}

const assignsByClock = (assigner: WindowAssignerSpec): boolean =>
  assigner.kind !== 'global' && assigner.time === 'processing'

function firesByClock(trigger: TriggerSpec): boolean {
  switch (trigger.kind) {
    case 'processing-time':
    case 'continuous-processing-time':
    case 'early':
      return true
    case 'custom':
      return trigger.onProcessingTime !== undefined
    case 'purging':
      return firesByClock(trigger.inner)
    default:
      return false
  }
}

/** One sentence each, of whatever can make two runs over the same records differ without a mistake in the job. */
export function notesOn({ operators }: LogicalGraph, parallelism: number): readonly string[] {
  const notes = operators.flatMap((operator): string[] => {
    const { name, spec } = operator
    if (spec.kind === 'async-map' || spec.kind === 'lookup-join') {
      return [`"${name}" asks the outside, and does so again: answers, and when they come, may differ`]
    }
    if (spec.kind === 'source' && spec.idleAfterMs !== undefined) {
      return [`"${name}" calls splits idle by the clock, and the watermark goes on without them`]
    }
    if (isClockWindow(operator)) return [`"${name}" has windows or triggers by the clock of the machine`]
    return hasTtl(operator) ? [`"${name}" has state with a TTL, which expires by the clock of today`] : []
  })
  return parallelism === 1
    ? notes
    : [...notes, `at parallelism ${parallelism} records of different subtasks may meet in another order`]
}

/** One by event time forgets by the records. */
function hasTtl({ spec }: LogicalOperator): boolean {
  if (spec.kind === 'keyed-join') return byTheClock(spec.ttl)
  const declared = spec.kind === 'window'
    ? (spec.compute.kind === 'elements' ? spec.compute.state : {})
    : 'state' in spec ? spec.state : {}
  return Object.values<StateSpec>(declared).some(({ ttl }) => byTheClock(ttl))
}

const byTheClock = (ttl: TtlSpec | undefined): boolean => ttl !== undefined && ttl.time !== 'event'
