/**
 * Opens a state directory for writing: identity, recovery decision, epoch.
 *
 * Called by a host once per process, under the directory lock, before anything of the job is built.
 *
 *   OD-1  The epoch is claimed first and the checkpoint to go on from is looked up after it (see
 *         epochs.ts); what can be refused is refused before the claim, so that a refused start
 *         leaves the directory as it was.
 *   OD-2  'opened' is returned only while the claimed epoch is the newest one.
 *   OD-3  Nothing is deleted here; a crash at any point leaves a directory that opens again.
 *   OD-4  Before the claim it has no term, so that a writer that is being succeeded may take its temporary files
 *         for leftovers (GC-7): one that is gone is made again.
 *
 * Source: DESIGN §7; decisions D5, D8.
 */
import { makeDurableDirectory } from '../base/durable-directory.ts'
import { isStreamError, type StreamError } from '../base/errors.ts'
import { checkpointId, epoch, type CheckpointId, type Epoch } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { E055_FILE_MISSING, type StorageFailure } from '../base/storage-errors.ts'
import { claim, encodeDocument, quietly } from './document.ts'
import { asTerm, claimEpoch, newestEpoch, newestHolder, requireMine, startEpoch, stillMine, type EpochStart } from './epochs.ts'
import { E044_STATE_GONE, E046_FENCED, E049_NO_HARD_LINKS } from './errors.ts'
import { checkpointsDirectory, epochsDirectory, jobFile, temporaryName } from './layout.ts'
import type { Manifest } from './manifest.ts'
import { checkFiles, KnownDocuments, newJobId, readFacts, retrying, type Facts, type JobIdentity } from './read.ts'
import {
  checkIdentity, decideRecovery, reachableManifests, startsOf, unreadable, type JobNow, type RecoveryDecision,
  type RecoveryOptions,
} from './recover.ts'

export interface OpenOptions extends RecoveryOptions, JobNow {
  readonly engine: string
  readonly pid: number
  readonly host: string
}

export interface OpenedDirectory {
  readonly directory: string
  readonly jobId: string
  readonly epoch: Epoch
  readonly start: EpochStart
  /** What to go on from; undefined: from the beginning. */
  readonly restore: Manifest | undefined
  /** Above every number that was ever used here. */
  readonly nextId: CheckpointId
  /** This lineage has its mark of a completed checkpoint (CM-4). */
  readonly marked: boolean
  /** What was read of the directory; its owner adds what it completes. */
  readonly known: KnownDocuments
}

export type OpenOutcome =
  | { readonly kind: 'opened'; readonly opened: OpenedDirectory }
  | { readonly kind: 'already-finished'; readonly manifest: Manifest }
  | { readonly kind: 'refused'; readonly error: StreamError }

export type OpenPorts = Pick<Ports, 'storage' | 'timers' | 'random' | 'clock' | 'probe' | 'log'>

const CLAIM_ATTEMPTS = 16

export function* openDirectory(ports: OpenPorts, directory: string, options: OpenOptions): Io<OpenOutcome> {
  const { storage } = ports
  yield* prepare(ports, directory)
  const known = new KnownDocuments()
  let before = yield* look(ports, directory, options, known)
  // A writer that is still at work may have replaced what was being looked at: look twice.
  if (before.kind === 'refused') before = yield* look(ports, directory, options, known)
  if (before.kind !== 'go') return before

  for (let i = 0; i < CLAIM_ATTEMPTS; i++) {
    const mine = yield* claimNext(ports, directory, options)
    if (mine !== undefined) return yield* asTerm(storage, directory, mine, begin(ports, directory, options, mine, known))
  }
  const { epoch: newest, holder } = yield* newestHolder(storage, directory)
  return { kind: 'refused', error: E046_FENCED({ directory, mine: 0, newest, holder }) }
}

/** OD-1, OD-2: the first steps of term `mine`. */
function* begin(
  ports: OpenPorts, directory: string, options: OpenOptions, mine: Epoch, known: KnownDocuments,
): Io<OpenOutcome> {
  const { storage } = ports
  const seen = yield* look(ports, directory, options, known)
  if (seen.kind !== 'go') return seen
  const { facts, decision, identity } = seen
  // As in `prepare`, for one that was linked since then.
  if (decision.kind === 'restore') yield* storage.syncDirectory(checkpointsDirectory(directory))
  const last = startsOf(facts).at(-1)
  const start: EpochStart = {
    epoch: mine,
    restored: decision.kind === 'restore'
      ? { checkpoint: decision.manifest.checkpoint, epoch: decision.manifest.epoch }
      : null,
    lineage: options.fresh || last === undefined ? mine : last.lineage,
    fresh: options.fresh,
    job: options.job,
    maxParallelism: options.maxParallelism,
    resources: options.resources,
  }
  yield* startEpoch(storage, directory, start, ports.random.uint32())
  known.starts.set(mine, start)
  yield* requireMine(storage, directory, mine)
  const opened: OpenedDirectory = {
    directory, jobId: identity.jobId, epoch: mine, start,
    restore: decision.kind === 'restore' ? decision.manifest : undefined,
    nextId: checkpointId(facts.highestId + 1),
    marked: facts.completedLineages.includes(start.lineage),
    known,
  }
  return { kind: 'opened', opened }
}

