/**
 * Triggers checkpoints, collects acknowledgements, completes or aborts, and tells everybody.
 *
 * A state machine: events in, messages and Io out. Owned and driven by the job master (job/), on one
 * lane; it speaks to subtasks only in the messages of base/protocol.ts. One checkpoint at a time.
 *
 *   CC-1  Enumerators are snapshotted before any source is triggered (row A3).
 *   CC-2  'complete' is sent, and the host told, only after the manifest is durable and the epoch
 *         was still ours after it (CM-1, CM-2).
 *   CC-3  A checkpoint is completed or aborted exactly once; while its manifest is being written
 *         nothing aborts it, and `suspend` waits for how it ends.
 *   CC-4  An unknown outcome of the manifest counts as failed and deletes nothing (CM-3).
 *   CC-5  Numbers only grow, over every run on the directory.
 *   CC-6  When every subtask has reported the end of its data, a checkpoint is triggered at once and
 *         repeated until one completes; `finalCommitted` waits for everybody's confirmation (D6).
 *   CC-7  A checkpoint that is older than `unalignedAfterMs` and still waited for is overtaken: each subtask
 *         that has not acknowledged is told once to wait for no barrier. Never a final one. The age is
 *         taken here, by one clock, so that it is the same for all (row B4). Nor one for a savepoint.
 *   CC-8  The sources of a last checkpoint that is asked for (suspend) stop behind its barrier; if it is
 *         aborted they go on (row C14).
 *   CC-9  A part of the job goes back (`rewind`) to the newest complete checkpoint: one that is being completed is
 *         waited for, any other is aborted first. No checkpoint mixes attempts.
 *
 * Source: Flink CheckpointCoordinator (rows A1-A9, A11, A13, A14); decisions D5-D8.
 */
