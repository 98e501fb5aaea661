/**
 * Process functions: your own state machine per key, with state, timers and side outputs, over one input
 * or over two that share them.
 *
 * Called by create.ts, and by broadcast-process.ts, which adds an input. Owns the keyed state and the
 * timers of one subtask.
 *
 *   PR-1  The key is set before the function or a timer callback runs.
 *   PR-2  Outputs carry the timestamp of the record or of the event-time timer that made them; those of
 *         a processing-time timer carry none.
 *   PR-3  A watermark goes on after all timers it fired and all they put out.
 *
 * Source: Flink KeyedProcessOperator, ProcessOperator, KeyedCoProcessOperator, CoProcessOperator.
 */
import { NO_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import { MAIN } from '../graph/operator-spec.ts'
import type {
  CoProcessSpec, KeySelector, ProcessSpec, RecordHandler, TimerHandler,
} from '../graph/operator-spec.ts'
import type { TimeDomain } from '../graph/window-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { IncrementalSnapshots } from '../state/incremental.ts'
import type { KeyedBackend } from '../state/keyed-backend.ts'
import { everythingIn, type TrackedTable } from '../state/slices.ts'
import type { OperatorSnapshot } from '../state/snapshot.ts'
import { declareState, eventClock } from './declare-state.ts'
import { userError } from './errors.ts'
import type { Collect, Operator, OperatorContext } from './operator.ts'
import { guarded, handedOnEach, type Inline } from './inline.ts'
import { dateOf, ProcessContext } from './process-context.ts'
import type { Timer } from './timer-queue.ts'
import { TimerService } from './timer-service.ts'
import { collectAll, freezing, keyFrom } from './user-code.ts'

type Functions = Pick<CoProcessSpec, 'state' | 'sides'> & {
  readonly keysOf: readonly (KeySelector | undefined)[]
  readonly onRecord: readonly RecordHandler[]
  readonly onTimer?: TimerHandler | undefined
  /** `ctx.broadcast`: what the functions may read of broadcast state. */
  readonly broadcast?: Readonly<Record<string, unknown>>
}

/** The operator, and what an input that is added to it needs. */
export interface RunningFunctions {
  readonly operator: Operator
  /** `collect` of the first input as statements. */
  readonly inline: Inline
  readonly backend: KeyedBackend
  readonly handles: Readonly<Record<string, unknown>>
  readonly timers: TimerService
  /** The main output. */
  readonly next: Collect
  /** Makes a key the present one outside of a record of its own, as of `timestamp`. */
  readonly enter: (key: Key, timestamp: number) => void
}

export function createProcess(spec: ProcessSpec, context: OperatorContext): Operator {
  const { keyOf, onRecord, ...shared } = spec
  const { operator: { inputs: _, ...operator }, inline } =
    createFunctions({ ...shared, keysOf: [keyOf], onRecord: [onRecord] }, context)
  return { ...operator, inline }
}

export function createCoProcess(spec: CoProcessSpec, context: OperatorContext): Operator {
  return createFunctions(spec, context).operator
}

export function createFunctions(spec: Functions, context: OperatorContext): RunningFunctions {
  const { operator, output, processingTime, restored, maxParallelism } = context
  const { keysOf, onTimer } = spec
  const next = freezing(output.collector(MAIN), context)
  const timers = new TimerService({
    clock: processingTime, maxParallelism, restored,
    target: {
      onEventTimer: (timer) => fire(timer, 'event', timer.time),
      onProcessingTimer: (timer) => fire(timer, 'processing', NO_TIMESTAMP),
    },
  })
  const { backend, handles } = declareState(spec.state, context, eventClock(
    operator, () => timers.eventTime, () => (ctx.timerDomain === 'processing' ? undefined : ctx.timestamp)))
  /** Made at the first cut, when all states are declared. */
  let increments: IncrementalSnapshots | undefined
  const tables = (): readonly TrackedTable[] => [...timers.tables, ...backend.tables()]
  const ctx: ProcessContext = new ProcessContext({
    operator, keyed: keysOf.some((keyOf) => keyOf !== undefined), timers, state: handles,
    broadcast: spec.broadcast,
    side: sideOutputs(spec.sides, context, () => ctx.timestamp),
  })

  function enter(key: Key, timestamp: number, domain: TimeDomain | undefined): void {
    backend.setCurrentKey(key)
    ctx.key = key
    ctx.timestamp = timestamp
    ctx.timerDomain = domain
  }

  function fire(timer: Timer, domain: TimeDomain, timestamp: number): void {
    if (onTimer === undefined) return
    enter(timer.key, timestamp, domain)
    let outputs: unknown
    try {
      outputs = onTimer(dateOf(timer.time), ctx)
    } catch (thrown) {
      throw userError(thrown, operator, 'onTimer')
    }
    collectAll(outputs, timestamp, next, operator, 'onTimer')
  }

  const entry = (onRecord: RecordHandler, keyOf: KeySelector | undefined): Collect => (value, timestamp) => {
    if (keyOf !== undefined) enter(keyFrom(keyOf, value, operator), timestamp, undefined)
    else ctx.timestamp = timestamp
    let outputs: unknown
    try {
      outputs = onRecord(value, ctx)
    } catch (thrown) {
      throw userError(thrown, operator, 'onRecord')
    }
    if (outputs !== undefined) collectAll(outputs, timestamp, next, operator, 'onRecord')
  }
  const inputs = spec.onRecord.map((onRecord, i) => entry(onRecord, keysOf[i]))
  const inline: Inline = (code, value, time) => {
    const [keyOf] = keysOf
    const [key, outputs] = [code.local(), code.local()]
    const entered = keyOf === undefined
      ? `${code.bind(ctx)}.timestamp = ${time}`
      : `let ${key}; ${guarded(code, `${key} = ${code.bind(keyOf)}(${value})`, operator, 'keyBy')}
        ${code.bind((given: unknown, timestamp: number) => enter(checkKey(given, operator), timestamp, undefined))}(${key}, ${time})`
    const called = `${outputs} = ${code.bind(spec.onRecord[0])}(${value}, ${code.bind(ctx)})`
    const others = (given: unknown, timestamp: number): void => collectAll(given, timestamp, next, operator, 'onRecord')
    return `${entered}; let ${outputs}; ${guarded(code, called, operator, 'onRecord')}
      ${handedOnEach(code, outputs, time, context.freeze, others)}`
  }

  const running: Operator = {
    collect: inputs[0] as Collect,
    inputs,
    open: () => timers.open(),
    onWatermark(watermark) {
      if (timers.advance(watermark)) output.watermark(watermark)
    },
    firing: () => timers.firing,
    fireMore(most) {
      if (timers.fireMore(most)) output.watermark(timers.watermark)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot(checkpoint): OperatorSnapshot {
      increments ??= new IncrementalSnapshots(tables())
      backend.beginCut()
      return { keyed: [], lists: timers.snapshotLists(), slices: increments.cut(checkpoint) }
    },
    look() {
      backend.beginCut()
      return { keyed: everythingIn(tables()), lists: timers.snapshotLists() }
    },
    onCheckpointComplete: (checkpoint) => increments?.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments?.abort(checkpoint),
    close: () => timers.close(),
  }
  return {
    operator: running, inline, backend, handles, timers, next,
    enter: (key, timestamp) => enter(key, timestamp, timestamp === NO_TIMESTAMP ? 'processing' : undefined),
  }
}

/** One function per tag; outputs carry the timestamp that main outputs of the same call carry. */
export function sideOutputs(
  tags: readonly string[], context: OperatorContext, timestamp: () => number,
): Readonly<Record<string, (value: unknown) => void>> {
  const functions = tags.map((tag) => {
    const collect: Collect = freezing(context.output.collector(tag), context)
    return [tag, (value: unknown) => collect(value, timestamp())] as const
  })
  return Object.freeze(Object.fromEntries(functions))
}
