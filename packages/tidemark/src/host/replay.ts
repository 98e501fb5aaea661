/**
 * Runs the records between two checkpoints of a state directory again, and compares what comes of it with the second.
 *
 * A composition root: finds the two, makes the graph of the replay (job/replay), runs it (replay-run.ts) with the
 * in-process host in a directory of its own. Called by cli/replay.ts.
 *
 *   copy of A as a savepoint ─▶ new state directory ─▶ run to the positions of B ─▶ final checkpoint ─▶ compare with B
 *
 *   RPL-12  The state directory that is replayed is only read, also while its job runs: the files of both are held
 *           open from the start, so that their collection does not matter any more.
 *   RPL-13  What can be refused is refused before a record is read.
 *
 * Source: DESIGN section 11, 5; own design.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start, wait, type Io } from '../base/io.ts'
import type { Log, Storage } from '../base/ports.ts'
import { NO_TIMESTAMP } from '../base/time.ts'
import { withCheckpoints } from '../checkpoint/inspection/open.ts'
import type { OpenCheckpoint } from '../checkpoint/inspection/operator-parts.ts'
import { toTaggedJson } from '../checkpoint/inspection/tagged-json.ts'
import type { Manifest } from '../checkpoint/manifest.ts'
import type { Reader } from '../checkpoint/read.ts'
import type { Restorable } from '../checkpoint/savepoint.ts'
import { takeSavepoint, type SavepointPorts } from '../checkpoint/write-savepoint.ts'
import { toJobGraph } from '../graph/chaining.ts'
import type { Key } from '../graph/key.ts'
import type { LogicalGraph } from '../graph/logical-graph.ts'
import type { JobEnd } from '../job/job-supervisor.ts'
import { BoundedSource } from '../job/replay/bounded-source.ts'
import { chooseEnds, holdsRecords } from '../job/replay/choose-ends.ts'
import { notesOn } from '../job/replay/clock-notes.ts'
import { compareWith, historyOf, type Comparison, type KeyHistory } from '../job/replay/compare.ts'
import { E172_NOT_REPLAYABLE, E173_NOT_COMPARABLE, E176_KEPT_PLACE_IN_USE } from '../job/replay/errors.ts'
import { replayGraph, type EnteringRecord, type KeyWatch } from '../job/replay/replay-graph.ts'
import { boundsBetween, readSourceCut } from '../job/replay/source-cut.ts'
import { formatRecord } from '../operator/print.ts'
import { InProcessHost } from './in-process.ts'
import { ReplayRun, Settling } from './replay-run.ts'
import { withEngineSettings } from './settings.ts'
import { engineVersion } from './version.ts'

export type { KeyHistory, ReplayDifference, ReplayVerdict } from '../job/replay/compare.ts'

export interface ReplayOptions {
  /** As the job file gives it. */
  readonly graph: LogicalGraph
  /** Settings of the engine are read from it. */
  readonly config: Readonly<Record<string, string>>
  /** Absolute path; only read. */
  readonly directory: string
  /** A reference; undefined: the checkpoint before `to`. */
  readonly from?: string
  readonly to: string
  /** Absolute path of a directory that is not there, or empty: the replay's own state directory, which stays. */
  readonly keep?: string
  readonly key?: Key
  /** Most records that are shown on their way in, and entries of each state that are shown. */
  readonly limit: number
  readonly ports: SavepointPorts
  readonly log: Log
  /** Ends the replay at once; what it wrote is removed. */
  readonly signal?: AbortSignal
  /** What can be refused by looking was accepted; nothing is written, and no record read, before it returns. */
  begins?(plan: ReplayPlan): void
  /** One of the first `limit` records of the key. */
  entering?(record: ShownRecord): void
}

export interface ReplayPlan {
  readonly job: string
  readonly directory: string
  readonly from: ReplayEnd
  readonly to: ReplayEnd
  readonly parallelism: number
}

export interface ReplayEnd {
  readonly checkpoint: number
  readonly completedAtMs: number
}

export interface ShownRecord {
  readonly operator: string
  /** Tagged JSON, or a text where the record is no plain data. */
  readonly record: unknown
  readonly eventTimeMs?: number
}