/** Also called before a checkpoint is brought in from elsewhere (begin-from.ts). */
export function* prepare(ports: OpenPorts, directory: string): Io<void> {
  const { storage } = ports
  yield* makeDurableDirectory(storage, directory)
  yield* storage.makeDirectory(epochsDirectory(directory))
  yield* storage.makeDirectory(checkpointsDirectory(directory))
  yield* storage.syncDirectory(directory)
  // A process that died between linking a manifest and syncing its directory left one that is visible and
  // not durable. Nothing may build on it (an epoch record, a commit) before it is.
  yield* storage.syncDirectory(checkpointsDirectory(directory))
  yield* again(() => probeLink(ports, directory))
}

const ATTEMPTS_WITHOUT_TERM = 3

/** OD-4. */
function* again<T>(make: () => Io<T>): Io<T> {
  for (let left = ATTEMPTS_WITHOUT_TERM; ; left--) {
    try {
      return yield* make()
    } catch (error) {
      if (left === 1 || !isStreamError(error) || error.code !== E055_FILE_MISSING.definition.code) throw error
    }
  }
}

/** Hard links are tried once, before anything depends on them: never a silent rename instead. */
function* probeLink(ports: OpenPorts, directory: string): Io<void> {
  const { storage } = ports
  const salt = ports.random.uint32()
  const one = `${directory}/${temporaryName(0, 'link-from', salt)}`
  const two = `${directory}/${temporaryName(0, 'link-to', salt)}`
  const file = yield* storage.create(one)
  yield* storage.close(file)
  try {
    yield* storage.link(one, two)
  } catch (error) {
    if (!isStreamError(error)) throw error
    const { errno } = error.details as StorageFailure
    if (!UNSUPPORTED.has(errno)) throw error
    throw E049_NO_HARD_LINKS({ directory, errno }, { cause: error })
  } finally {
    yield* quietly(storage.unlink(one))
    yield* quietly(storage.unlink(two))
  }
}

const UNSUPPORTED: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK', 'EINVAL'])

type Seen =
  | {
      readonly kind: 'go'
      readonly facts: Facts
      readonly identity: JobIdentity
      readonly decision: Extract<RecoveryDecision, { kind: 'start-empty' | 'restore' }>
    }
  | Exclude<OpenOutcome, { kind: 'opened' }>

function* look(ports: OpenPorts, directory: string, options: OpenOptions, known: KnownDocuments): Io<Seen> {
  const retry = retrying(ports.timers)
  let facts = yield* readFacts(ports.storage, directory, retry, known)
  ports.probe('restore.list')
  if (facts.identity === undefined) {
    const used = facts.newestEpoch > 0 || facts.manifests.length > 0 || facts.completedLineages.length > 0
    if (used && !options.fresh) {
      const trace = 'job.json is missing while other files of the job are there'
      return { kind: 'refused', error: E044_STATE_GONE({ directory, trace }) }
    }
    yield* writeIdentity(ports, directory, options.job)
    facts = yield* readFacts(ports.storage, directory, retry, known)
  }
  const identity = facts.identity as JobIdentity
  const stored = { job: identity.job, last: startsOf(facts).at(-1) }
  const misfit = checkIdentity(directory, stored, options, options.fresh)
  if (misfit !== undefined) return { kind: 'refused', error: misfit }
  const decision = decideRecovery(directory, facts, options)
  if (decision.kind === 'refuse') return { kind: 'refused', error: decision.error }
  if (decision.kind === 'already-finished') return decision
  if (decision.kind === 'restore') {
    const { manifest } = decision
    const problem = yield* checkFiles(ports.storage, directory, manifest, retry)
    ports.probe('restore.read')
    if (problem !== undefined) {
      const older = reachableManifests(facts).findLast((m) => m.checkpoint < manifest.checkpoint)
      return { kind: 'refused', error: unreadable(directory, manifest.checkpoint, problem, older) }
    }
  }
  return { kind: 'go', facts, identity, decision }
}

export function* writeIdentity(ports: OpenPorts, directory: string, job: string): Io<void> {
  const identity: JobIdentity = { jobId: newJobId(ports.random), job, createdAtMs: ports.clock.wallMs() }
  yield* again(() => {
    const at = { directory, temporary: temporaryName(0, 'job', ports.random.uint32()), path: jobFile(directory) }
    return claim(ports.storage, at, encodeDocument('job', identity))
  })
}

/** Undefined: somebody else was faster. */
function* claimNext(ports: OpenPorts, directory: string, options: OpenOptions): Io<Epoch | undefined> {
  const { storage } = ports
  const mine = epoch(((yield* newestEpoch(storage, directory)) ?? 0) + 1)
  const record = {
    epoch: mine, engine: options.engine, pid: options.pid, host: options.host, claimedAtMs: ports.clock.wallMs(),
  }
  const claimed = yield* asTerm(storage, directory, mine, claimEpoch(storage, directory, record, ports.random.uint32()))
  if (claimed === 'exists') return undefined
  // An old number whose record was collected could be claimed again by a slow starter: the highest counts.
  return (yield* stillMine(storage, directory, mine)) ? mine : undefined
}
