/**
 * One subtask: mailbox, input gate, barrier handler, operator chain, outputs, as one synchronous
 * state machine (Flink's StreamTask with its MailboxProcessor).
 *
 * Owns: its chain and its end of the channels. Called by the host: `deliver` (messages), `runnable`
 * and `step`. Calls the host through `SubtaskHost`. Await points: none; what takes time (writing a
 * snapshot, committing) runs as an Io whose end comes back as mail.
 *
 *   created ──start──► running ──all input read──► draining ──final checkpoint committed──► finished
 *                         └──────────── anything thrown / cancel ──────────► failed / cancelled
 *
 * Invariants
 *   ST-1  One step processes at most one input item; mail comes first.
 *   ST-2  No input is taken while an output is full or a sink of the chain is busy; mail still runs.
 *   ST-3  A barrier is forwarded before the snapshot of the same checkpoint is taken, and no record,
 *         timer or watermark comes between the two.
 *   ST-4  Checkpoint ids performed by one subtask increase.
 *   ST-5  A subtask that ended its input leaves only after a checkpoint that covers its end is
 *         complete and all its commits are confirmed (FLIP-147's final checkpoint).
 *   ST-6  After failed, cancelled or finished nothing is sent and no operator is called.
 *   ST-7  The end of data goes out when no operator of the chain has results still to come; until then
 *         the subtask runs, and its checkpoints hold what is in flight.
 */
