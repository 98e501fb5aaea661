/**
 * `harness(job)`: a job under the hand of a test. Time, input, checkpoints and crashes come when asked.
 *
 * Composition root for one job: the real engine (supervisor, coordinator, subtasks) over a simulated
 * disk and a loop in which nothing is left to chance. Sources and sinks are replaced by name. Owns the
 * world that outlives processes: disk, feeds, recorders, clock.
 *
 *   HA-1  Every action returns when the job is at rest; no time passes but by `advance`. Promises of the
 *         job's asynchronous functions that need no time have settled by then.
 *   HA-2  A failure of the job is thrown by the action that brought it about; there is no restart
 *         unless the test says `restore`.
 *   HA-3  A process that died does nothing any more.
 */
import { buildGraph } from '../api/build.ts'
import type { Job } from '../api/job.ts'
import { assert } from '../base/assert.ts'
import type { StreamError } from '../base/errors.ts'
import { checkpointId } from '../base/ids.ts'
import { Prng } from '../base/prng.ts'
import type { Random } from '../base/ports.ts'
import { toJobGraph } from '../graph/chaining.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { LogicalGraph, LogicalOperator } from '../graph/logical-graph.ts'
import { stepName, STEPS } from '../host/failpoints.ts'
import { withEngineSettings } from '../host/settings.ts'
import { SimulatedDisk } from '../host/simulator/storage.ts'
import { inOneGo, type OperatorSnapshot } from '../state/snapshot.ts'
import type { TaskOptions } from '../task/options.ts'
import { diskOf, imageOf } from './disk-image.ts'
import { EngineProcess } from './engine-process.ts'
import { E122_NOT_IN_THE_JOB, E123_TEST_STEP_REFUSED } from './errors.ts'
import { Feed, WatermarkMark } from './feed.ts'
import { HarnessCheckpoint } from './harness-checkpoint.ts'
import { AN_AGE_MS, ManualLoop } from './manual-loop.ts'
import { Recorder } from './recorder.ts'
import { replaceEnds } from './replace.ts'
import { OperatorState } from './state-view.ts'

export interface HarnessOptions {
  /** Subtasks of each operator; over the job's own setting. */
  readonly parallelism?: number
  /** Settings as by `-c key=value`; of the engine's those about checkpoints and restarts are the harness's own. */
  readonly config?: Readonly<Record<string, string>>
  /** What of a checkpoint may be dropped, as by `--allow-dropped`: `operator`, or `operator/state`. */
  readonly allowDropped?: readonly string[]
  /** Processing time at the start. Default 0, that is 1970. */
  readonly now?: number | Date
}

export type HarnessStatus = 'running' | 'crashed' | 'failed' | 'finished'

type CheckpointOutcome =
  | { readonly completed: number }
  | { readonly failed: string; readonly error: StreamError | undefined }

const OPTIONS: TaskOptions = {
  batchRecords: 500, sourceBatchRecords: 1, channelBatches: 8, freeze: true, pick: 'in-turn',
}

/** Checkpoints come when the test asks: their period is longer than any test. */
const CHECKPOINT = {
  everyMs: 2 * AN_AGE_MS, timeoutMs: AN_AGE_MS / 2, minPauseMs: 0, retain: 3, tolerableFailures: 0,
} as const

export class Harness {
  readonly #job: Job
  readonly #config: Readonly<Record<string, string>>
  readonly #allowDropped: readonly string[]
  readonly #feeds = new Map<string, Feed>()
  readonly #recorders = new Map<string, Recorder>()
  readonly #timed = new Set<string>()
  readonly #loop: ManualLoop
  #parallelism: number | undefined
  #disk = new SimulatedDisk()
  #graph: JobGraph | undefined
  #process: EngineProcess | undefined
  #processes = 0
  #crashAt: string | undefined
  #failure: StreamError | undefined
  #outcome: CheckpointOutcome | undefined

  constructor(job: Job, options: HarnessOptions) {
    this.#job = job
    this.#config = options.config ?? {}
    this.#allowDropped = options.allowDropped ?? []
    this.#parallelism = options.parallelism
    const { now = 0 } = options
    this.#loop = new ManualLoop(typeof now === 'number' ? now : now.getTime())
    this.#start()
  }

