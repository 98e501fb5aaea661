/**
 * Join without windows: every pair of records of one key, however far apart in time.
 *
 * Called by create.ts. Owns the records of both sides as list state, each for its TTL; in an outer join
 * also what was put out for records that are alone, so that it can be taken back word for word.
 *
 *   KJ-1  A pair is put out once, when the second of its records arrives, with that record's timestamp.
 *   KJ-2  A record that has expired is in no pair. With `refreshedBy: 'read'` each pair begins the time of both anew.
 *   KJ-3  An outer join puts out a changelog: a record that finds nobody is put in alone at once, and taken
 *         back when the first partner comes. What is taken back was put in before, with or without a TTL.
 *   KJ-4  Records that are alone stand all on one side of their key: any record of the other side would be
 *         a partner of all of them.
 *
 * Source: Flink SQL StreamingJoinOperator, with append-only inputs.
 */
import { keepsLeft, keepsRight, type KeyedJoinSpec } from '../../graph/join-spec.ts'
import { ALONE_STATES, keyedJoinStates } from '../../graph/kept-states.ts'
import { MAIN } from '../../graph/operator-spec.ts'
import type { ListState } from '../../state/handles.ts'
import type { ListStateSnapshot } from '../../state/snapshot.ts'
import { declareState, eventClock } from '../declare-state.ts'
import { userError } from '../errors.ts'
import type { Collect, Operator, OperatorContext } from '../operator.ts'
import { freezing, keyFrom } from '../user-code.ts'
import { restoredWatermark, watermarkState } from '../watermark-state.ts'
import { JoinContext } from './join-sides.ts'
import { LEFT, RIGHT, type Side } from './side-table.ts'

/** State names in snapshots: of records; results of records that are alone have theirs. */
const STATE_NAMES = ['left', 'right'] as const

interface SideState {
  readonly records: ListState<unknown>
  /** Undefined where records without a partner are not put out. */
  readonly alone: ListState<unknown> | undefined
}

export function createKeyedJoin(spec: KeyedJoinSpec, context: OperatorContext): Operator {
  const { operator, output } = context
  const { keysOf, fn, ttl, type } = spec
  const next = freezing(output.collector(MAIN), context)
  const alone = { kind: 'list', version: 1, ...(ttl === undefined ? {} : { ttl }) } as const
  const keeps = [keepsLeft(type), keepsRight(type)] as const
  const aloneNames = ALONE_STATES.filter((_, side) => keeps[side as Side])
  const declared = { ...keyedJoinStates(spec), ...Object.fromEntries(aloneNames.map((name) => [name, alone])) }
  const ctx = new JoinContext()
  let watermark = restoredWatermark(context.restored)
  const { backend, handles } = declareState(declared, context, eventClock(operator, () => watermark, () => ctx.timestamp))
  /** The watermark decides nothing else here. */
  const lists = (): ListStateSnapshot[] => (ttl?.time === 'event' ? [watermarkState(watermark)] : [])
  const stateOf = (side: Side): SideState => ({
    records: handles[STATE_NAMES[side]] as ListState<unknown>,
    alone: handles[ALONE_STATES[side]] as ListState<unknown> | undefined,
  })
  const states = [stateOf(LEFT), stateOf(RIGHT)] as const

  function joined(left: unknown, right: unknown): unknown {
    try {
      return fn(left, right, ctx)
    } catch (thrown) {
      throw userError(thrown, operator, 'join')
    }
  }

  const put: Collect = type === 'inner' ? next : (row, timestamp) => next({ op: 'insert', row }, timestamp)

  const entry = (side: Side): Collect => {
    const own = states[side]
    const other = states[side === LEFT ? RIGHT : LEFT]
    const withPartner = (value: unknown, partner: unknown): unknown =>
      (side === LEFT ? joined(value, partner) : joined(partner, value))
    return (value, timestamp) => {
      const key = keyFrom(keysOf[side], value, operator)
      backend.setCurrentKey(key)
      ctx.key = key
      ctx.timestamp = timestamp
      own.records.push(value)
      if (other.alone !== undefined) {
        for (const row of other.alone) next({ op: 'delete', row }, timestamp)
        other.alone.clear()
      }
      const partners = other.records.get()
      for (let i = 0; i < partners.length; i++) put(withPartner(value, partners[i]), timestamp)
      if (partners.length > 0 || own.alone === undefined) return
      const row = withPartner(value, undefined)
      own.alone.push(row)
      put(row, timestamp)
    }
  }
  const inputs = [entry(LEFT), entry(RIGHT)] as const

  return {
    collect: inputs[LEFT],
    inputs,
    onWatermark(reached) {
      watermark = Math.max(watermark, reached)
      output.watermark(reached)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot: (checkpoint) => ({ keyed: [], lists: lists(), slices: backend.cut(checkpoint) }),
    look: () => ({ keyed: backend.snapshot(), lists: lists() }),
    onCheckpointComplete: (checkpoint) => backend.onCheckpointComplete(checkpoint),
    onCheckpointAborted: (checkpoint) => backend.onCheckpointAborted(checkpoint),
  }
}
