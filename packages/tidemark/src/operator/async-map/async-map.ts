/**
 * mapAsync: a function that waits for something outside, for many records at a time.
 *
 * Called by create.ts. Owns the records in flight. A result comes back as mail of the subtask.
 *
 *   AW-1  At most `capacity` calls are under way. Records beyond that wait for their turn in the order in
 *         which they came; while some do, or while no further call may begin, the operator is busy, so
 *         no more wait than one step of the chain brings.
 *   AW-2  Every record in flight is part of the snapshot, with or without a result that has to wait; after
 *         a restore they are called again before any new record, in their order.
 *   AW-3  Watermarks and idleness keep their place among the records (AQ-1); the end of data waits.
 *   AW-4  What comes after `close` has no effect.
 *   AW-5  What was in flight in subtask s of p goes to subtask floor(s * q / p) of q: to itself where the
 *         parallelism is the same, and together, in order, where it is not.
 *
 * Source: Flink AsyncWaitOperator. It spreads records in flight round-robin when rescaled; AW-5 keeps
 * the order of those that one subtask had.
 */
import { describeThrown, isStreamError } from '../../base/errors.ts'
import type { AsyncMapSpec } from '../../graph/async-spec.ts'
import { FAILED, MAIN } from '../../graph/operator-spec.ts'
import type { OperatorSnapshot, RestoredOperator } from '../../state/snapshot.ts'
import { userError } from '../errors.ts'
import type { Collect, Operator, OperatorContext } from '../operator.ts'
import { freezing } from '../user-code.ts'
import { AsyncCall, type CallHost, type CallOutcome } from './call.ts'
import { E160_ASYNC_FUNCTION_FAILED, E161_ASYNC_FUNCTION_TIMED_OUT } from './errors.ts'
import { ResultQueue, type Entry } from './result-queue.ts'

const STATE = 'in-flight'

type Stored = readonly [subtask: number, parallelism: number, value: unknown, timestamp: number]
type Failure = Exclude<CallOutcome, { kind: 'result' }>

export class AsyncMap implements Operator {
  readonly collect: Collect
  readonly #spec: AsyncMapSpec
  readonly #context: OperatorContext
  readonly #host: CallHost
  readonly #queue: ResultQueue
  readonly #waiting: Entry[] = []
  readonly #calls = new Set<AsyncCall>()
  readonly #next: Collect
  readonly #failed: Collect
  #restored: readonly Entry[]
  #closed = false

  constructor(spec: AsyncMapSpec, context: OperatorContext) {
    const { output, ports } = context
    this.#spec = spec
    this.#context = context
    this.#host = {
      post: (mail) => context.post(mail),
      after: (delayMs, fire) => ports.timers.after(delayMs, fire),
    }
    this.#next = freezing(output.collector(MAIN), context)
    this.#failed = freezing(output.collector(FAILED), context)
    this.#queue = new ResultQueue(spec.ordered, (mark) => {
      if (mark.kind === 'watermark') output.watermark(mark.watermark)
      else output.idle(mark.idle)
    })
    this.#restored = restoredRecords(context.restored, context)
    this.collect = (value, timestamp) => this.#take({ value, timestamp })
  }

  open(): void {
    for (const entry of this.#restored) this.#take(entry)
    this.#restored = []
  }

  get busy(): boolean {
    return this.#calls.size >= this.#spec.capacity
  }

  get inFlight(): boolean {
    return !this.#queue.empty
  }

  onWatermark(watermark: number): void {
    this.#queue.mark({ kind: 'watermark', watermark })
  }

  onIdle(idle: boolean): void {
    this.#queue.mark({ kind: 'idle', idle })
  }

  snapshot(): OperatorSnapshot {
    const { subtask, parallelism } = this.#context
    const items = Array.from(this.#queue.records(),
      ({ value, timestamp }): Stored => [subtask, parallelism, value, timestamp])
    return { keyed: [], lists: [{ name: STATE, redistribute: 'union', items }] }
  }

  close(): void {
    this.#closed = true
    for (const call of this.#calls) call.abandon()
    this.#calls.clear()
  }

  #take(entry: Entry): void {
    this.#queue.add(entry)
    if (this.busy) this.#waiting.push(entry)
    else this.#call(entry)
  }

  #call(entry: Entry): void {
    const call = new AsyncCall(this.#spec, entry.value, this.#host, (outcome) => {
      this.#calls.delete(call)
      if (!this.#closed) this.#settled(entry, outcome)
    })
    this.#calls.add(call)
    call.start()
  }

  #settled(entry: Entry, outcome: CallOutcome): void {
    const send = outcome.kind === 'result'
      ? this.#resultOf(entry, outcome.value)
      : this.#failureOf(entry, outcome)
    if (send === undefined) return
    this.#queue.complete(entry, send)
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) this.#call(waiting)
  }

  #resultOf({ timestamp }: Entry, value: unknown): () => void {
    return () => this.#next(value, timestamp)
  }

  /** Undefined: the attempt ends. */
  #failureOf(entry: Entry, failure: Failure): (() => void) | undefined {
    const { onTimeout, onFailed } = this.#spec
    const { operator } = this.#context
    if (failure.kind === 'timed-out' && onTimeout !== undefined) {
      try {
        return this.#resultOf(entry, onTimeout(entry.value))
      } catch (thrown) {
        this.#context.fail(userError(thrown, operator, 'onTimeout'))
        return undefined
      }
    }
    const error = errorOf(failure, operator, this.#spec.timeoutMs)
    if (onFailed === 'fail') {
      this.#context.fail(error)
      return undefined
    }
    const { value: record, timestamp } = entry
    const { tries, kind } = failure
    const failed = { record, error: error.message, timedOut: kind === 'timed-out', tries }
    return () => this.#failed(failed, timestamp)
  }
}

export function createAsyncMap(spec: AsyncMapSpec, context: OperatorContext): AsyncMap {
  return new AsyncMap(spec, context)
}

function errorOf(failure: Failure, operator: string, timeoutMs: number): Error {
  const { tries } = failure
  const place = { place: { operator } }
  if (failure.kind === 'timed-out') {
    return E161_ASYNC_FUNCTION_TIMED_OUT({ operator, tries, timeoutMs }, place)
  }
  const { error } = failure
  if (isStreamError(error)) return error.withPlace({ operator })
  const details = { operator, tries, reason: describeThrown(error) }
  return E160_ASYNC_FUNCTION_FAILED(details, { ...place, cause: error })
}

/** This subtask's share of what was in flight (AW-5). */
function restoredRecords(
  restored: RestoredOperator | undefined, place: { readonly subtask: number; readonly parallelism: number },
): Entry[] {
  const stored = (restored?.list(STATE) ?? []) as readonly Stored[]
  const ownerOf = (subtask: number, parallelism: number): number =>
    Math.floor((subtask * place.parallelism) / parallelism)
  return stored
    .filter(([subtask, parallelism]) => ownerOf(subtask, parallelism) === place.subtask)
    .map(([, , value, timestamp]) => ({ value, timestamp }))
}
