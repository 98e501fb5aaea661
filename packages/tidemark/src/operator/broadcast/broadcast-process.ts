/**
 * A stream and a broadcast side: rules, models, settings that every subtask must know.
 *
 * Called by create.ts. The stream's side is a process function (process.ts); this adds the second input.
 *
 *   BP-1  The broadcast side alone writes broadcast state, so it is the same in every subtask that has
 *         seen the same broadcast records.
 *   BP-2  No key is set while the broadcast side runs, but inside `applyToKeyedState`, which visits each
 *         key of this subtask that has something stored in that state. A TTL by event time counts from the
 *         broadcast record; from the watermark where it has no time.
 *
 * Source: Flink CoBroadcastWithKeyedOperator, CoBroadcastWithNonKeyedOperator.
 */
import { NO_TIMESTAMP } from '../../base/time.ts'
import type { BroadcastProcessSpec } from '../../graph/broadcast-spec.ts'
import type { Key } from '../../graph/key.ts'
import type { MapState } from '../../state/handles.ts'
import type { OperatorSnapshot } from '../../state/snapshot.ts'
import { E163_UNKNOWN_STATE } from './errors.ts'
import { BroadcastState } from './broadcast-state.ts'
import { userError } from '../errors.ts'
import type { Collect, Operator, OperatorContext } from '../operator.ts'
import { dateOf } from '../process-context.ts'
import { createFunctions, sideOutputs, type RunningFunctions } from '../process.ts'
import { collectAll } from '../user-code.ts'

type Visit = (key: Key, state: unknown) => void

export function createBroadcastProcess(spec: BroadcastProcessSpec, context: OperatorContext): Operator {
  const { operator } = context
  const { keysOf: [keyOf], onRecord, onBroadcast, state, sides, onTimer } = spec
  const shared = new BroadcastState(spec.broadcast, context)
  const functions = createFunctions(
    { keysOf: [keyOf], onRecord: [onRecord], onTimer, state, sides, broadcast: shared.readable }, context,
  )
  const { operator: main, backend, next } = functions
  const ctx: BroadcastSideContext = new BroadcastSideContext({
    operator, functions, broadcast: shared.writable,
    side: sideOutputs(sides, context, () => ctx.timestamp),
  })

  const fromBroadcast: Collect = (value, timestamp) => {
    backend.clearCurrentKey()
    ctx.timestamp = timestamp
    let outputs: unknown
    try {
      outputs = onBroadcast(value, ctx)
    } catch (thrown) {
      throw userError(thrown, operator, 'onBroadcast')
    }
    collectAll(outputs, timestamp, next, operator, 'onBroadcast')
  }

  const withShared = (snapshot: OperatorSnapshot): OperatorSnapshot =>
    ({ ...snapshot, lists: [...snapshot.lists, ...shared.snapshot()] })

  return {
    ...main,
    inputs: [main.collect, fromBroadcast],
    snapshot(checkpoint) {
      return withShared(main.snapshot(checkpoint) as OperatorSnapshot)
    },
    look: () => withShared(main.look?.() as OperatorSnapshot),
  }
}

/** The `ctx` of onBroadcast; set up before each call. */
class BroadcastSideContext {
  readonly broadcast: Readonly<Record<string, MapState<Key, unknown>>>
  readonly side: Readonly<Record<string, (value: unknown) => void>>
  /** Not in the type that users see: whoever gets past it is told that no key is set. */
  readonly state: Readonly<Record<string, unknown>>
  readonly applyToKeyedState: (name: string, visit: Visit) => void
  readonly #timers: RunningFunctions['timers']
  timestamp: number = NO_TIMESTAMP

  constructor(init: {
    readonly operator: string
    readonly functions: RunningFunctions
    readonly broadcast: Readonly<Record<string, MapState<Key, unknown>>>
    readonly side: Readonly<Record<string, (value: unknown) => void>>
  }) {
    const { operator, functions: { backend, handles, timers, enter } } = init
    this.broadcast = init.broadcast
    this.side = init.side
    this.state = handles
    this.#timers = timers
    this.applyToKeyedState = (name, visit) => {
      if (!Object.hasOwn(handles, name)) {
        throw E163_UNKNOWN_STATE({ operator, name, known: Object.keys(handles) })
      }
      try {
        for (const key of backend.keys(name)) {
          enter(key, this.timestamp)
          visit(key, handles[name])
        }
      } finally {
        backend.clearCurrentKey()
      }
    }
  }

  get eventTime(): Date | undefined {
    return this.timestamp === NO_TIMESTAMP ? undefined : dateOf(this.timestamp)
  }

  get watermark(): number {
    return this.#timers.watermark
  }

  get processingTime(): number {
    return this.#timers.processingTime
  }
}
