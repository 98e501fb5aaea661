/**
 * Drives one operator, or a few parallel subtasks of it, without a task, a channel or a thread.
 *
 * For tests of operators and for the conformance runner. Time stands still until it is moved; snapshots
 * go through the bytes of the snapshot format, so what survives here survives on disk.
 */
import { assert, unreachable } from '../base/assert.ts'
import { attempt, checkpointId, epoch } from '../base/ids.ts'
import { start, wait, type Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { Prng } from '../base/prng.ts'
import { NO_TIMESTAMP } from '../base/time.ts'
import { keyGroupRange } from '../graph/key-groups.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import type { OperatorSpec, OutputTag } from '../graph/operator-spec.ts'
import { createOperator } from '../operator/create.ts'
import type { Operator, OperatorContext, OperatorMetrics } from '../operator/operator.ts'
import { restoreOperator } from '../state/restore.ts'
import { decodeSegment, encodeSegment } from '../state/snapshot-format.ts'
import { inOneGo, type OperatorSnapshot } from '../state/snapshot.ts'
import { ManualTime } from './manual-time.ts'

/** What an operator sent, in order. */
export type HarnessOutput =
  | { readonly kind: 'record'; readonly tag: OutputTag; readonly value: unknown; readonly timestamp: number | undefined }
  | { readonly kind: 'watermark'; readonly watermark: number }
  | { readonly kind: 'idle'; readonly idle: boolean }

export interface HarnessOptions {
  readonly parallelism?: number
  readonly subtask?: number
  readonly maxParallelism?: number
  /** Segments of all subtasks of the snapshot to start from. */
  readonly restored?: readonly Uint8Array[]
  /** Processing time to begin with. Default 0. */
  readonly nowMs?: number
  /** Deep-freeze what user code hands over. Default true. */
  readonly freeze?: boolean
  /** Instead of the engine's choice, for comparing two implementations. */
  readonly create?: (spec: any, context: OperatorContext) => Operator
}

export class OperatorHarness {
  readonly #operator: Operator
  readonly #name: string
  readonly #options: HarnessOptions
  readonly #time: ManualTime
  readonly #outputs: HarnessOutput[] = []
  #taken = 0
  #checkpoints = 0
  readonly #mail: (() => void)[] = []
  #inStep = false
  #closed = false
  #failure: { readonly error: unknown } | undefined
  readonly metrics: OperatorMetrics = { late: 0, invalid: 0, dropped: 0 }
  readonly printed: { readonly label: string; readonly index: number; readonly text: string }[] = []

  constructor(operator: LogicalOperator | OperatorSpec, options: HarnessOptions = {}) {
    const logical = 'spec' in operator ? operator : logicalOf(operator)
    this.#name = logical.name
    this.#options = options
    this.#time = new ManualTime(options.nowMs ?? 0)
    const context = this.#context()
    this.#operator = options.create?.(logical.spec, context) ?? createOperator(logical, context)
    this.#step(() => this.#operator.open?.())
    this.#fireDue()
  }

  /** Without `timestamp` the record has none; `input` is one of an operator with several. */
  send(value: unknown, timestamp: number = NO_TIMESTAMP, input = 0): void {
    const collect = this.#operator.inputs?.[input] ?? this.#operator.collect
    this.#step(() => collect(value, timestamp))
    this.#fireDue()
  }

  watermark(watermark: number): void {
    this.#step(() => {
      this.#operator.onWatermark(watermark)
      while (this.#operator.firing?.() === true) this.#operator.fireMore?.(Infinity)
    })
    this.#fireDue()
  }

  idle(idle: boolean): void {
    this.#step(() => this.#operator.onIdle(idle))
  }

  /** Moves the clock and fires what is due. */
  processingTime(nowMs: number): void {
    this.#step(() => this.#time.advance(nowMs))
  }

  get nowMs(): number {
    return this.#time.now()
  }

  /** The operator itself, for what the harness does not cover. */
  get operator(): Operator {
    return this.#operator
  }

  /** Everything sent so far. */
  get outputs(): readonly HarnessOutput[] {
    return this.#outputs
  }

  /** What was sent since the last call. */
  take(): readonly HarnessOutput[] {
    const fresh = this.#outputs.slice(this.#taken)
    this.#taken = this.#outputs.length
    return fresh
  }

  /** Values sent to one tag so far. */
  values(tag: OutputTag = 'main'): unknown[] {
    return this.#outputs.flatMap((output) => (output.kind === 'record' && output.tag === tag ? [output.value] : []))
  }

  /** One segment; give those of all subtasks as `restored`. */
  snapshot(): Uint8Array {
    this.#checkpoints += 1
    this.#step(() => this.#operator.beforeBarrier?.())
    const made = this.#operator.snapshot(checkpointId(this.#checkpoints))
    const snapshot = made === undefined ? { keyed: [], lists: [] } : inOneGo('next' in made ? finished(made) : made)
    const place = this.#place()
    const { bytes } = encodeSegment({
      operator: this.#name, subtask: place.subtask, keyGroups: place.keyGroups, snapshot,
    })
    return bytes
  }

  close(): void {
    this.#closed = true
    this.#operator.close?.()
  }

  /** Processing-time timers for a time already reached fire between two records, as in a task. */
  #fireDue(): void {
    this.#step(() => this.#time.advance(this.#time.now()))
  }

  /** A call of the operator and the mail it leads to. What failed between two calls is thrown by the next. */
  #step(call: () => void): void {
    this.#throwFailure()
    this.#inStep = true
    try {
      call()
      for (let mail = this.#mail.shift(); mail !== undefined; mail = this.#mail.shift()) mail()
    } finally {
      this.#inStep = false
    }
    this.#throwFailure()
  }

  /** Mail from outside a call (a promise that settled) runs at once: there is no loop to wait for. */
  #post(mail: () => void): void {
    if (this.#closed) return
    this.#mail.push(mail)
    if (this.#inStep) return
    try {
      this.#step(() => {})
    } catch (error) {
      this.#failure ??= { error }
    }
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
  }

  #place() {
    const { subtask = 0, parallelism = 1, maxParallelism = 128 } = this.#options
    return { subtask, parallelism, maxParallelism, keyGroups: keyGroupRange(subtask, parallelism, maxParallelism) }
  }

  #context(): OperatorContext {
    const place = this.#place()
    const { restored, freeze = true } = this.#options
    const emit = (output: HarnessOutput): void => void this.#outputs.push(output)
    return {
      job: 'harness', operator: this.#name, jobId: 'harness', epoch: epoch(1), attempt: attempt(0), ...place, freeze,
      output: {
        collector: (tag) => (value, timestamp) => emit({
          kind: 'record', tag, value, timestamp: timestamp === NO_TIMESTAMP ? undefined : timestamp,
        }),
        watermark: (watermark) => emit({ kind: 'watermark', watermark }),
        idle: (idle) => emit({ kind: 'idle', idle }),
      },
      processingTime: this.#time,
      ports: harnessPorts(this.#time),
      metrics: this.metrics,
      restored: restored === undefined
        ? undefined
        : restoreOperator(restored.map((bytes) => decodeSegment(bytes)), place),
      wake: () => {},
      post: (mail) => this.#post(mail),
      fail: (error) => {
        this.#failure ??= { error }
      },
      fence: () => wait((done) => done({ ok: true, value: undefined })),
      print: (label, index, text) => void this.printed.push({ label, index, text }),
    }
  }
}

