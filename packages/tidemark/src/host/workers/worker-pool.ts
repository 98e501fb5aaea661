/**
 * The worker threads of a job, as the starting thread sees them: started, watched, replaced.
 *
 * Owns the threads, over all attempts of the job. A thread that dies is reported once and replaced at the
 * next deployment; the others stay, so that a failover does not load the job file again everywhere. The one that
 * replaces it is there already: a spare, which has loaded the job file and waits.
 *
 *   WP-1  A thread that throws (whatever it throws), exits, runs out of memory or stops beating is
 *         reported through `onDeath` exactly once, and nothing it says later is heard.
 *   WP-2  A request to a thread is answered exactly once, with E086 if the thread ends before. The death is told
 *         first: the job is to fail for it, and not for a checkpoint that could not be completed any more.
 *   WP-3  A spare is started when all threads have run for SPARE_AFTER_MS. What becomes of it before it has a
 *         place is nobody's business: without one a new thread is started.
 *   WP-4  No thread is ended while it writes to its store, nor the process, which would wait for it for ever (WG-1).
 *
 * Heartbeat: every worker counts up a shared word from a timer of its event loop. One that does not for
 * longer than `heartbeatTimeoutMs` is in a loop that never ends, and is terminated.
 */
import type { Worker } from 'node:worker_threads'
import { describeThrown, errorOf, type StreamError } from '../../base/errors.ts'
import type { CheckpointId, Epoch } from '../../base/ids.ts'
import { wait, type Done, type Io } from '../../base/io.ts'
import type { FileEntry } from '../../checkpoint/manifest.ts'
import { startThread } from '../../connector/start-thread.ts'
import { WriteGate } from '../../state/lmdb/write-gate.ts'
import type { WorkerControl } from './control.ts'
import { E086_WORKER_DIED } from './errors.ts'
import type { FromWorker, TakePlace, ToWorker, WorkerSetup } from './messages.ts'

export interface WorkerPoolInit {
  readonly workers: number
  readonly control: WorkerControl
  readonly heartbeatTimeoutMs: number
  readonly setup: Omit<WorkerSetup, 'gate'>
  /** Names of the subtasks of a worker, for E086. */
  subtasksOf(index: number): string
  onMessage(worker: number, message: FromWorker): void
  onDeath(worker: number, error: StreamError): void
  /** Runs mail behind that of `onDeath`. */
  post(mail: () => void): void
}

interface Thread {
  readonly worker: Worker
  readonly gate: WriteGate
  /** Undefined: a spare. */
  index: number | undefined
  readonly pending: Map<number, Done<FileEntry | undefined>>
  beats: number
  beatAtMs: number
  /** Since when it has its place. */
  inPlaceMs: number
}

/** A transaction takes milliseconds; on a disk that hangs the thread is ended all the same. */
const GATE_CLOSES_MS = 2000
/** The first beat comes when the job file is loaded, which may mean compiling it on a busy machine. */
const LOADING_FACTOR = 10
/** How often the beats are looked at. */
const WATCH_MS = 250
/** A job that is over soon, or whose start takes all cores, gets no spare. */
const SPARE_AFTER_MS = 3000

export class WorkerPool {
  readonly #init: WorkerPoolInit
  readonly #threads: (Thread | undefined)[]
  /** How many threads were started in each place. */
  readonly #started: number[]
  #spare: Thread | undefined
  #watch: NodeJS.Timeout | undefined
  #requests = 0
  #closed = false
  readonly #leaving: Promise<unknown>[] = []

  constructor(init: WorkerPoolInit) {
    this.#init = init
    this.#threads = Array.from({ length: init.workers })
    this.#started = Array.from({ length: init.workers }, () => 0)
  }