import { describeThrown, isStreamError, type ErrorReport, type StreamError } from '../base/errors.ts'
import { checkpointId, type Attempt, type CheckpointId } from '../base/ids.ts'
import { start, wait, type Done, type Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import {
  subtaskKey, type CheckpointBarrier, type CheckpointFailureReason, type FromSubtask, type SubtaskId,
} from '../base/protocol.ts'
import type { CheckpointOptions } from '../graph/logical-graph.ts'
import { BackgroundWork } from './background.ts'
import { markFinished } from './commit-manifest.ts'
import { ConfirmedCommits } from './confirmed-commits.ts'
import { summaryOf, type CoordinatorHost, type JobSummary } from './coordinator-host.ts'
import { E041_CHECKPOINTS_FAIL, E046_FENCED } from './errors.ts'
import { FailureManager } from './failure-manager.ts'
import { finalise, type NotCommitted } from './finalise.ts'
import { collectGarbage } from './gc.ts'
import { LiveSavepoint, type SavepointOutcome } from './live-savepoint.ts'
import type { Manifest } from './manifest.ts'
import type { OpenedDirectory } from './open.ts'
import { PendingCheckpoint, type AckOutcome, type Acknowledge } from './pending-checkpoint.ts'
import { RequestDecider, type CheckpointRequest, type RequestKind, type RequestOutcome } from './request-decider.ts'
import { Listening, type Rewound } from './rewind.ts'
import { writeTrace } from './trace.ts'
import { TriggerTimer } from './trigger-timer.ts'

/** A final checkpoint that failed is tried again after this long if no periodic one comes sooner. */
const FINAL_RETRY_MS = 500

export class CheckpointCoordinator {
  readonly #ports: Ports
  readonly #opened: OpenedDirectory
  readonly #options: CheckpointOptions
  readonly #host: CoordinatorHost
  readonly #job: JobSummary
  readonly #decider: RequestDecider
  readonly #failures: FailureManager
  readonly #background: BackgroundWork
  readonly #confirmed = new ConfirmedCommits()
  readonly #listening: Listening
  readonly #timer: TriggerTimer
  #active = false
  #pending: PendingCheckpoint | undefined
  #nextId: CheckpointId
  #latest: Manifest | undefined
  /** Of a checkpoint after the latest one nobody knows whether it is complete. */
  #uncertain = false
  /** Parts of the job that go back. */
  #rewinding = 0
  #lastCompletionMs: number | undefined
  #marked: boolean
  /** Something in flight could not be stored: until the next start barriers wait. */
  #waitForBarriers = false
  /** A final checkpoint has completed in this run: nothing more is triggered. */
  #final = false
  /** The sources have been told to end. */
  #draining = false
  readonly #savepoint: LiveSavepoint
  #quiet: Done<void>[] = []

  constructor(init: {
    readonly ports: Ports
    readonly opened: OpenedDirectory
    readonly options: CheckpointOptions
    readonly host: CoordinatorHost
    readonly job: JobSummary
  }) {
    this.#ports = init.ports
    this.#opened = init.opened
    this.#options = init.options
    this.#host = init.host
    this.#job = init.job
    const { minPauseMs } = init.options
    this.#decider = new RequestDecider(minPauseMs)
    this.#failures = new FailureManager(init.options.tolerableFailures)
    this.#background = new BackgroundWork(init.ports.log, () => this.#pump())
    this.#timer = new TriggerTimer(init.ports, init.options, () => this.#onTimer())
    this.#listening = new Listening(init.job.vertices.reduce((sum, vertex) => sum + vertex.parallelism, 0))
    this.#nextId = init.opened.nextId
    this.#latest = init.opened.restore
    this.#marked = init.opened.marked
    this.#savepoint = new LiveSavepoint({
      ports: init.ports, opened: init.opened, engine: init.job.engine,
      confirmed: (id, who) => this.#confirmed.covers(id, who),
    })
  }

  get latestComplete(): CheckpointId | undefined {
    return this.#latest?.checkpoint
  }

  /** For status displays: what is on its way. */
  get inProgress(): {
    readonly id: CheckpointId
    readonly triggeredAtMs: number
    readonly acknowledged: number
    readonly of: number
  } | undefined {
    const p = this.#pending
    return p && { id: p.id, triggeredAtMs: p.triggeredAtMs, acknowledged: p.acknowledged, of: p.plan.wait.length }
  }

  /** The subtasks of `attempt` are deployed. Again after each restart: earlier attempts are then ignored. */
  start(attempt: Attempt): void {
    this.#listening.start(attempt)
    this.#active = true
    this.#uncertain = false
    this.#final = false
    this.#waitForBarriers = false
    this.#confirmed.reset()
    this.#savepoint.restart()
    this.#collect()
    this.#timer.start()
  }

  /** Some source works off a backlog, or none any more. */
  setBacklog(backlog: boolean): void {
    this.#timer.setBacklog(backlog, this.#active && !this.#final)
  }

  request(kind: RequestKind, done: (outcome: RequestOutcome) => void = () => {}): void {
    const { clock } = this.#ports
    const request: CheckpointRequest = { kind, done }
    if (!this.#active || this.#final) {
      done({ kind: 'failed', id: undefined, reason: 'job-stopped', error: undefined })
      return
    }
    const busy = this.#pending !== undefined || this.#background.congested
    const now = { ms: clock.monotonicMs(), lastCompletionMs: this.#lastCompletionMs, busy }
    const verdict = this.#decider.offer(request, now)
    if (verdict.kind === 'skipped') {
      if (verdict.retryInMs !== undefined) this.#timer.arm(verdict.retryInMs)
      done({ kind: 'failed', id: undefined, reason: verdict.reason, error: undefined })
      return
    }
    this.#pump()
  }

  /** Checkpoint, its commits, a copy of it at `path`, which is absolute. */
  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void {
    this.#savepoint.take(path, (ended) => this.request('savepoint', ended), done)
  }

  /** The sources are being told to end: the checkpoint that covers that says so. */
  drain(): void {
    this.#draining = true
  }

  onAcknowledge(from: SubtaskId, message: Acknowledge): AckOutcome {
    const pending = this.#pending
    if (pending === undefined || pending.id !== message.id || pending.state !== 'waiting') return 'late'
    const nowMs = this.#ports.clock.monotonicMs()
    const outcome = pending.acknowledge(from, message, nowMs)
    if (outcome !== 'accepted') return outcome
    this.#ports.probe(`cp.ack.recv.${pending.acknowledged}`)
    pending.trace.add({
      event: 'ack', cp: pending.id, t: this.#ports.clock.wallMs(), task: subtaskKey(from), metrics: message.metrics,
    })
    this.#tryFinalise(pending)
    return 'accepted'
  }

  onDecline(from: SubtaskId, message: Extract<FromSubtask, { kind: 'decline' }>): void {
    const pending = this.#pending
    if (pending === undefined || pending.id !== message.id || !pending.concerns(from)) return
    if (message.reason === 'not-recordable') {
      this.#waitForBarriers = true
      this.#ports.log('warn', describeReport(message.error))
    }
    this.#abort(pending, message.reason, describeReport(message.error), undefined, from)
  }

  onCommitted(from: SubtaskId, id: CheckpointId): void {
    if (!this.#listening.to(from)) return
    this.#confirmed.confirm(from, id)
    this.#checkConfirmed()
  }

  onEndOfData(from: SubtaskId): void {
    if (!this.#listening.to(from)) return
    this.#listening.onEnded(from)
    this.#finalIfAllEnded()
  }

  onSubtaskFinished(from: SubtaskId): void {
    if (!this.#listening.to(from)) return
    this.#listening.onEnded(from)
    this.#confirmed.finish(from)
    // It ended before its part came: without it the checkpoint can never be complete.
    if (this.#pending?.awaits(from) === true) this.#abort(this.#pending, 'partly-finished', '', undefined, from)
    this.#checkConfirmed()
    this.#finalIfAllEnded()
  }

  /**
   * `again`, which are whole regions, are going to be started again as these attempts, because of `who` if that is
   * known: says from which checkpoint. Until they run no other one begins (CC-9).
   */
  *rewind(again: readonly SubtaskId[], who?: SubtaskId): Io<Rewound> {
    this.#listening.restart(again)
    this.#confirmed.forget(again)
    this.#rewinding += 1
    if (this.#pending !== undefined) this.#abort(this.#pending, 'task-failure', '', undefined, who)
    if (this.#pending !== undefined) yield* wait<void>((done) => void this.#quiet.push(done))
    this.#rewinding -= 1
    this.#savepoint.interrupt()
    if (!this.#active || this.#final || this.#uncertain) return { kind: 'all' }
    return { kind: 'to', manifest: this.#latest }
  }

  /**
   * The attempt is over (failure or end). Returns when nothing is being completed any more, so that
   * `latestComplete` is what the next attempt has to restore.
   */
  *suspend(): Io<void> {
    this.#active = false
    this.#timer.stop()
    for (const request of this.#decider.drain()) {
      request.done({ kind: 'failed', id: undefined, reason: 'job-stopped', error: undefined })
    }
    if (this.#pending !== undefined) this.#abort(this.#pending, 'job-stopped', '')
    if (this.#pending !== undefined) yield* wait<void>((done) => void this.#quiet.push(done))
    yield* this.#savepoint.end()
  }

  /** As `suspend`, for good: also waits for deletions and traces, so that no Io is left. */
  *close(): Io<void> {
    yield* this.suspend()
    yield* this.#background.drained()
  }

  // ---- timer and queue

  #onTimer(): void {
    if (!this.#active || this.#final) return
    this.#timer.armNext()
    if (!this.#listening.allEnded) this.request('periodic')
    else if (this.#pending === undefined) this.request('final')
  }

  #pump(): void {
    if (!this.#active || this.#final || this.#pending !== undefined || this.#background.congested) return
    const request = this.#decider.take()
    if (request !== undefined) this.#begin(request)
  }

  #finalIfAllEnded(): void {
    if (!this.#listening.allEnded || this.#final || !this.#active) return
    // One on its way may have been cut before the end. If it was not, it answers this request, too.
    this.request('final')
  }

  // ---- one checkpoint

  #begin(request: CheckpointRequest): void {
    const { clock, timers, probe } = this.#ports
    probe('cp.trigger.before')
    const planned = this.#host.plan()
    if (planned.kind === 'not-ready') {
      request.done({ kind: 'failed', id: undefined, reason: planned.reason, error: undefined })
      this.#ports.log('debug', `no checkpoint now: ${planned.why}`)
      this.#retryFinal()
      return
    }
    const id = this.#nextId
    this.#nextId = checkpointId(id + 1)
    const pending = new PendingCheckpoint({
      id, request, plan: planned.plan, wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs(),
    })
    pending.trace.add({ event: 'cp.trigger', cp: id, t: pending.triggeredAtMs, reason: request.kind })
    this.#pending = pending
    pending.timer = timers.after(this.#options.timeoutMs, () => {
      const waiting = pending.state === 'preparing' ? 'the source enumerators' : pending.laggards().join(', ')
      this.#abort(pending, 'expired', `no acknowledgement within ${this.#options.timeoutMs} ms from ${waiting}`)
    })
    start(this.#host.snapshotEnumerators(id), (outcome) => {
      // Not cancelled by an abort: its writes run out by themselves, and what they yield is ignored.
      if (pending.state !== 'preparing') return
      if (outcome.ok) {
        pending.addEnumerators(outcome.value)
        this.#trigger(pending)
      } else {
        this.#abort(pending, 'io-error', describeThrown(outcome.error), outcome.error)
      }
    })
  }

  #trigger(pending: PendingCheckpoint): void {
    pending.state = 'waiting'
    const barrier = { id: pending.id, timestampMs: pending.triggeredAtMs }
    for (const to of pending.plan.trigger) {
      this.#host.send(to, { kind: 'trigger', barrier, ...(pending.request.kind === 'final' ? { suspend: true } : {}) })
      this.#ports.probe('cp.barrier.injected')
    }
    this.#host.releaseEnumerators(pending.id)
    this.#armOvertaking(pending, barrier)
    this.#tryFinalise(pending)
  }

  #armOvertaking(pending: PendingCheckpoint, barrier: CheckpointBarrier): void {
    const { unalignedAfterMs } = this.#options
    const { kind } = pending.request
    if (unalignedAfterMs === undefined || this.#waitForBarriers || kind === 'final' || kind === 'savepoint') return
    const { clock, timers } = this.#ports
    const leftMs = pending.startedMs + unalignedAfterMs - clock.monotonicMs()
    if (leftMs <= 0) this.#overtake(pending, barrier)
    else pending.ageTimer = timers.after(leftMs, () => this.#overtake(pending, barrier))
  }

  #overtake(pending: PendingCheckpoint, barrier: CheckpointBarrier): void {
    if (pending.state !== 'waiting') return
    pending.trace.add({
      event: 'cp.overtake', cp: pending.id, t: this.#ports.clock.wallMs(), tasks: pending.laggards(),
    })
    for (const to of pending.waiting) this.#host.send(to, { kind: 'overtake', barrier })
  }

  #tryFinalise(pending: PendingCheckpoint): void {
    if (pending.state !== 'waiting' || !pending.allAcknowledged) return
    pending.state = 'finalising'
    pending.stopTimers()
    this.#ports.probe('cp.acks.all')
    start(finalise({
      ports: this.#ports, opened: this.#opened, host: this.#host, job: this.#job, pending,
      draining: this.#draining, marked: this.#marked,
    }), (outcome) => {
      if (!outcome.ok) this.#failed(pending, outcome.error, 'discard')
      else if (outcome.value.kind === 'committed') this.#completed(pending, outcome.value.manifest)
      else this.#notCommitted(pending, outcome.value)
    })
  }

  #completed(pending: PendingCheckpoint, manifest: Manifest): void {
    const { id } = pending
    const final = pending.request.kind === 'final' || pending.finished
    pending.state = 'completed'
    this.#pending = undefined
    this.#latest = manifest
    this.#uncertain = false
    this.#lastCompletionMs = this.#ports.clock.monotonicMs()
    this.#failures.onSuccess(id)
    pending.trace.add({ event: 'cp.done', cp: id, t: manifest.completedAtMs, bytes: manifest.counts.bytes })
    if (final) {
      this.#final = true
      this.#timer.stop()
      this.#confirmed.await(id, pending.finished, pending.plan.wait)
    }
    const inFlight = pending.inFlight ? { inFlight: true as const } : {}
    for (const to of pending.plan.wait) this.#host.send(to, { kind: 'complete', id, ...inFlight })
    this.#host.completed(summaryOf(manifest))
    this.#marked = true
    this.#savepoint.covers(pending.plan.wait)
    pending.request.done({ kind: 'completed', id })
    // Whoever still waits for a checkpoint has one that covers everything.
    if (final) for (const request of this.#decider.drain()) request.done({ kind: 'completed', id })
    this.#writeTrace(pending)
    this.#collect()
    this.#settled()
    this.#checkConfirmed()
  }

  #notCommitted(pending: PendingCheckpoint, commit: NotCommitted): void {
    if (commit.kind === 'taken') {
      this.#failed(pending, new Error(`the number ${pending.id} is taken by a writer that was succeeded`), 'discard')
    } else if (commit.kind === 'unknown') {
      this.#uncertain = true
      this.#failed(pending, commit.error, 'keep')
    } else {
      const { directory, epoch: mine } = this.#opened
      const error = E046_FENCED({ directory, mine, newest: commit.newest, holder: commit.holder })
      this.#active = false
      this.#timer.stop()
      this.#end(pending, 'job-stopped', error.message, error, 'keep')
      this.#host.failJob(error)
    }
  }

  #failed(pending: PendingCheckpoint, error: unknown, files: 'discard' | 'keep'): void {
    // A thread that died takes its files with it: then a part goes back, and it was not the storage.
    const reason = this.#rewinding > 0 ? 'task-failure' : 'finalisation-failed'
    this.#end(pending, reason, describeThrown(error), error, files)
  }

  #abort(
    pending: PendingCheckpoint, reason: CheckpointFailureReason, why: string, cause?: unknown, who?: SubtaskId,
  ): void {
    if (!pending.abortable) return
    if (pending.state === 'preparing') this.#host.releaseEnumerators(pending.id)
    this.#end(pending, reason, why, cause, 'discard', who)
  }

  #end(
    pending: PendingCheckpoint, reason: CheckpointFailureReason, why: string, cause: unknown,
    files: 'discard' | 'keep', who?: SubtaskId,
  ): void {
    const { id } = pending
    pending.state = 'aborted'
    pending.stopTimers()
    this.#pending = undefined
    pending.trace.add({
      event: 'cp.abort', cp: id, t: this.#ports.clock.wallMs(), why: reason,
      ...(who === undefined ? {} : { who: subtaskKey(who) }), ...(why === '' ? {} : { error: why }),
    })
    const error = isStreamError(cause) ? cause : undefined
    if (files === 'discard') this.#background.add('discard', this.#host.discard(id))
    this.#writeTrace(pending)
    const verdict = this.#failures.onFailure(id, reason)
    for (const to of pending.plan.wait) {
      this.#host.send(to, { kind: 'aborted', id, latestComplete: this.latestComplete })
    }
    this.#host.aborted(id, reason, error)
    pending.request.done({ kind: 'failed', id, reason, error })
    if (verdict === 'exceeded') this.#host.failJob(this.#tooMany(id, reason, why, cause))
    this.#retryFinal()
    this.#settled()
  }

  #tooMany(id: CheckpointId, reason: CheckpointFailureReason, why: string, cause: unknown): StreamError {
    const failures = this.#options.tolerableFailures + 1
    return E041_CHECKPOINTS_FAIL({ failures, last: id, reason, why }, { cause, place: { checkpoint: id } })
  }

  #retryFinal(): void {
    if (this.#active && this.#listening.allEnded && this.#timer.intervalMs === 0) this.#timer.arm(FINAL_RETRY_MS)
  }

  #settled(): void {
    for (const done of this.#quiet.splice(0)) done({ ok: true, value: undefined })
    this.#pump()
  }

  // ---- commits and deletions

  #checkConfirmed(): void {
    this.#savepoint.checkConfirmed()
    const final = this.#confirmed.takeConfirmed()
    if (final === undefined) return
    if (!final.finished) {
      this.#host.finalCommitted(final.id, false)
      return
    }
    const { directory, epoch, start: { lineage } } = this.#opened
    start(markFinished(this.#ports, directory, { epoch, lineage, checkpoint: final.id }), (outcome) => {
      // Without the mark the next start restores the final checkpoint and finds everything committed.
      if (!outcome.ok) this.#ports.log('warn', `the end could not be marked: ${describeThrown(outcome.error)}`)
      this.#host.finalCommitted(final.id, true)
    })
  }

  #writeTrace(pending: PendingCheckpoint): void {
    const { storage } = this.#ports
    this.#background.add('trace', writeTrace(storage, this.#opened.directory, pending.id, pending.trace))
  }

  #collect(): void {
    // Whatever begins from now on has this number or a higher one.
    const floor = this.#pending?.id ?? this.#nextId
    const retain = Math.max(1, this.#options.retain)
    const policy = { mine: this.#opened.epoch, retain, floor, pinned: this.#savepoint.pinned }
    this.#background.add('gc', collectGarbage(this.#ports, this.#opened.directory, policy, this.#opened.known))
  }
}

const describeReport = (error: ErrorReport | undefined): string =>
  error === undefined ? '' : `${error.code} ${error.what}`
