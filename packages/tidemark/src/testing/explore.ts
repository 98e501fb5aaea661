/**
 * `explore(job, …)`: a user's job against many schedules and failures, each drawn from a seed.
 *
 * The same engine, disk and faults as in the simulator of the engine's own tests. First the job runs
 * undisturbed, a few times, which shows what depends on ambient time or on variables; then once per
 * seed. Committed output of every sink must be that of the undisturbed run. Works under any test
 * runner: it resolves, or it rejects with an ExploreFailure.
 *
 *   EX-1  Same job, options and seed, same verdict.
 *   EX-2  A failing seed is run again with fewer faults until none can be left out.
 */
import { buildGraph } from '../api/build.ts'
import type { Job } from '../api/job.ts'
import type { AmbientUse } from './ambient.ts'
import { E122_NOT_IN_THE_JOB, E123_TEST_STEP_REFUSED } from './errors.ts'
import { countedOutputs, differences, type CountedOutputs, type Difference } from './explore-compare.ts'
import { drawPlan, FAULT_KINDS, only, UNDISTURBED, type ExplorePlan, type FaultKind } from './explore-plan.ts'
import { ExploreFailure, type Finding, type FindingKind } from './explore-report.ts'
import {
  exploreOnce, type AmbientDraw, type ExploreRun, type ExploreSetup, type SinkUnderTest,
} from './explore-run.ts'
import { namesOf } from './replace.ts'

export type { SinkUnderTest } from './explore-run.ts'

/** Committed output by sink name. */
export type Outputs = Readonly<Record<string, readonly any[]>>

export interface ExploreOptions {
  /** What each source of the job gives, by name. */
  readonly input: Readonly<Record<string, readonly unknown[]>>
  /** How many seeds, from 1; or which. Default 200. */
  readonly seeds?: number | readonly number[]
  /** What may go wrong. Default: everything. */
  readonly faults?: readonly FaultKind[]
  /** One is drawn for each process. Default 1, 2 and 3; the undisturbed run has the first. */
  readonly parallelism?: readonly number[]
  /** Settings of the job, as by `-c key=value`. */
  readonly config?: Readonly<Record<string, string>>
  /** Sinks of the job that are to be tested themselves; the others are replaced. */
  readonly sinks?: Readonly<Record<string, SinkUnderTest>>
  /** Called with the output of every run; throws if something is wrong with it. */
  readonly expect?: (outputs: Outputs) => void
  /** False: `expect` alone decides. For jobs whose output depends on processing time. Default true. */
  readonly compare?: boolean
}

export interface ExploreReport {
  readonly seeds: number
  readonly crashes: number
  readonly restarts: number
  readonly checkpoints: number
  /** Time and chance that functions of the job asked the machine for. */
  readonly ambient: readonly AmbientUse[]
}

/** Another hour, another century and no year that ever was: decisions by the clock come out differently. */
const OTHER_AMBIENTS: readonly AmbientDraw[] = [
  { shiftMs: 1_234_567, seed: 11 }, { shiftMs: 2_300_000_000_001, seed: 12 },
  { shiftMs: -1_600_000_000_003, seed: 13 },
]
const SAME_AMBIENT: AmbientDraw = { shiftMs: 0, seed: 10 }
const DEFAULT_SEEDS = 200
/** The event loop gets a turn this often, so that a test runner can end a test that takes too long. */
const TURN_MS = 25

export async function explore(job: Job, options: ExploreOptions): Promise<ExploreReport> {
  return new Exploration(job, options).run()
}

class Exploration {
  readonly #options: ExploreOptions
  readonly #kinds: readonly FaultKind[]
  readonly #duplicatesAllowed: boolean
  #setup: ExploreSetup
  #wanted: CountedOutputs = new Map()
  #calls = 0

  constructor(job: Job, options: ExploreOptions) {
    const { graph } = buildGraph(job, { config: options.config ?? {} })
    const input = new Map(Object.entries(options.input))
    const sinks = new Map(Object.entries(options.sinks ?? {}))
    requireNames('source', namesOf(graph, 'source'), [...input.keys()], 'all')
    requireNames('sink', namesOf(graph, 'sink'), [...sinks.keys()], 'some')
    requireNames('fault', FAULT_KINDS, options.faults ?? [], 'some')
    this.#options = options
    this.#kinds = options.faults ?? FAULT_KINDS
    this.#duplicatesAllowed = graph.guarantee === 'at-least-once'
    const parallelisms = options.parallelism ?? [1, 2, 3]
    this.#setup = { job, config: options.config ?? {}, input, parallelisms, sinks, usualSteps: undefined }
  }

