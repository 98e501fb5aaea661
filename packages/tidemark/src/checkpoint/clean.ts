/**
 * Cleans up a state directory for people: `tidemark checkpoint gc` and `prune`, and what they would do.
 *
 * Called by the command line. What goes is decided and removed by gc.ts; here it is chosen what is kept, weighed
 * and told, file by file.
 *
 *   CQ-1  gc keeps every checkpoint that could be restored, and every one with a label. prune also removes
 *         checkpoints, but never the newest, never one with a label, and no file that a kept one refers to.
 *   CQ-2  Nothing is removed where a start would be refused, or where the newest checkpoint is not whole: what looks
 *         superfluous there may be all that is left.
 *   CQ-3  Whoever removes holds the lock of the directory: no job runs. A plan may be made while one does; what the
 *         job may be at work on is not in it.
 *   CQ-4  A plan writes nothing. What is reported as removed was removed; what nobody knows is named and stays.
 *
 * Source: Flink's cleaning of retained checkpoints, which it leaves to the user; own design.
 */
import { describeThrown, type StreamError } from '../base/errors.ts'
import { epoch as asEpoch, type CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Ports, Storage } from '../base/ports.ts'
import { requireMine } from './epochs.ts'
import { E177_NOTHING_TO_CLEAN, E178_NOT_CLEANED } from './errors-clean.ts'
import { classify, collectGarbage, listAll, type Garbage, type Policy } from './gc.ts'
import { verifyFiles } from './inspect.ts'
import { labelsIn } from './labels.ts'
import { checkpointFile, jobFile, manifestFile, parseTemporary, savepointFile, TRACE_FILE } from './layout.ts'
import { KnownDocuments, readListed, type Facts } from './read.ts'
import { decideRecovery, reachableManifests } from './recover.ts'

/** What is asked for. */
export type Cleaning =
  | { readonly kind: 'gc' }
  /** At least 1. */
  | { readonly kind: 'prune'; readonly keep: number }
  /** Wall clock, ms: what completed before goes. */
  | { readonly kind: 'prune'; readonly before: number }

export interface RemovedFile {
  /** Below the state directory. */
  readonly path: string
  readonly bytes: number
  /**
   * superseded: of a checkpoint or a term that goes, or went, because of newer ones; unreferenced: state that no
   * checkpoint names, as of one that never completed; leftover: temporary, of a write that was cut short.
   */
  readonly why: 'superseded' | 'unreferenced' | 'leftover'
}

export interface CleaningReport {
  readonly schema: 'tidemark.checkpoint.gc/1' | 'tidemark.checkpoint.prune/1'
  readonly directory: string
  readonly dryRun: boolean
  /** A job is at work there: what it may be writing is not looked at. */
  readonly running: boolean
  readonly kept: readonly { readonly id: number; readonly labels: readonly string[] }[]
  /** Numbers of checkpoints that go. */
  readonly checkpoints: readonly number[]
  readonly files: readonly RemovedFile[]
  /** Of `files`. */
  readonly bytes: number
  /** Left alone: no name that the engine gives. */
  readonly foreign: readonly { readonly path: string; readonly bytes: number }[]
}

interface Plan {
  readonly policy: Policy
  readonly report: CleaningReport
}

/** Throws E177, E178. `running`: somebody holds the lock. */
export function* planCleaning(
  storage: Storage, directory: string, cleaning: Cleaning, running: boolean,
): Io<CleaningReport> {
  return (yield* makePlan(storage, directory, cleaning, running)).report
}

/** Under the lock of the directory. Throws E177, E178, E046. */
export function* clean(
  ports: Pick<Ports, 'storage' | 'probe'>, directory: string, cleaning: Cleaning,
): Io<CleaningReport> {
  const { policy, report } = yield* makePlan(ports.storage, directory, cleaning, false)
  const { kind, deleted } = yield* collectGarbage(ports, directory, policy)
  if (kind === 'fenced') yield* requireMine(ports.storage, directory, policy.mine)
  // A label that came meanwhile keeps what the plan gave up.
  const gone = new Set(pathsOf(directory, deleted).map(({ path }) => path))
  const files = report.files.filter(({ path }) => gone.has(`${directory}/${path}`))
  const checkpoints = report.checkpoints.filter((id) => deleted.manifests.includes(id as CheckpointId))
  return { ...report, dryRun: false, checkpoints, files, bytes: total(files) }
}