function logicalOf(spec: OperatorSpec): LogicalOperator {
  return { index: 0, name: 'under-test', named: true, was: [], spec, inputs: [] }
}

function finished(io: Io<OperatorSnapshot>): OperatorSnapshot {
  let snapshot: OperatorSnapshot | undefined
  start(io, (outcome) => {
    if (!outcome.ok) throw outcome.error
    snapshot = outcome.value
  })
  assert(snapshot !== undefined, 'the harness has no storage to wait for')
  return snapshot
}

/** Operators under this harness do no I/O: whatever they ask of storage is a mistake of the test. */
function harnessPorts(time: ManualTime): Ports {
  const refuse = (): never => unreachable('an operator under the harness does no I/O')
  return {
    clock: { wallMs: () => time.now(), monotonicMs: () => time.now() },
    timers: {
      after(delayMs, fire) {
        const cancel = time.at(time.now() + delayMs, fire)
        return { cancel }
      },
    },
    random: new Prng(1),
    executor: { post: refuse },
    storage: {
      create: refuse, openRead: refuse, append: refuse, read: refuse, sync: refuse, close: refuse,
      readWhole: refuse, link: refuse, unlink: refuse, list: refuse, stat: refuse, makeDirectory: refuse,
      removeDirectory: refuse, syncDirectory: refuse,
    },
    log: () => {},
    probe: () => {},
  }
}
