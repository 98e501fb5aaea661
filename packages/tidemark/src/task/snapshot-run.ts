/**
 * From the cut of one checkpoint in one subtask to its acknowledgement: records what the barrier overtook,
 * writes everything, answers the coordinator.
 *
 * Owned by the subtask, which calls `advance` at each step while something is being recorded. What it calls
 * back comes as mail of the subtask.
 *
 *   SU-1  An acknowledgement is sent when all parts are written and all overtaken items are among them.
 *   SU-2  One checkpoint at a time: a new cut, or the end of the old checkpoint, ends what was under way.
 *   SU-3  Segments of an earlier checkpoint are told again only if that one was confirmed to this subtask.
 */
import { describeThrown, isStreamError, reportOf, type StreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { start, wait, type Done, type Fiber, type Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import type { CheckpointFailureReason, FromSubtask, SnapshotMetrics, StateSegment } from '../base/protocol.ts'
import type { ChannelItem } from '../channel/items.ts'
import { E071_UNSTORABLE_VALUE } from '../record/errors.ts'
import type { OperatorSnapshot } from '../state/snapshot.ts'
import { E060_SUBTASK_FAILED, E114_NOT_RECORDABLE } from './errors.ts'
import { storeInFlight, type ChannelOrigin, type Stage } from './in-flight.ts'
import type { InputCapture } from './input-capture.ts'
import { SegmentChains } from './segment-chains.ts'
import { resolved, writeSnapshot, type SnapshotPart, type SnapshotPlace } from './write-snapshot.ts'

export interface Cut {
  readonly id: CheckpointId
  readonly parts: readonly SnapshotPart[]
  /** What was restored and is not processed yet, by operator. */
  readonly left: ReadonlyMap<string, readonly Stage[]>
  /** What the barrier overtakes, on its way to the head of the chain; undefined: nothing. */
  readonly capture: InputCapture | undefined
  readonly endOfData: boolean
  readonly timing: Omit<SnapshotMetrics, 'asyncMs' | 'bytes' | 'overtaken'>
  /** Monotonic ms. */
  readonly atMs: number
}

export interface SnapshotRunInit {
  readonly name: string
  readonly place: SnapshotPlace
  readonly parallelism: number
  /** The operator at the head of the chain, and where its channels come from. */
  readonly head: { readonly operator: string; readonly origins: readonly ChannelOrigin[] }
  readonly ports: Ports
  send(message: FromSubtask): void
  post(mail: () => void): void
  /** Ends the attempt of the subtask. */
  fail(error: StreamError): void
  /** Something is left for the next step. */
  awake(): void
}

export class SnapshotRun {
  readonly #init: SnapshotRunInit
  readonly #chains = new SegmentChains()
  /** The next slice of the snapshot that is being written. */
  #slice: Done<void> | undefined
  #writing: { readonly id: CheckpointId; readonly fiber: Fiber } | undefined
  #capture: InputCapture | undefined
  #recorded: Done<void> | undefined

  constructor(init: SnapshotRunInit) {
    this.#init = init
  }

  /** True if there is something to record or to encode. */
  get ready(): boolean {
    return this.#slice !== undefined || this.#capture?.ready === true
  }

  begin(cut: Cut): void {
    this.cancel()
    const { ports } = this.#init
    const { id, capture } = cut
    this.#capture = capture
    const { known } = this.#chains
    const written = writeSnapshot(this.#init.place, id, this.#withInFlight(cut), () => this.#pause())
    const fiber = start(written, (outcome) => {
      this.#init.post(() => {
        if (this.#writing?.fiber === fiber) this.#writing = undefined
        if (!outcome.ok) {
          const error = asStreamError(outcome.error, this.#init.name)
          if (error.code === E071_UNSTORABLE_VALUE.definition.code) {
            // A value of the job's, not the storage: it would be refused every time.
            this.#init.fail(error)
            return
          }
          const reason = error.code === E114_NOT_RECORDABLE.definition.code ? 'not-recordable' : 'io-error'
          this.#init.send({ kind: 'decline', id, reason, error: reportOf(error) })
          return
        }
        const bytes = sizeOf(outcome.value.flatMap(({ segments }) => segments))
        const asyncMs = ports.clock.monotonicMs() - cut.atMs
        const overtaken = capture === undefined ? {} : { overtaken: capture.overtaken }
        ports.probe('task.ack.sent')
        this.#init.send({
          kind: 'acknowledge', id, segments: this.#chains.add(id, outcome.value, known), endOfData: cut.endOfData,
          metrics: { ...cut.timing, asyncMs, bytes, ...overtaken },
        })
      })
    })
    if (!fiber.settled) this.#writing = { id, fiber }
    this.advance()
  }

  /** Records what has come since, and encodes the next slice. */
  advance(): void {
    const slice = this.#slice
    this.#slice = undefined
    slice?.({ ok: true, value: undefined })
    const capture = this.#capture
    if (capture !== undefined) this.#recordedSome(capture, capture.advance())
  }

  #recordedSome(capture: InputCapture, failed: CheckpointFailureReason | undefined): void {
    if (failed !== undefined) {
      this.cancel()
      this.#init.send({ kind: 'decline', id: capture.id, reason: failed })
    } else if (capture.done) {
      this.#capture = undefined
      this.#recorded?.({ ok: true, value: undefined })
    }
  }

  /** The item at the head of an input channel was taken. */
  taken(channel: number, item: ChannelItem): void {
    const capture = this.#capture
    if (capture !== undefined) this.#recordedSome(capture, capture.taken(channel, item))
  }

  abort(id: CheckpointId): void {
    if (this.#writing?.id === id) this.cancel()
    this.#chains.abort(id)
  }

  complete(id: CheckpointId): void {
    this.#chains.complete(id)
  }

  cancel(): void {
    this.#writing?.fiber.cancel()
    this.#writing = undefined
    this.#slice = undefined
    this.#capture = undefined
    this.#recorded = undefined
  }

  #pause(): Io<void> {
    return wait<void>((done) => {
      this.#slice = done
      this.#init.awake()
    })
  }

  #withInFlight(cut: Cut): SnapshotPart[] {
    const { head } = this.#init
    const operators = new Set([...cut.left.keys(), ...(cut.capture === undefined ? [] : [head.operator])])
    const own = new Map(cut.parts.map((part) => [part.operator, part.snapshot]))
    return [
      ...cut.parts.filter(({ operator }) => !operators.has(operator)),
      ...[...operators].map((operator) => ({
        operator, snapshot: this.#joined(operator, own.get(operator), cut, operator === head.operator ? cut.capture : undefined),
      })),
    ]
  }

  /** What an operator cut, with what is on its way to it. */
  *#joined(
    operator: string, own: SnapshotPart['snapshot'] | undefined, { left }: Cut, capture: InputCapture | undefined,
  ): Io<OperatorSnapshot | undefined> {
    // Begun at once: it is part of the cut.
    const snapshot = own === undefined ? undefined : yield* resolved(own)
    if (capture !== undefined && !capture.done) {
      yield* wait<void>((done) => {
        this.#recorded = done
      })
    }
    const stages = (left.get(operator) ?? []).map(({ age, channels }): Stage => ({ age: age + 1, channels }))
    if (capture !== undefined && capture.overtaken > 0) {
      const { origins } = this.#init.head
      stages.push({ age: 0, channels: capture.items.map((items, i) => ({ origin: origins[i] as ChannelOrigin, items })) })
    }
    if (stages.length === 0) return snapshot
    const { place: { subtask }, parallelism } = this.#init
    const list = storeInFlight(operator, stages, { subtask, parallelism })
    return { keyed: [], ...snapshot, lists: [...(snapshot?.lists ?? []), list] }
  }
}

const sizeOf = (segments: readonly StateSegment[]): number => segments.reduce((sum, { length }) => sum + length, 0)

export function asStreamError(thrown: unknown, subtask: string): StreamError {
  if (isStreamError(thrown)) return thrown
  return E060_SUBTASK_FAILED({ subtask, reason: describeThrown(thrown) }, { cause: thrown })
}