export interface ReplayReport extends ReplayPlan, Comparison {
  readonly schema: 'tidemark.replay/1'
  /** Records read of each source. */
  readonly sources: readonly { readonly operator: string; readonly records: number }[]
  /** From the first record to the last checkpoint. */
  readonly tookMs: number
  /** What can make two runs differ although the job is right; one sentence each. */
  readonly notes: readonly string[]
  readonly key?: {
    readonly key: unknown
    /** Records of the key that entered keyed operators: all of them, and the first ones. */
    readonly entered: number
    readonly records: readonly ShownRecord[]
    readonly states: readonly KeyHistory[]
  }
  /** Where the replay's own state directory stays. */
  readonly kept?: string
}

export type ReplayOutcome =
  | { readonly kind: 'replayed'; readonly report: ReplayReport }
  | { readonly kind: 'cancelled' }

/** Rejects with E047, E144, E172-E176, whatever an unfit or damaged checkpoint gives, or the failure of the job. */
export function replay(storage: Storage, options: ReplayOptions): Promise<ReplayOutcome> {
  let root: string | undefined
  const makeRoot = (): string => (root = mkdtempSync(join(tmpdir(), 'tidemark-replay-')))
  const remove = (): void => {
    if (root !== undefined) rmSync(root, { recursive: true, force: true })
  }
  process.once('exit', remove)
  return new Promise((settle, fail) => {
    start(replaying(storage, makeRoot, options), (outcome) => {
      // What was cancelled may still write a little: then it is looked once more at the very end.
      if (!outcome.ok || outcome.value.kind !== 'cancelled') process.off('exit', remove)
      remove()
      if (outcome.ok) settle(outcome.value)
      // Whatever was thrown is passed on as it is.
      else fail(outcome.error as Error)
    })
  })
}

function* replaying(storage: Storage, makeRoot: () => string, options: ReplayOptions): Io<ReplayOutcome> {
  const { directory, keep } = options
  const [holds] = keep === undefined ? [] : (yield* storage.list(keep)) ?? []
  if (keep !== undefined && holds !== undefined) throw E176_KEPT_PLACE_IN_USE({ path: keep, holds })
  const { from, to } = yield* chooseEnds(storage, directory, options)
  const ref = ({ checkpoint }: Manifest): { directory: string; ref: string } => ({ directory, ref: String(checkpoint) })
  return yield* withCheckpoints(storage, [ref(from.manifest), ref(to)], (a, b) =>
    between(storage, makeRoot, options, from, [a as OpenCheckpoint, b as OpenCheckpoint]))
}

function* between(
  storage: Storage, makeRoot: () => string, options: ReplayOptions, from: Restorable,
  [a, b]: readonly [OpenCheckpoint, OpenCheckpoint],
): Io<ReplayOutcome> {
  const { config, directory, limit, key, ports, keep } = options
  const graph = withEngineSettings(options.graph, config)
  const parallelism = a.manifest.parallelism
  const plan: ReplayPlan = { job: graph.job, directory, from: endOf(a), to: endOf(b), parallelism }
  const settled = new Settling()
  const sources = yield* boundedSources(graph, a, b, settled)
  const seen = new SeenRecords(options)
  const watch: KeyWatch | undefined = key === undefined ? undefined : { key, entering: (record) => seen.add(record) }
  const deployed = toJobGraph({ ...replayGraph(graph, sources, watch), pruneColumns: false }, { parallelism })
  options.begins?.(plan)
  const root = makeRoot()
  const savepoint = join(root, 'from')
  yield* takeSavepoint({ ...ports, storage: withHeld(storage, a.storage) }, from, savepoint, engineVersion())
  const own = keep ?? join(root, 'state')
  const begunMs = ports.clock.monotonicMs()
  const end = yield* wait<JobEnd | undefined>((done) => {
    const run = new ReplayRun(sources, settled, (outcome) => done({ ok: true, value: outcome }), options.signal)
    run.start((callbacks) => new InProcessHost({
      graph: deployed, storage, directory: own, engine: engineVersion(), fresh: false, from: { path: savepoint },
      log: options.log, print: () => {}, probe: () => {},
      onCheckpoint: () => {}, onCheckpointFailed: () => {}, onRestart: () => {},
      ...callbacks,
      onBroken: (error) => done({ ok: false, error }),
    }))
  })
  if (end === undefined) return { kind: 'cancelled' }
  if (end.kind === 'failed') throw end.error
  const tookMs = ports.clock.monotonicMs() - begunMs
  return yield* withCheckpoints(storage, [{ directory: own, ref: 'latest' }], function* (opened) {
    const reached = opened as OpenCheckpoint
    const choice = key === undefined ? { limit } : { limit, key }
    const comparison = yield* compareWith(reached, b, graph, choice)
    const states = key === undefined ? [] : yield* historyOf(key, a, reached, b)
    const report: ReplayReport = {
      schema: 'tidemark.replay/1', ...plan, ...comparison,
      sources: sources.map(({ operator, records }) => ({ operator, records })),
      tookMs, notes: [...notesOn(graph, parallelism), ...(key === undefined ? [] : unseen(a.manifest))],
      ...(key === undefined ? {} : {
        key: { key: toTaggedJson(key), entered: seen.count, records: seen.shown, states },
      }),
      ...(keep === undefined ? {} : { kept: keep }),
    }
    return { kind: 'replayed' as const, report }
  })
}

