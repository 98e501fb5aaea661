/**
 * Faults that sit in the graph: user functions that throw, commits that time out.
 *
 * Pure wrappers; when they strike is decided by the run that made them (explore-run.ts).
 */
import type { Io } from '../base/io.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import type { OperatorSpec } from '../graph/operator-spec.ts'
import type { AnySink } from '../graph/sink.ts'

/** In the text of every injected failure: an error without it is the job's own. */
export const INJECTED = 'injected by explore()'

export type Strike = 'none' | 'before' | 'after'

type Fn = (...args: any[]) => any

/** The spec with functions that throw before or after they did their work, when `strike` says so. */
export function throwing(operator: LogicalOperator, strike: () => Strike): OperatorSpec {
  const { spec, name } = operator
  const wrap = <F extends Fn>(fn: F): F =>
    (function struck(this: unknown, ...args: unknown[]): unknown {
      const when = strike()
      if (when === 'before') throw new Error(`a failure of "${name}", ${INJECTED}`)
      const result: unknown = fn.apply(this, args)
      if (when === 'after') throw new Error(`a failure of "${name}", ${INJECTED}`)
      return result
    }) as F
  switch (spec.kind) {
    case 'map':
      return { ...spec, fn: wrap(spec.fn) }
    case 'filter':
      return { ...spec, fn: wrap(spec.fn) }
    case 'flat-map':
      return { ...spec, fn: wrap(spec.fn) }
    case 'process':
      return {
        ...spec, onRecord: wrap(spec.onRecord),
        ...(spec.onTimer === undefined ? {} : { onTimer: wrap(spec.onTimer) }),
      }
    case 'window':
      return spec.compute.kind === 'elements'
        ? { ...spec, compute: { ...spec.compute, fn: wrap(spec.compute.fn) } }
        : spec
    default:
      return spec
  }
}

/** The sink with commits whose outcome is sometimes not known: they throw, having taken place or not. */
export function timingOut(sink: AnySink, strike: () => Strike): AnySink {
  return {
    kind: sink.kind,
    resource: sink.resource,
    commit: sink.commit,
    createWriter: (context) => sink.createWriter(context),
    createCommitter(context) {
      const committer = sink.createCommitter(context)
      return {
        *commit(committables): Io<void> {
          const when = strike()
          if (when === 'before') throw new Error(`a commit timed out, ${INJECTED}`)
          yield* committer.commit(committables)
          if (when === 'after') throw new Error(`the answer to a commit was lost, ${INJECTED}`)
        },
        removeAbandoned: (live, restored) => committer.removeAbandoned(live, restored),
      }
    },
  }
}