  /** Starts those that are missing. */
  fill(): void {
    if (this.#watch === undefined) process.on('exit', this.#atExit)
    for (let index = 0; index < this.#threads.length; index++) this.#threads[index] ??= this.#start(index)
    this.#watch ??= setInterval(() => this.#look(), WATCH_MS)
  }

  /** A word for a thread that is gone is none of the sender's business: its death is reported. */
  send(index: number, message: ToWorker): void {
    this.#threads[index]?.worker.postMessage(message)
  }

  request(index: number, kind: 'seal' | 'discard', term: Epoch, checkpoint: CheckpointId): Io<FileEntry | undefined> {
    return wait((done) => {
      const thread = this.#threads[index]
      if (thread === undefined) {
        done({ ok: false, error: this.#death(index, 'it is being replaced', undefined) })
        return
      }
      const request = ++this.#requests
      thread.pending.set(request, done)
      thread.worker.postMessage({ kind, term, request, checkpoint } satisfies ToWorker)
    })
  }

  /** Settles when all of them are gone. */
  close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#watch)
    process.off('exit', this.#atExit)
    for (const thread of [...this.#threads.splice(0), this.#spare]) {
      if (thread !== undefined) this.#leaving.push(ended(thread))
    }
    this.#spare = undefined
    return Promise.all(this.#leaving).then(() => {})
  }

  readonly #atExit = (): void => {
    for (const thread of [...this.#threads, this.#spare]) thread?.gate.close(GATE_CLOSES_MS)
  }

  #start(index: number): Thread {
    const thread = this.#spare ?? this.#launch()
    this.#spare = undefined
    const generation = (this.#started[index] as number) + 1
    this.#started[index] = generation
    this.#init.control.reset(index)
    thread.index = index
    thread.beatAtMs = thread.inPlaceMs = performance.now()
    thread.worker.postMessage({ index, generation } satisfies TakePlace)
    return thread
  }

  /** A thread without a place. */
  #launch(): Thread {
    const gate = new SharedArrayBuffer(4)
    const worker = startThread(import.meta.url, 'worker-main', { workerData: { ...this.#init.setup, gate } satisfies WorkerSetup })
    const thread: Thread = {
      worker, gate: new WriteGate(gate), index: undefined, pending: new Map(), beats: 0, beatAtMs: performance.now(), inPlaceMs: Infinity,
    }
    worker.on('message', (message: FromWorker) => this.#onMessage(thread, message))
    worker.on('messageerror', (error) => this.#died(thread, `a message could not be read: ${describeThrown(error)}`, error))
    worker.on('error', (error: unknown) => this.#died(thread, reasonOf(error), error))
    worker.on('exit', (code) => this.#died(thread, `it left with code ${code}`, undefined))
    return thread
  }

  #onMessage(thread: Thread, message: FromWorker): void {
    const { index } = thread
    if (index === undefined) {
      // It could not load the job file, which those that run it could: whoever takes its place will say so.
      void ended(thread)
      return
    }
    if (this.#threads[index] !== thread) return
    if (message.kind !== 'done' && message.kind !== 'not-done') {
      this.#init.onMessage(index, message)
      return
    }
    const done = thread.pending.get(message.request)
    thread.pending.delete(message.request)
    if (message.kind === 'done') done?.({ ok: true, value: message.entry })
    else done?.({ ok: false, error: errorOf(message.error, message.retryable) })
  }

  #look(): void {
    const now = performance.now()
    let settled = true
    for (const [index, thread] of this.#threads.entries()) {
      if (thread === undefined) {
        settled = false
        continue
      }
      const beats = this.#init.control.beats(index)
      if (beats === 0 || now - thread.inPlaceMs < SPARE_AFTER_MS) settled = false
      if (beats !== thread.beats) {
        thread.beats = beats
        thread.beatAtMs = now
      } else if (now - thread.beatAtMs > this.#init.heartbeatTimeoutMs * (beats === 0 ? LOADING_FACTOR : 1)) {
        const seconds = Math.round((now - thread.beatAtMs) / 1000)
        this.#died(thread, `it has not answered for ${seconds} s (an endless loop?)`, undefined)
        void ended(thread)
      }
    }
    if (settled && !this.#closed) this.#spare ??= this.#launch()
  }

  #died(thread: Thread, reason: string, cause: unknown): void {
    if (this.#spare === thread) this.#spare = undefined
    const { index } = thread
    if (this.#closed || index === undefined || this.#threads[index] !== thread) return
    this.#threads[index] = undefined
    const error = this.#death(index, reason, cause)
    this.#init.onDeath(index, error)
    const pending = [...thread.pending.values()]
    thread.pending.clear()
    this.#init.post(() => {
      for (const done of pending) done({ ok: false, error })
    })
  }

  #death(worker: number, reason: string, cause: unknown): StreamError {
    const memory = (cause as NodeJS.ErrnoException | null | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
    const hint = memory
      ? 'give every thread a larger heap (NODE_OPTIONS=--max-old-space-size=…), or spread the state over more workers'
      : 'look at the cause: something outside a record function threw, left or never returned'
    return E086_WORKER_DIED({ worker, subtasks: this.#init.subtasksOf(worker), reason, hint },
      cause instanceof Error ? { cause } : {})
  }
}

/** A worker may throw null, undefined or anything else. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : `it threw ${describeThrown(error)}`
}

/** WP-4. */
function ended({ worker, gate }: Thread): Promise<number> {
  gate.close(GATE_CLOSES_MS)
  return worker.terminate()
}