import { assert, assertNever } from '../base/assert.ts'
import { describeThrown, isStreamError, reportOf, type StreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { start, type Fiber } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import type { CheckpointBarrier, FromSubtask, ToSubtask } from '../base/protocol.ts'
import type { ChannelItem, DataBatch } from '../channel/items.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import { WatermarkValve, type ValveChange, type WatermarkHolder } from '../time/watermark-valve.ts'
import type { Collect } from '../operator/operator.ts'
import { isSource, type SourceOperator } from '../operator/source-operator.ts'
import { BarrierHandler } from './barrier-handler.ts'
import { E060_SUBTASK_FAILED } from './errors.ts'
import type { InputGate } from './input-gate.ts'
import type { OperatorChain } from './operator-chain.ts'
import type { TaskOptions } from './options.ts'
import { Pace } from './pace.ts'
import type { Pressure } from './record-writer.ts'
import { writeSnapshot, type SegmentWriter } from './write-snapshot.ts'

export interface SubtaskHost {
  send(message: FromSubtask): void
  /** Mail arrived from outside a step: the host's loop must look at this subtask again. */
  awake(): void
  readonly segments: SegmentWriter
}

export type SubtaskState = 'created' | 'running' | 'draining' | 'finished' | 'failed' | 'cancelled'

export interface SubtaskInit {
  /** 'vertex/subtask', for lanes and traces. */
  readonly name: string
  readonly index: number
  readonly keyGroups: KeyGroupRange
  readonly gate: InputGate
  readonly ports: Ports
  readonly options: TaskOptions
  readonly pressure: Pressure
  readonly host: SubtaskHost
  readonly restoredCheckpoint: number
}

const MAX_REMEMBERED_ABORTS = 64

export class Subtask {
  readonly #init: SubtaskInit
  readonly #chain: OperatorChain
  readonly #source: SourceOperator | undefined
  /** Sources have no inputs to merge. */
  readonly #valve: WatermarkValve | undefined
  readonly #barriers: BarrierHandler
  readonly #mail: (() => void)[] = []
  readonly #pace: Pace
  readonly #sourcePace: Pace
  readonly #abortedBeforeStart = new Set<number>()
  readonly #endedData = new Set<number>()
  #state: SubtaskState = 'created'
  #partial: { batch: DataBatch; collect: Collect; next: number } | undefined
  #sourceMayHaveMore = true
  #inputEnded = false
  #lastCheckpoint: number
  #lastReportedComplete = 0
  #lastReportedCommitted = 0
  #finalCheckpoint: number | undefined
  #alignmentStartedMs = 0
  #writing: { id: CheckpointId; fiber: Fiber } | undefined

  constructor(init: SubtaskInit, createChain: (hooks: ChainHooks) => OperatorChain) {
    this.#init = init
    this.#lastCheckpoint = init.restoredCheckpoint
    this.#pace = new Pace(init.options.batchRecords)
    this.#sourcePace = new Pace(init.options.sourceBatchRecords)
    const channels = init.gate.channels.length
    this.#valve = channels === 0 ? undefined : new WatermarkValve(channels, init.gate.channels.map(({ sender }) => sender))
    this.#chain = createChain({
      wake: () => {
        this.#sourceMayHaveMore = true
        this.#post(() => {})
      },
      fail: (error) => this.#post(() => this.#fail(error)),
      post: (mail) => this.#post(mail),
    })
    const head = this.#chain.head
    this.#source = isSource(head) ? head : undefined
    this.#barriers = new BarrierHandler(channels, {
      block: (channel) => this.#setBlocked(channel, true),
      unblock: (channel) => this.#setBlocked(channel, false),
      snapshot: (barrier, last) => this.#checkpoint(barrier, last),
      aborted: (id, reason) => {
        this.#chain.broadcast({ kind: 'cancel', id })
        this.#send({ kind: 'decline', id, reason })
      },
      alignmentStarted: () => {
        this.#alignmentStartedMs = init.ports.clock.monotonicMs()
        init.ports.probe('task.barrier.first')
      },
    })
  }

  get state(): SubtaskState {
    return this.#state
  }

  get source(): SourceOperator | undefined {
    return this.#source
  }

  /** What holds event time back here: a split of a source, or the sender of an input channel. */
  watermarkHolder(): WatermarkHolder | undefined {
    return this.#source?.holder() ?? this.#valve?.holder()
  }

  get chain(): OperatorChain {
    return this.#chain
  }

  get #alive(): boolean {
    return this.#state === 'created' || this.#state === 'running' || this.#state === 'draining'
  }

  /** Opens the operators; the first record may follow. */
  start(): void {
    assert(this.#state === 'created', 'a subtask starts once')
    this.#guard(() => {
      this.#chain.open()
      this.#state = 'running'
      this.#send({ kind: 'running' })
    })
  }

  deliver(message: ToSubtask): void {
    this.#post(() => this.#onMessage(message))
  }

  /** Ends at once, without snapshot or commit; idempotent. */
  cancel(): void {
    if (this.#alive) this.#end('cancelled')
  }

  get runnable(): boolean {
    if (!this.#alive || this.#state === 'created') return false
    if (this.#mail.length > 0) return true
    return this.#inputReady && !this.#blockedByOutput()
  }

  get #inputReady(): boolean {
    if (this.#partial !== undefined) return true
    if (this.#source !== undefined) return this.#sourceMayHaveMore && !this.#inputEnded
    return this.#init.gate.ready
  }

  step(): void {
    this.#guard(() => {
      if (this.#mail.length > 0) {
        const mails = this.#mail.splice(0)
        for (const mail of mails) {
          if (!this.#alive) return
          mail()
        }
        this.#endOfData()
        this.#reportCommits()
        // What mail brought about (timers, results of calls) waits for no input that may never come.
        if (this.#alive && (!this.#inputReady || this.#chain.busy)) this.#chain.flush()
        return
      }
      if (this.#blockedByOutput()) return
      if (this.#partial !== undefined) this.#resumeBatch()
      else if (this.#source !== undefined) this.#pollSource(this.#source)
      else this.#pullGate()
    })
  }

  // ---- input ------------------------------------------------------------------------------------

  #blockedByOutput(): boolean {
    const { pressure } = this.#init
    if (pressure.full) pressure.full = this.#chain.outputsFull
    return pressure.full || this.#chain.busy
  }

  #pollSource(source: SourceOperator): void {
    const { clock, probe } = this.#init.ports
    probe('src.poll')
    const { records } = this.#sourcePace
    const began = clock.monotonicMs()
    const result = source.poll(records)
    this.#sourcePace.took(records, clock.monotonicMs() - began)
    if (source.takeSplitRequest()) this.#send({ kind: 'request-split', operator: source.name })
    const aligned = source.takeAlignmentReport()
    if (aligned !== undefined) this.#send({ kind: 'aligned-watermark', operator: source.name, ...aligned })
    if (result === 'end') {
      this.#inputEnded = true
      this.#endOfData()
    } else if (result === 'pending') {
      this.#sourceMayHaveMore = false
      this.#chain.flush()
    }
  }

  #pullGate(): void {
    const { gate } = this.#init
    const item = gate.pull()
    if (item === undefined) return
    this.#onItem(item, gate.lastChannel)
    if (!gate.ready) this.#chain.flush()
  }

  #onItem(item: ChannelItem, channel: number): void {
    switch (item.kind) {
      case 'data':
        assert(!this.#endedData.has(channel), 'no record follows the end of data of its channel')
        this.#partial = { batch: item, collect: this.#entryOf(channel), next: 0 }
        this.#resumeBatch()
        break
      case 'watermark':
        this.#forward(this.#valve?.onWatermark(channel, item.watermark))
        break
      case 'idle':
        this.#forward(this.#valve?.onIdle(channel, item.idle))
        break
      case 'barrier':
        this.#barriers.onBarrier(item.barrier, channel)
        break
      case 'cancel':
        this.#barriers.onCancel(item.id)
        break
      case 'end-of-data':
        this.#endedData.add(channel)
        this.#forward(this.#valve?.onFinished(channel))
        this.#inputEnded = this.#endedData.size === this.#init.gate.channels.length
        this.#endOfData()
        break
      case 'end-of-partition':
        this.#barriers.onChannelEnded(channel)
        break
      default:
        assertNever(item, 'channel item')
    }
  }

  #entryOf(channel: number): Collect {
    const { head } = this.#chain
    return head.inputs?.[this.#init.gate.inputs[channel] as number] ?? head.collect
  }

  /** Stops between two records when an output became full or it took long; the rest waits here. */
  #resumeBatch(): void {
    const partial = this.#partial
    assert(partial !== undefined, 'a batch is being read')
    const { values, timestamps } = partial.batch
    const { collect } = partial
    const { pressure, ports: { clock } } = this.#init
    const first = partial.next
    const end = Math.min(values.length, first + this.#pace.records)
    const began = clock.monotonicMs()
    let i = first
    while (i < end) {
      collect(values[i], timestamps[i] as number)
      i += 1
      if (pressure.full) break
    }
    this.#pace.took(i - first, clock.monotonicMs() - began)
    if (i === values.length) this.#partial = undefined
    else partial.next = i
  }

  #forward(change: ValveChange | undefined): void {
    if (change === undefined) return
    const { head } = this.#chain
    if (change.idle === false) head.onIdle(false)
    if (change.watermark !== undefined) head.onWatermark(change.watermark)
    if (change.idle === true) head.onIdle(true)
  }

  #endOfData(): void {
    if (this.#state !== 'running' || !this.#inputEnded || this.#chain.inFlight) return
    this.#chain.broadcast({ kind: 'end-of-data' })
    this.#state = 'draining'
    this.#send({ kind: 'end-of-data' })
  }

  #setBlocked(channel: number, blocked: boolean): void {
    const target = this.#init.gate.channels[channel]
    assert(target !== undefined, 'channel index is in range')
    target.blocked = blocked
  }

  // ---- messages ---------------------------------------------------------------------------------

  #onMessage(message: ToSubtask): void {
    switch (message.kind) {
      case 'trigger':
        if (this.#source !== undefined) this.#checkpoint(message.barrier, -1)
        else this.#barriers.onTrigger(message.barrier)
        break
      case 'complete':
        this.#onComplete(message.id)
        break
      case 'aborted':
        this.#onAborted(message.id, message.latestComplete)
        break
      case 'assign':
        this.#requireSource(message.operator).addSplits(message.splits)
        this.#sourceMayHaveMore = true
        break
      case 'no-more-splits':
        this.#requireSource(message.operator).noMoreSplits()
        this.#sourceMayHaveMore = true
        break
      case 'group-watermark':
        this.#requireSource(message.operator).onGroupWatermark(message.watermark)
        this.#sourceMayHaveMore = true
        break
      default:
        assertNever(message, 'message to a subtask')
    }
  }

  #requireSource(operator: string): SourceOperator {
    const source = this.#source
    assert(source !== undefined && source.name === operator, 'splits go to the source they belong to')
    return source
  }

  #onComplete(id: CheckpointId): void {
    if (id <= this.#lastReportedComplete) return
    this.#lastReportedComplete = id
    this.#chain.onCheckpointComplete(id)
    this.#reportCommits()
  }

  #onAborted(id: CheckpointId, latestComplete: CheckpointId | undefined): void {
    if (latestComplete !== undefined) this.#onComplete(latestComplete)
    if (this.#writing?.id === id) {
      this.#writing.fiber.cancel()
      this.#writing = undefined
    }
    if (id > this.#lastCheckpoint) {
      this.#abortedBeforeStart.add(id)
      if (this.#abortedBeforeStart.size > MAX_REMEMBERED_ABORTS) {
        this.#abortedBeforeStart.delete(Math.min(...this.#abortedBeforeStart))
      }
    }
    this.#chain.onCheckpointAborted(id)
  }

  /** Confirms commits to the coordinator, and leaves if the final checkpoint is among them. */
  #reportCommits(): void {
    const committed = Math.min(this.#lastReportedComplete, this.#chain.committedUpTo())
    if (committed > this.#lastReportedCommitted) {
      this.#lastReportedCommitted = committed
      this.#send({ kind: 'committed', id: committed as CheckpointId })
    }
    const final = this.#finalCheckpoint
    if (this.#state === 'draining' && final !== undefined && this.#lastReportedCommitted >= final) {
      this.#chain.broadcast({ kind: 'end-of-partition' })
      this.#send({ kind: 'finished' })
      this.#end('finished')
    }
  }

  // ---- checkpoint -------------------------------------------------------------------------------

  #checkpoint(barrier: CheckpointBarrier, last: number): void {
    const { id } = barrier
    if (id <= this.#lastCheckpoint) return
    this.#lastCheckpoint = id
    if (this.#abortedBeforeStart.delete(id)) {
      this.#chain.broadcast({ kind: 'cancel', id })
      return
    }
    const { ports } = this.#init
    const began = ports.clock.monotonicMs()
    ports.probe('task.aligned')
    this.#chain.broadcast({ kind: 'barrier', barrier })
    const parts = this.#chain.snapshot(id)
    ports.probe('task.snapshot.sync')
    const endOfData = this.#state === 'draining'
    if (endOfData && this.#finalCheckpoint === undefined) this.#finalCheckpoint = id
    const cut = ports.clock.monotonicMs()
    const lastChannel = last < 0 ? undefined : this.#init.gate.channels[last]?.sender
    const timing = {
      startDelayMs: Math.max(0, ports.clock.wallMs() - barrier.timestampMs - (cut - began)),
      alignmentMs: this.#source === undefined && last >= 0 ? began - this.#alignmentStartedMs : 0,
      syncMs: cut - began,
      ...(lastChannel === undefined ? {} : { lastChannel }),
    }
    const { index, keyGroups, host: { segments } } = this.#init
    const place = { subtask: index, keyGroups, segments, probe: ports.probe }
    const fiber = start(writeSnapshot(place, id, parts), (outcome) => {
      this.#post(() => {
        if (this.#writing?.fiber === fiber) this.#writing = undefined
        if (!outcome.ok) {
          const error = asStreamError(outcome.error, this.#init.name)
          this.#send({ kind: 'decline', id, reason: 'io-error', error: reportOf(error) })
          return
        }
        const bytes = outcome.value.reduce((sum, segment) => sum + segment.length, 0)
        const asyncMs = ports.clock.monotonicMs() - cut
        ports.probe('task.ack.sent')
        this.#send({
          kind: 'acknowledge', id, segments: outcome.value, endOfData, metrics: { ...timing, asyncMs, bytes },
        })
      })
    })
    if (!fiber.settled) this.#writing = { id, fiber }
  }

  // ---- life -------------------------------------------------------------------------------------

  #send(message: FromSubtask): void {
    if (this.#alive) this.#init.host.send(message)
  }

  /** Mail from outside the step: runs in the next step, in order. */
  #post(mail: () => void): void {
    if (!this.#alive) return
    this.#mail.push(mail)
    this.#init.host.awake()
  }

  #guard(run: () => void): void {
    if (!this.#alive) return
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(thrown: unknown): void {
    if (!this.#alive) return
    const error = asStreamError(thrown, this.#init.name)
    this.#init.host.send({ kind: 'failed', error: reportOf(error), retryable: error.retryable })
    this.#end('failed')
  }

  #end(state: SubtaskState): void {
    this.#state = state
    this.#mail.length = 0
    this.#writing?.fiber.cancel()
    this.#chain.close()
  }
}

/** What operators may ask of their subtask. */
export interface ChainHooks {
  wake(): void
  fail(error: unknown): void
  /** Runs `mail` in the subtask's next step. */
  post(mail: () => void): void
}

function asStreamError(thrown: unknown, subtask: string): StreamError {
  if (isStreamError(thrown)) return thrown
  return E060_SUBTASK_FAILED({ subtask, reason: describeThrown(thrown) }, { cause: thrown })
}
