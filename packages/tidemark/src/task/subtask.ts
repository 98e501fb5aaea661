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
 *         complete and all its commits are confirmed (FLIP-147's final checkpoint), and after one that
 *         covers its end with nothing in flight: until then those behind it may not have read its end.
 *   ST-6  After failed, cancelled or finished nothing is sent and no operator is called.
 *   ST-7  The end of data goes out when no operator of the chain has results still to come; until then
 *         the subtask runs, and its checkpoints hold what is in flight.
 *   ST-8  What the restored checkpoint had in flight is processed before any other input, and before a
 *         source speaks.
 *   ST-9  A record is in exactly one of these, for each checkpoint: processed before the cut, recorded as
 *         in flight, or behind the barrier. The rest of a batch that is being read is in flight.
 *   ST-10 While timers of the last watermark are left no input is taken but barriers, and the mail of
 *         operators waits; between two looks at other mail and barriers only so many fire (FR-1).
 */
import { assert, assertNever } from '../base/assert.ts'
import { reportOf } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { WaitsFor } from '../base/metrics.ts'
import type { CheckpointBarrier, FromSubtask, ToSubtask } from '../base/protocol.ts'
import type { ChannelItem, DataBatch } from '../channel/items.ts'
import { WatermarkValve, type ValveChange, type WatermarkHolder } from '../time/watermark-valve.ts'
import { isSource, type SourceOperator } from '../operator/source-operator.ts'
import { BarrierHandler } from './barrier-handler.ts'
import { CommitReports } from './commit-reports.ts'
import { Firing } from './firing.ts'
import { ChannelProgress, restOf } from './in-flight.ts'
import { InputCapture } from './input-capture.ts'
import type { OperatorChain, ReadBatch } from './operator-chain.ts'
import { Pace } from './pace.ts'
import { replayOf, type Replay } from './replay.ts'
import { asStreamError, SnapshotRun } from './snapshot-run.ts'
import type { ChainHooks, SubtaskInit, SubtaskState } from './subtask-init.ts'

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
  readonly #firing: Firing
  readonly #abortedBeforeStart = new Set<number>()
  readonly #endedData = new Set<number>()
  #state: SubtaskState = 'created'
  #partial: { batch: DataBatch; read: ReadBatch; channel: number; next: number } | undefined
  #replay: Replay | undefined
  /** Of a source whose chain has something in flight to process first. */
  #heldTrigger: CheckpointBarrier | undefined
  readonly #progress: readonly ChannelProgress[]
  #sourceMayHaveMore = true
  /** The last checkpoint that a stop asked for: a source says nothing behind its barrier (CC-8). */
  #suspendedBy: CheckpointId | undefined
  #inputEnded = false
  #lastCheckpoint: number
  readonly #reports = new CommitReports()
  #alignmentStartedMs = 0
  readonly #snapshots: SnapshotRun
  /** Records processed that came through its channels. */
  recordsIn = 0

  constructor(init: SubtaskInit, createChain: (hooks: ChainHooks) => OperatorChain) {
    this.#init = init
    this.#lastCheckpoint = init.restoredCheckpoint
    this.#pace = new Pace(init.options.batchRecords)
    this.#sourcePace = new Pace(init.options.sourceBatchRecords)
    this.#firing = new Firing(init.ports.clock)
    const channels = init.gate.channels.length
    this.#valve = channels === 0 ? undefined : new WatermarkValve(channels, init.gate.channels.map(({ sender }) => sender))
    this.#chain = createChain({
      wake: () => {
        this.#sourceMayHaveMore = true
        this.#post(() => {})
      },
      fail: (error) => this.#post(() => this.#fail(error)),
      post: (mail) => this.#post(() => this.#firing.post(mail, this.#chain)),
    })
    const head = this.#chain.head
    this.#source = isSource(head) ? head : undefined
    this.#progress = init.gate.channels.map(() => new ChannelProgress())
    const { name, index, keyGroups, ports, parallelism, gate } = init
    this.#snapshots = new SnapshotRun({
      name, ports, parallelism,
      place: { subtask: index, keyGroups, segments: init.host.segments, probe: ports.probe, options: init.options },
      head: { operator: init.head, origins: gate.origins },
      send: (message) => this.#send(message), post: (mail) => this.#post(mail), awake: () => init.host.awake(),
      fail: (error) => this.#fail(error),
    })
    this.#barriers = new BarrierHandler(channels, {
      block: (channel) => this.#setBlocked(channel, true),
      unblock: (channel) => this.#setBlocked(channel, false),
      snapshot: (barrier, last, missing) => this.#checkpoint(barrier, last, missing),
      aborted: (id, reason) => {
        this.#chain.broadcast({ kind: 'cancel', id })
        this.#send({ kind: 'decline', id, reason })
      },
      alignmentStarted: () => {
        this.#alignmentStartedMs = ports.clock.monotonicMs()
        ports.probe('task.barrier.first')
      },
    }, (channel) => gate.recordable[channel] === true)
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
      this.#replay = replayOf(this.#init.replay, this.#chain.operators)
      // A source speaks when it is opened: what is older comes first.
      this.#chain.open(this.#replay === undefined || this.#source === undefined ? 'all' : 'behind the head')
      this.#state = 'running'
      this.#send({ kind: 'running' })
    })
    this.#rest()
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
    if (this.#mail.length > 0 || this.#snapshots.ready) return true
    return (this.#inputReady || this.#chain.firing) && !this.#blockedByOutput()
  }

  get #inputReady(): boolean {
    if (this.#partial !== undefined || this.#replay !== undefined) return true
    if (this.#source === undefined) return this.#init.gate.ready
    return this.#sourceMayHaveMore && !this.#inputEnded && this.#suspendedBy === undefined
  }

  step(): void {
    this.#init.meter?.works()
    this.#guard(() => {
      this.#snapshots.advance()
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
      if (this.#chain.firing) this.#fireTimers()
      else if (this.#replay !== undefined) this.#resumeReplay(this.#replay)
      else if (this.#partial !== undefined) this.#resumeBatch()
      else if (this.#source !== undefined) this.#pollSource(this.#source)
      else this.#pullGate()
    })
    this.#rest()
  }

  #rest(): void {
    if (this.#alive) this.#init.meter?.rests(this.#waitsFor)
  }

  /** In Flink's order: for room before input. What a full sink or a pending call is about is work of its own. */
  get #waitsFor(): WaitsFor | undefined {
    if (this.#init.pressure.full && this.#chain.outputsFull) return 'output'
    const { busy, firing } = this.#chain
    return this.#mail.length > 0 || this.#inputReady || busy || firing ? undefined : 'input'
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
    const behind = source.takeBacklogReport()
    if (behind !== undefined) this.#send({ kind: 'backlog', operator: source.name, behind })
    if (result === 'end') {
      this.#inputEnded = true
      this.#endOfData()
    } else if (result === 'pending') {
      this.#sourceMayHaveMore = false
      this.#chain.flush()
    }
  }

  #fireTimers(): void {
    const left = !this.#firing.fire(this.#chain)
    if (left && this.#partial === undefined && this.#replay === undefined) this.#take(this.#init.gate.pullBarrier())
    if (left) return
    this.#endOfData()
    if (!this.#inputReady) this.#chain.flush()
  }

  #pullGate(): void {
    const { gate } = this.#init
    this.#take(gate.pull())
    if (!gate.ready) this.#chain.flush()
  }

  #take(item: ChannelItem | undefined): void {
    if (item === undefined) return
    const { lastChannel } = this.#init.gate
    this.#snapshots.taken(lastChannel, item)
    this.#onItem(item, lastChannel)
  }

  #onItem(item: ChannelItem, channel: number): void {
    switch (item.kind) {
      case 'data':
        assert(!this.#endedData.has(channel), 'no record follows the end of data of its channel')
        this.#partial = { batch: item, read: this.#readerOf(channel), channel, next: 0 }
        this.#resumeBatch()
        break
      case 'watermark':
        this.#progress[channel]?.take(item)
        this.#forward(this.#valve?.onWatermark(channel, item.watermark))
        break
      case 'idle':
        this.#progress[channel]?.take(item)
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
        this.#progress[channel]?.take(item)
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

  #readerOf(channel: number): ReadBatch {
    return this.#chain.reader(this.#init.gate.inputs[channel] as number)
  }

  /** Stops between two records when an output became full or it took long; the rest waits here. */
  #resumeBatch(): void {
    const partial = this.#partial
    assert(partial !== undefined, 'a batch is being read')
    const { batch, read, next: first } = partial
    const { pressure, ports: { clock } } = this.#init
    const end = Math.min(batch.values.length, first + this.#pace.records)
    const began = clock.monotonicMs()
    const i = read(batch, first, end, pressure)
    this.recordsIn += i - first
    this.#pace.took(i - first, clock.monotonicMs() - began)
    if (i === batch.values.length) this.#partial = undefined
    else partial.next = i
    if (!this.#init.gate.ready) this.#chain.flush()
  }

  #resumeReplay(replay: Replay): void {
    const { pressure, ports: { clock } } = this.#init
    const began = clock.monotonicMs()
    const given = replay.step(this.#pace.records, () => pressure.full)
    this.#pace.took(given, clock.monotonicMs() - began)
    if (!replay.done) return
    this.#replay = undefined
    if (this.#source !== undefined) this.#chain.open('head')
    if (this.#heldTrigger !== undefined) this.#checkpoint(this.#heldTrigger, -1, [])
    this.#heldTrigger = undefined
    this.#chain.flush()
  }

  #forward(change: ValveChange | undefined): void {
    if (change === undefined) return
    const { head } = this.#chain
    if (change.idle === false) head.onIdle(false)
    if (change.watermark !== undefined) head.onWatermark(change.watermark)
    if (change.idle === true) head.onIdle(true)
  }

  #endOfData(): void {
    if (this.#state !== 'running' || !this.#inputEnded || this.#chain.inFlight || this.#chain.firing) return
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
        if (message.suspend === true) this.#suspendedBy = message.barrier.id
        if (this.#source === undefined) this.#barriers.onTrigger(message.barrier)
        else if (this.#replay === undefined) this.#checkpoint(message.barrier, -1, [])
        else this.#heldTrigger = message.barrier
        break
      case 'overtake':
        // A source waits for no barrier, only for what was restored to be processed.
        if (this.#source === undefined) this.#barriers.onOvertake(message.barrier)
        else this.#checkpoint(message.barrier, -1, [])
        break
      case 'complete':
        this.#onComplete(message.id, message.inFlight)
        break
      case 'aborted':
        this.#onAborted(message.id, message.latestComplete)
        break
      default:
        this.#toSource(message)
    }
  }

  /** Whatever it is, it may give the source something to do. */
  #toSource(message: Extract<ToSubtask, { readonly operator: string }>): void {
    const source = this.#source
    assert(source !== undefined && source.name === message.operator, 'a message goes to the source it belongs to')
    this.#sourceMayHaveMore = true
    if (message.kind === 'assign') source.addSplits(message.splits)
    else if (message.kind === 'no-more-splits') source.noMoreSplits()
    else if (message.kind === 'group-watermark') source.onGroupWatermark(message.watermark)
    else if (message.kind === 'drain') source.drain()
    else assertNever(message, 'message to a source')
  }

  #onComplete(id: CheckpointId, inFlight?: boolean): void {
    if (!this.#reports.onComplete(id, inFlight)) return
    this.#snapshots.complete(id)
    this.#chain.onCheckpointComplete(id)
    this.#reportCommits()
  }

  #onAborted(id: CheckpointId, latestComplete: CheckpointId | undefined): void {
    if (latestComplete !== undefined) this.#onComplete(latestComplete, true)
    this.#snapshots.abort(id)
    if (id === this.#suspendedBy) this.#suspendedBy = undefined
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
    const id = this.#reports.newlyCommitted(this.#chain.committedUpTo())
    if (id !== undefined) this.#send({ kind: 'committed', id })
    if (this.#state !== 'draining' || !this.#reports.mayLeave) return
    this.#chain.broadcast({ kind: 'end-of-partition' })
    this.#send({ kind: 'finished' })
    this.#end('finished')
  }

  // ---- checkpoint -------------------------------------------------------------------------------

  #checkpoint(barrier: CheckpointBarrier, last: number, missing: readonly number[]): void {
    const { id } = barrier
    if (id <= this.#lastCheckpoint) return
    this.#lastCheckpoint = id
    if (this.#abortedBeforeStart.delete(id)) {
      this.#chain.broadcast({ kind: 'cancel', id })
      return
    }
    const { ports, gate } = this.#init
    const began = ports.clock.monotonicMs()
    ports.probe('task.aligned')
    this.#chain.beforeBarrier()
    this.#chain.broadcast({ kind: 'barrier', barrier })
    const parts = this.#chain.snapshot(id)
    ports.probe('task.snapshot.sync')
    const endOfData = this.#state === 'draining'
    if (endOfData) this.#reports.coversEnd(id)
    const atMs = ports.clock.monotonicMs()
    const lastChannel = last < 0 ? undefined : gate.channels[last]?.sender
    const timing = {
      startDelayMs: Math.max(0, ports.clock.wallMs() - barrier.timestampMs - (atMs - began)),
      alignmentMs: this.#source === undefined ? began - this.#alignmentStartedMs : 0,
      syncMs: atMs - began,
      ...(lastChannel === undefined ? {} : { lastChannel }),
    }
    const left = this.#replay?.left() ?? new Map()
    const capture = missing.length === 0 ? undefined : this.#capture(id, missing)
    this.#snapshots.begin({ id, parts, left, capture, endOfData, timing, atMs })
  }

  /** Of each channel what is known of it; of one that is being read also the rest of its batch. */
  #capture(id: CheckpointId, missing: readonly number[]): InputCapture {
    const partial = this.#partial
    const atCut = this.#progress.map((progress) => progress.asItems())
    const capture = new InputCapture(id, this.#init.gate.channels, missing, atCut)
    if (partial !== undefined) capture.add(partial.channel, restOf(partial.batch, partial.next))
    return capture
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
    this.#init.meter?.ends()
    this.#mail.length = 0
    this.#firing.close()
    this.#snapshots.cancel()
    this.#chain.close()
  }
}
