/**
 * A stream connected with broadcast state, as data (Flink's BroadcastProcessFunction and its keyed form).
 *
 * Built by api/broadcast.ts, run by operator/broadcast-process.ts.
 */
import type { KeySelector, OutputTag, RecordHandler, TimerHandler } from './operator-spec.ts'
import type { MapStateSpec, StateSpec } from './state-spec.ts'

/** Input 0 is the stream, input 1 the broadcast side: its records come to every subtask. */
export interface BroadcastProcessSpec {
  readonly kind: 'broadcast-process'
  /** The stream's key; undefined: not keyed: no keyed state, no timers. The broadcast side never has one. */
  readonly keysOf: readonly [KeySelector | undefined, undefined]
  readonly state: Readonly<Record<string, StateSpec>>
  /** The same in every subtask; only the broadcast side writes to it. */
  readonly broadcast: Readonly<Record<string, MapStateSpec>>
  readonly sides: readonly OutputTag[]
  readonly onRecord: RecordHandler
  readonly onBroadcast: RecordHandler
  readonly onTimer?: TimerHandler
}