  async run(): Promise<ExploreReport> {
    const ambient = this.#undisturbed()
    const { seeds = DEFAULT_SEEDS } = this.#options
    const list = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds
    const report = { seeds: 0, crashes: 0, restarts: 0, checkpoints: 0, ambient }
    let turnMs = performance.now()
    for (const seed of list) {
      const run = this.#try(drawPlan(seed, this.#kinds, this.#calls))
      report.seeds += 1
      report.crashes += run.crashes
      report.restarts += run.restarts
      report.checkpoints += run.checkpoints
      if (performance.now() - turnMs < TURN_MS) continue
      await new Promise((turn) => void setImmediate(turn))
      turnMs = performance.now()
    }
    return report
  }

  #undisturbed(): readonly AmbientUse[] {
    const first = exploreOnce(this.#setup, UNDISTURBED, SAME_AMBIENT)
    const wrong = first.error ?? (first.stuck === undefined ? undefined : first.stuck)
    if (wrong !== undefined) throw this.#failure('fails-undisturbed', undefined, [], [], first, wrong)
    this.#wanted = countedOutputs(first.outputs)
    this.#calls = first.calls
    this.#setup = { ...this.#setup, usualSteps: first.steps }
    this.#checkExpectation(first, undefined)
    if (this.#options.compare === false) return first.ambient
    this.#mustAgree(exploreOnce(this.#setup, UNDISTURBED, SAME_AMBIENT), 'outlives-the-run')
    if (first.ambient.length === 0) return []
    for (const other of OTHER_AMBIENTS) this.#mustAgree(exploreOnce(this.#setup, UNDISTURBED, other), 'ambient')
    return first.ambient
  }

  #mustAgree(run: ExploreRun, kind: FindingKind): void {
    const different = this.#different(run)
    if (different.length > 0 || run.error !== undefined || run.stuck !== undefined) {
      throw this.#failure(kind, undefined, [], different, run, run.error)
    }
  }

  #different(run: ExploreRun): readonly Difference[] {
    if (this.#options.compare === false) return []
    return differences(this.#wanted, countedOutputs(run.outputs), { duplicatesAllowed: this.#duplicatesAllowed })
  }

  #run(plan: ExplorePlan): ExploreRun {
    return exploreOnce(this.#setup, plan, { shiftMs: (plan.seed % 7) * 86_400_007, seed: plan.seed + 100 })
  }

  #isWrong(run: ExploreRun): boolean {
    return run.error !== undefined || run.stuck !== undefined || this.#different(run).length > 0
  }

  #try(plan: ExplorePlan): ExploreRun {
    const run = this.#run(plan)
    if (this.#isWrong(run)) throw this.#explain(plan)
    this.#checkExpectation(run, plan)
    return run
  }

  /** EX-2. */
  #explain(plan: ExplorePlan): ExploreFailure {
    let faults = plan.faults
    for (const kind of plan.faults) {
      const fewer = faults.filter((other) => other !== kind)
      if (this.#isWrong(this.#run(only(plan, fewer)))) faults = fewer
    }
    const run = this.#run(only(plan, faults))
    const kind = run.stuck !== undefined ? 'stuck'
      : run.error !== undefined ? 'error' : faults.length === 0 ? 'timing' : 'faults'
    return this.#failure(kind, plan.seed, faults, this.#different(run), run, run.error)
  }

  #checkExpectation(run: ExploreRun, plan: ExplorePlan | undefined): void {
    const { expect } = this.#options
    if (expect === undefined) return
    try {
      expect(Object.fromEntries(run.outputs))
    } catch (error) {
      throw this.#failure('expectation', plan?.seed, plan?.faults ?? [], this.#different(run), run, error)
    }
  }

  #failure(
    kind: FindingKind, seed: number | undefined, faults: readonly FaultKind[], different: readonly Difference[],
    run: ExploreRun, cause: unknown,
  ): ExploreFailure {
    const { faults: allowed, parallelism, config, compare } = this.#options
    const given = { faults: allowed, parallelism, config, compare }
    const finding: Finding = {
      kind, seed, faults, differences: different, job: this.#setup.job.name, ambient: run.ambient,
      events: run.events,
      sinksUnderTest: [...this.#setup.sinks.keys()],
      options: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      ...(cause === undefined ? {} : { cause }),
      ...(run.stuck === undefined ? {} : { stuck: run.stuck }),
    }
    return new ExploreFailure(finding)
  }
}

function requireNames(
  what: string, known: readonly string[], given: readonly string[], which: 'all' | 'some',
): void {
  const strange = given.find((name) => !known.includes(name))
  if (strange !== undefined) throw E122_NOT_IN_THE_JOB({ what, name: strange, known })
  const missing = which === 'all' ? known.filter((name) => !given.includes(name)) : []
  if (missing.length === 0) return
  throw E123_TEST_STEP_REFUSED({
    what: `explore() got no input for ${missing.map((name) => `"${name}"`).join(', ')}.`,
    why: 'Every source is replaced by the records of the test.',
    fix: `input: { ${missing.map((name) => `${JSON.stringify(name)}: []`).join(', ')} } if it has none`,
  })
}
