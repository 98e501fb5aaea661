/**
 * From a job to its logical graph: runs the build function, checks what came out.
 *
 * Called by every host and by `tidemark graph`. Building is pure: no file is opened and no clock
 * read, unless the user's build function does so itself.
 *
 *   BU-1  The build function runs twice and must build the same graph both times (E002).
 *   BU-2  The graph returned is the second one, so that what the build function left behind in
 *         variables of its own (a `collect()` of a test) belongs to it.
 *   BU-3  Every error names the job and, where it can be found, file:line in the job file.
 */
import { byteSize } from '../base/byte-size.ts'
import { durationMs } from '../base/duration.ts'
import { isStreamError } from '../base/errors.ts'
import { firstDifference } from '../graph/compare.ts'
import { E002_NOT_DETERMINISTIC, E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import {
  DEFAULT_CACHE_BYTES, DEFAULT_CHECKPOINT, DEFAULT_MAX_PARALLELISM, DEFAULT_RESTART, LEAST_CACHE_BYTES,
} from '../graph/logical-graph.ts'
import type { CheckpointOptions, LogicalGraph, RestartStrategy } from '../graph/logical-graph.ts'
import { validateGraph } from '../graph/validate.ts'
import { userFrame } from './call-site.ts'
import { RecordingConfig } from './config.ts'
import { E014_BUILD_THREW } from './errors.ts'
import { GraphDraft } from './graph-draft.ts'
import { jobBuilder } from './job-builder.ts'
import type { CheckpointSettings, Job, RestartSettings, StateSettings } from './job.ts'

export interface BuildSettings {
  /** `-c key=value` of this run. */
  readonly config: Readonly<Record<string, string>>
}

export interface BuiltGraph {
  readonly graph: LogicalGraph
  /** Settings the build function asked for, sorted: any other one given is a mistake. */
  readonly configRead: readonly string[]
}

export function buildGraph(job: Job, settings: BuildSettings = { config: {} }): BuiltGraph {
  const asked = new Set<string>()
  try {
    const first = buildOnce(job, settings, asked)
    const graph = buildOnce(job, settings, asked)
    const difference = firstDifference(first, graph)
    if (difference !== undefined) throw E002_NOT_DETERMINISTIC({ job: job.name, ...difference })
    validateGraph(graph)
    return { graph, configRead: [...asked].sort() }
  } catch (thrown) {
    throw inJob(job, thrown)
  }
}

function buildOnce(job: Job, settings: BuildSettings, asked: Set<string>): LogicalGraph {
  const { name, options } = job
  const draft = new GraphDraft()
  const returned = runBuild(job, draft, new RecordingConfig(settings.config, asked))
  if (typeof returned === 'object' && returned !== null && 'then' in returned) throw asyncBuild(returned)
  const guarantee = options.guarantee ?? 'exactly-once'
  if (guarantee !== 'exactly-once' && guarantee !== 'at-least-once') {
    throw impossible('guarantee', guarantee, "use 'exactly-once' or 'at-least-once'")
  }
  return {
    job: name,
    guarantee,
    operators: withBacklogLag(draft.finish(), options.checkpoint?.duringBacklog),
    maxParallelism: options.maxParallelism ?? DEFAULT_MAX_PARALLELISM,
    ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
    checkpoint: checkpointOptions(options.checkpoint ?? {}),
    restart: restartStrategy(options.restart),
    ...pagedState(options.state ?? {}),
  }
}

/** Calls the user's function; what it throws gets the line of the job file that was running. */
function runBuild(job: Job, draft: GraphDraft, config: RecordingConfig): unknown {
  try {
    return job.build(jobBuilder(draft, config))
  } catch (thrown) {
    const details = { job: String(job.name), thrown }
    const error = isStreamError(thrown) ? thrown : E014_BUILD_THREW(details, { cause: thrown })
    const code = userFrame(thrown instanceof Error ? thrown.stack : undefined)
    throw code === undefined ? error : error.withPlace({ code })
  }
}

function checkpointOptions(given: CheckpointSettings): CheckpointOptions {
  const { everyMs, timeoutMs, minPauseMs, retain, tolerableFailures, unalignedAfterMs } = DEFAULT_CHECKPOINT
  const { unaligned } = given
  const afterMs = unaligned === undefined ? unalignedAfterMs
    : unaligned === false ? undefined
      : durationMs(unaligned.after, 'checkpoint.unaligned.after')
  const intervalMs = durationMs(given.every ?? everyMs, 'checkpoint.every', 1)
  return {
    everyMs: intervalMs,
    timeoutMs: durationMs(given.timeout ?? timeoutMs, 'checkpoint.timeout', 1),
    minPauseMs: durationMs(given.minPause ?? minPauseMs, 'checkpoint.minPause'),
    retain: whole(given.retain ?? retain, 1, 'checkpoint.retain'),
    tolerableFailures: whole(given.tolerableFailures ?? tolerableFailures, 0, 'checkpoint.tolerableFailures'),
    ...(afterMs === undefined ? {} : { unalignedAfterMs: afterMs }),
    ...(given.duringBacklog === undefined ? {} : { duringBacklogMs: backlogIntervalMs(given.duringBacklog, intervalMs) }),
  }
}

function backlogIntervalMs({ every }: NonNullable<CheckpointSettings['duringBacklog']>, everyMs: number): number {
  if (every === false) return 0
  const intervalMs = durationMs(every, 'checkpoint.duringBacklog.every', 1)
  if (intervalMs >= everyMs) return intervalMs
  throw impossible('checkpoint.duringBacklog.every', every, `use false, or at least checkpoint.every, which is ${everyMs}ms`)
}

function withBacklogLag(
  operators: LogicalGraph['operators'], duringBacklog: CheckpointSettings['duringBacklog'],
): LogicalGraph['operators'] {
  if (duringBacklog === undefined) return operators
  const backlogLagMs = durationMs(duringBacklog.lag, 'checkpoint.duringBacklog.lag', 1)
  return operators.map((operator) =>
    (operator.spec.kind === 'source' ? { ...operator, spec: { ...operator.spec, backlogLagMs } } : operator))
}

function restartStrategy(given: RestartSettings | undefined): RestartStrategy {
  if (given === undefined) return DEFAULT_RESTART
  if (given === 'none') return { kind: 'none' }
  if (given.kind === 'fixed-delay') {
    const delayMs = durationMs(given.delay, 'restart.delay')
    return { kind: 'fixed-delay', delayMs, attempts: whole(given.attempts, 0, 'restart.attempts') }
  }
  if (given.kind !== 'exponential-delay') {
    throw impossible('restart', given,
      "use 'none', { kind: 'fixed-delay', delay, attempts } or { kind: 'exponential-delay' }")
  }
  const { initialMs, maxMs, factor, attempts } = DEFAULT_RESTART
  const grows = given.factor ?? factor
  if (!(grows >= 1 && grows < Infinity)) throw impossible('restart.factor', grows, 'use a number from 1')
  return {
    kind: 'exponential-delay',
    initialMs: durationMs(given.initial ?? initialMs, 'restart.initial'),
    maxMs: durationMs(given.max ?? maxMs, 'restart.max'),
    factor: grows,
    attempts: whole(given.attempts ?? attempts, 0, 'restart.attempts'),
  }
}

function pagedState({ backend = 'heap', cache, directory }: StateSettings): Pick<LogicalGraph, 'pagedState'> {
  if (backend !== 'heap' && backend !== 'lmdb') throw impossible('state.backend', backend, "use 'heap' or 'lmdb'")
  const cacheBytes = byteSize(cache ?? DEFAULT_CACHE_BYTES, 'state.cache', LEAST_CACHE_BYTES)
  if (backend === 'heap') return {}
  return { pagedState: { cacheBytes, ...(directory === undefined ? {} : { directory }) } }
}

function whole(given: number, from: number, option: string): number {
  if (Number.isSafeInteger(given) && given >= from) return given
  throw impossible(option, given, `use a whole number from ${from}`)
}

function impossible(option: string, given: unknown, fix: string): Error {
  const why = 'It is an option of job(name, options, build).'
  return E008_IMPOSSIBLE_OPTION({ what: `${option} is impossible`, given, why, fix })
}

function asyncBuild(promise: object): Error {
  // Nobody else will look at it, and an unhandled rejection would end the process without this error.
  Promise.resolve(promise).catch(() => undefined)
  return E008_IMPOSSIBLE_OPTION({
    what: 'The build function returned a promise', given: undefined,
    why: 'A graph is built at once, by every process that runs the job, and must be the same each time.',
    fix: 'make it synchronous; load what it needs at the top of the job file, or pass it by -c',
  })
}

function inJob(job: Job, thrown: unknown): unknown {
  if (!isStreamError(thrown)) return thrown
  const place = { job: String(job.name) }
  return thrown.withPlace(job.place === undefined ? place : { ...place, code: job.place })
}