/** RPL-12: `held` gives the files of a checkpoint also where their names are gone; all else is as it is. */
function withHeld(storage: Storage, held: Reader): Storage {
  const reading: Reader = {
    openRead: (path) => held.openRead(path), read: (file, at, length) => held.read(file, at, length),
    close: (file) => held.close(file),
  }
  return new Proxy(storage, {
    get(target, name) {
      const found: unknown = Reflect.get(Object.hasOwn(reading, name) ? reading : target, name)
      return typeof found === 'function' ? (found.bind(target) as unknown) : found
    },
  })
}

const unseen = (from: Manifest): readonly string[] => (holdsRecords(from)
  ? [`records that were on their way at #${from.checkpoint} went in first, and are not shown`]
  : [])

const endOf = ({ manifest: { checkpoint, completedAtMs } }: OpenCheckpoint): ReplayEnd => ({ checkpoint, completedAtMs })

/** Throws E172, E173. */
function* boundedSources(
  graph: LogicalGraph, a: OpenCheckpoint, b: OpenCheckpoint, settled: Settling,
): Io<readonly BoundedSource[]> {
  const sources: BoundedSource[] = []
  for (const { name, was, spec } of graph.operators) {
    if (spec.kind !== 'source') continue
    const { source } = spec
    const place = { operator: name }
    if (source.rewind !== 'can rewind') throw E172_NOT_REPLAYABLE({ operator: name, kind: source.kind }, { place })
    const [from, to] = [yield* readSourceCut(a, [name, ...was]), yield* readSourceCut(b, [name, ...was])]
    if (source.assignment === 'pull' && to.active.size > from.parallelism) {
      throw E173_NOT_COMPARABLE({
        from: a.manifest.checkpoint, to: b.manifest.checkpoint,
        problem: `"${name}" was reading ${to.active.size} splits at once by then, ` +
          `and has ${from.parallelism} subtasks in the first one`,
        hints: ['give two checkpoints of the same parallelism: tidemark checkpoint list DIR'],
      }, { place })
    }
    sources.push(new BoundedSource(name, source, boundsBetween(from, to), () => settled.check()))
  }
  return sources
}

/** The first records of the watched key, as they were when they came by. */
class SeenRecords {
  readonly #options: ReplayOptions
  readonly shown: ShownRecord[] = []
  count = 0

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  add({ operator, record, timestamp }: EnteringRecord): void {
    this.count += 1
    if (this.count > this.#options.limit) return
    const shown: ShownRecord = {
      operator, record: plainOf(record), ...(timestamp === NO_TIMESTAMP ? {} : { eventTimeMs: timestamp }),
    }
    this.shown.push(shown)
    this.#options.entering?.(shown)
  }
}

/** A record need not be what state can hold. */
function plainOf(record: unknown): unknown {
  try {
    return structuredClone(toTaggedJson(record))
  } catch {
    return formatRecord(record)
  }
}