  get status(): HarnessStatus {
    if (this.#failure !== undefined) return 'failed'
    if (this.#process === undefined || !this.#process.alive) return 'crashed'
    return this.#process.end === undefined ? 'running' : 'finished'
  }

  get parallelism(): number {
    return this.#graph?.parallelism ?? 1
  }

  /** Processing time, milliseconds. */
  get now(): number {
    return this.#loop.wallMs()
  }

  /** Records into a source, as if they had just been written to what it reads. */
  async send(source: string, records: readonly unknown[]): Promise<void> {
    const feed = this.#feed(source)
    if (feed.ended) {
      throw refused(`"${source}" has ended.`, 'No record follows the end of a source.', 'send before end()')
    }
    this.#requireUnfailed()
    feed.append(records)
    await this.#rest()
  }

  /** Event time of a source has come to `time`: what is earlier is late from here on. */
  async watermark(source: string, time: number | Date): Promise<void> {
    const feed = this.#feed(source)
    if (!this.#timed.has(source)) {
      throw refused(`"${source}" has no watermarks.`, 'Its records have no event time.', 'give eventTime in from()')
    }
    if (feed.ended) {
      throw refused(`"${source}" has ended.`, 'Its watermark is at the end of time.', 'call watermark before end()')
    }
    this.#requireUnfailed()
    feed.append([new WatermarkMark(typeof time === 'number' ? time : time.getTime())])
    await this.#rest()
  }

  /** The end of one source, or of all; when all have ended the job finishes with a last checkpoint. */
  async end(source?: string): Promise<void> {
    this.#requireUnfailed()
    for (const feed of source === undefined ? this.#feeds.values() : [this.#feed(source)]) feed.end()
    await this.#rest()
  }

  /** Lets processing time pass. A timer for time t fires when the clock has passed t. */
  async advance(ms: number): Promise<void> {
    this.#requireUnfailed()
    assert(ms >= 0, 'time does not go back')
    for (const _ of this.#loop.advance(ms)) await this.#rest()
    await this.#rest()
  }

  /** All that a sink was given and did not lose in a crash, in the order of writing. */
  output(sink: string): readonly any[] {
    return this.#recorder(sink).written
  }

  /** What the world has seen: output that a completed checkpoint covers. */
  committed(sink: string): readonly any[] {
    return this.#recorder(sink).committed
  }

  /** Takes a checkpoint and waits until its output is committed. */
  async checkpoint(): Promise<HarnessCheckpoint> {
    this.#requireRunning('A checkpoint')
    this.#outcome = undefined
    this.#loop.tick()
    this.#settle()
    // Read again: `settle` has let the engine report.
    const outcome = this.#outcome as CheckpointOutcome | undefined
    if (outcome !== undefined && 'completed' in outcome) {
      return new HarnessCheckpoint(outcome.completed, {
        disk: imageOf(this.#disk),
        logs: new Map([...this.#feeds].map(([name, feed]) => [name, [...feed.log]])),
        recorded: new Map([...this.#recorders].map(([name, recorder]) => [name, recorder.copy()])),
      })
    }
    if (outcome?.error !== undefined) throw outcome.error
    const why = this.status === 'crashed'
      ? 'The process died on the way.'
      : `The coordinator gave it up: ${outcome?.failed ?? 'it never began'}.`
    throw refused('The checkpoint did not complete.', why, 'call restore(), then go on')
  }

  /** State of a running operator, now. */
  state(operator: string): OperatorState {
    this.#requireRunning('The state of an operator')
    const graph = this.#graph as JobGraph
    const snapshots: OperatorSnapshot[] = []
    let next = 0
    for (const vertex of graph.vertices) {
      const at = vertex.operators.findIndex(({ name }) => name === operator)
      for (let i = 0; i < vertex.parallelism; i++) {
        const subtask = this.#process?.subtasks[next++]
        // A sink's snapshot stages its output: it is not to be had without a checkpoint.
        const found = at < 0 ? undefined : subtask?.chain.operators[at]
        const snapshot = found?.look?.() ?? found?.snapshot(checkpointId(1))
        if (snapshot !== undefined && 'keyed' in snapshot) snapshots.push(inOneGo(snapshot))
      }
    }
    if (snapshots.length > 0) return new OperatorState(operator, snapshots)
    const known = graph.logical.operators.filter(({ named, spec }) => named && spec.kind !== 'sink')
      .map(({ name }) => name)
    throw E122_NOT_IN_THE_JOB({ what: 'operator with state', name: operator, known })
  }

  /** The process dies: now, or when it next comes to a named step of the protocol. */
  async crash(options: { readonly at?: string } = {}): Promise<void> {
    const { at } = options
    if (at === undefined) {
      this.#die()
      return
    }
    if (!STEPS.includes(stepName(at))) throw E122_NOT_IN_THE_JOB({ what: 'step', name: at, known: STEPS })
    this.#crashAt = at
  }

  /** A new process goes on from the newest checkpoint. */
  async restore(options: { readonly parallelism?: number } = {}): Promise<void> {
    if (this.status === 'running') this.#die()
    if (options.parallelism !== undefined) this.#parallelism = options.parallelism
    this.#start()
    await this.#rest()
  }

  /** Checkpoint, then on from it with another parallelism. */
  async rescale(parallelism: number): Promise<void> {
    await this.checkpoint()
    await this.restore({ parallelism })
  }

  /**
   * The world as it was at that checkpoint, and a new process in it. The checkpoint may come from a
   * harness of another version of the job. Within one harness, sources replay what came after it.
   */
  async restoreFrom(checkpoint: HarnessCheckpoint): Promise<void> {
    if (this.status === 'running') this.#die()
    const { disk, logs, recorded } = checkpoint.world
    this.#disk = diskOf(disk)
    for (const [name, feed] of this.#feeds) {
      const log = logs.get(name) ?? []
      if (log.some((entry, i) => feed.log[i] !== entry)) feed.adopt(log)
    }
    for (const [name, recorder] of this.#recorders) recorder.reset(recorded.get(name) ?? [])
    this.#start()
    await this.#rest()
  }

  async close(): Promise<void> {
    this.#die()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  // ---- processes ----------------------------------------------------------------------------------

  #start(): void {
    // Built anew, as every process does: what a build function keeps in variables dies with it.
    const { graph } = buildGraph(this.#job, { config: this.#config })
    const replaced = replaceEnds(graph, {
      marks: true,
      feedOf: (name) => this.#made(this.#feeds, name, () => new Feed(name)),
      sinkOf: (name, spec) => this.#made(this.#recorders, name, () => new Recorder()).sink(spec.sink),
    })
    for (const { name, spec } of graph.operators) {
      if (spec.kind === 'source' && spec.eventTime !== undefined) this.#timed.add(name)
    }
    const settled = withEngineSettings(replaced, this.#config)
    const logical: LogicalGraph = { ...settled, checkpoint: CHECKPOINT, restart: { kind: 'none' } }
    const parallelism = this.#parallelism
    this.#graph = toJobGraph(logical, parallelism === undefined ? {} : { parallelism })
    this.#loop.clear()
    this.#failure = undefined
    this.#processes += 1
    const storage = this.#disk.mount()
    this.#process = new EngineProcess({
      allowDropped: this.#allowDropped,
      graph: this.#graph, loop: this.#loop, storage, options: OPTIONS, number: this.#processes,
      random: steady(this.#processes),
      probe: (step) => {
        if (this.#crashAt !== step && this.#crashAt !== stepName(step)) return
        this.#crashAt = undefined
        storage.kill()
      },
      onCheckpoint: (id) => {
        this.#outcome = { completed: id }
      },
      onCheckpointFailed: (_id, reason, error) => {
        this.#outcome = { failed: reason, error }
      },
      onRestart: () => {},
    })
    this.#process.start()
    this.#settle()
  }

  /**
   * As `settle`; while asynchronous functions of the job have calls under way, on for as long as the
   * event loop brings results without time passing. What waits for real time is not waited for.
   */
  async #rest(): Promise<void> {
    this.#settle()
    while (this.#process?.subtasks.some(({ chain }) => chain.inFlight) === true) {
      await new Promise((resolve) => { setImmediate(resolve) })
      if (this.#process?.subtasks.some(({ runnable }) => runnable) !== true) return
      this.#settle()
    }
  }

  /** Runs until the job is at rest, then says what became of it (HA-1, HA-2). */
  #settle(): void {
    const process = this.#process
    if (process === undefined) return
    this.#loop.run(() => process.subtasks, () => !process.alive)
    if (!process.alive) {
      this.#die()
      return
    }
    if (process.end?.kind !== 'failed' || this.#failure !== undefined) return
    this.#failure = process.end.error
    this.#die()
    throw this.#failure
  }

  #die(): void {
    this.#disk.killAll()
    this.#process = undefined
    this.#crashAt = undefined
    this.#loop.clear()
    for (const recorder of this.#recorders.values()) recorder.crash()
  }

  #requireUnfailed(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #requireRunning(what: string): void {
    this.#requireUnfailed()
    if (this.status === 'running') return
    const fix = this.status === 'crashed' ? 'call restore() first' : 'ask before the last source ends'
    throw refused(`${what} needs a running job; this one has ${this.status}.`, '', fix)
  }

  #feed(name: string): Feed {
    return this.#known(this.#feeds, name, 'source')
  }

  #recorder(name: string): Recorder {
    return this.#known(this.#recorders, name, 'sink')
  }

  #known<V>(all: ReadonlyMap<string, V>, name: LogicalOperator['name'], what: string): V {
    const found = all.get(name)
    if (found === undefined) throw E122_NOT_IN_THE_JOB({ what, name, known: [...all.keys()] })
    return found
  }

  #made<V>(all: Map<string, V>, name: string, make: () => V): V {
    const found = all.get(name) ?? make()
    all.set(name, found)
    return found
  }
}

/** Starts a job under the hand of a test. */
export async function harness(job: Job, options: HarnessOptions = {}): Promise<Harness> {
  return new Harness(job, options)
}

/** No chance: the first checkpoint, too, waits out the whole period. */
function steady(seed: number): Random {
  const random = new Prng(seed)
  return {
    uint32: () => random.uint32(),
    below: (bound) => (bound >= AN_AGE_MS ? bound - 1 : random.below(bound)),
    chance: (numerator, denominator) => random.chance(numerator, denominator),
  }
}

function refused(what: string, why: string, fix: string): StreamError {
  return E123_TEST_STEP_REFUSED({ what, why, fix })
}