function* makePlan(storage: Storage, directory: string, cleaning: Cleaning, running: boolean): Io<Plan> {
  const listing = yield* listAll({ storage }, directory)
  const facts = yield* readListed(storage, directory, listing, new KnownDocuments())
  yield* requireStateDirectory(storage, directory)
  // Whoever removes does so in a term; here nobody has had one.
  if (facts.newestEpoch === 0) {
    throw E177_NOTHING_TO_CLEAN({ directory, found: 'no start of the job has come as far as its first term' })
  }
  const refused = yield* refusal(storage, directory, facts, running)
  if (refused !== undefined) throw refused
  const completed = facts.manifests.at(-1)?.id ?? 0
  const policy: Policy = {
    mine: asEpoch(facts.newestEpoch),
    retain: 'keep' in cleaning ? cleaning.keep : 'before' in cleaning ? 1 : Number.MAX_SAFE_INTEGER,
    ...('before' in cleaning ? { since: cleaning.before } : {}),
    floor: (running ? completed : facts.highestId) + 1,
    ...(running ? {} : { alone: true as const }),
  }
  const garbage = classify(directory, facts, listing, policy)
  const labels = labelsIn(listing.root)
  const files: RemovedFile[] = []
  for (const { path, why } of pathsOf(directory, garbage)) {
    files.push({ path: below(directory, path), bytes: yield* sizeOf(storage, path), why })
  }
  const foreign: { path: string; bytes: number }[] = []
  for (const path of garbage.unknown) foreign.push({ path: below(directory, path), bytes: yield* sizeOf(storage, path) })
  const report: CleaningReport = {
    schema: `tidemark.checkpoint.${cleaning.kind}/1`, directory, dryRun: true, running,
    kept: garbage.retained.map((id) => (
      { id, labels: labels.filter(({ checkpoint }) => checkpoint === id).map(({ name }) => name) })),
    checkpoints: garbage.manifests, files, bytes: total(files), foreign,
  }
  return { policy, report }
}

/** Throws E177. To be asked before the lock is taken, which leaves a name in the directory. */
export function* requireStateDirectory(storage: Storage, directory: string): Io<void> {
  if ((yield* storage.stat(jobFile(directory))) !== undefined) return
  const savepoint = (yield* storage.stat(savepointFile(directory))) !== undefined
  throw E177_NOTHING_TO_CLEAN({ directory, found: savepoint ? 'it is a savepoint' : 'it has no job.json' })
}

/** CQ-2. */
function* refusal(
  storage: Storage, directory: string, facts: Facts, running: boolean,
): Io<StreamError | undefined> {
  const notCleaned = (cause: unknown): StreamError =>
    E178_NOT_CLEANED({ directory, problem: describeThrown(cause).replace(/\.$/, '') }, { cause })
  const damagedTerm = facts.epochs.find((fact) => fact.kind === 'damaged')
  if (damagedTerm?.kind === 'damaged') return notCleaned(damagedTerm.error)
  const decision = decideRecovery(directory, facts, { fresh: false })
  if (decision.kind === 'refuse') return notCleaned(decision.error)
  // A running job has gone on from it, and removes it at any moment.
  const newest = running ? undefined : reachableManifests(facts).at(-1)
  const problems: unknown[] = []
  if (newest !== undefined) yield* verifyFiles(storage, directory, newest, (error) => void problems.push(error))
  return problems.length === 0 ? undefined : notCleaned(problems[0])
}

/** In the order in which they are removed. */
function pathsOf(
  directory: string, { manifests, files, others }: Pick<Garbage, 'manifests' | 'files' | 'others'>,
): { readonly path: string; readonly why: RemovedFile['why'] }[] {
  const going = new Set(manifests)
  return [
    ...manifests.map((id) => ({ path: manifestFile(directory, id), why: 'superseded' as const })),
    ...files.map(({ checkpoint, name }) => ({
      path: checkpointFile(directory, checkpoint, name),
      why: going.has(checkpoint) || name === TRACE_FILE ? 'superseded' as const : 'unreferenced' as const,
    })),
    ...others.map((path) => ({ path, why: isTemporary(path) ? 'leftover' as const : 'superseded' as const })),
  ]
}

const isTemporary = (path: string): boolean => parseTemporary(path.slice(path.lastIndexOf('/') + 1)) !== undefined
const below = (directory: string, path: string): string => path.slice(directory.length + 1)
const total = (files: readonly RemovedFile[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0)

function* sizeOf(storage: Storage, path: string): Io<number> {
  return (yield* storage.stat(path))?.sizeBytes ?? 0
}
