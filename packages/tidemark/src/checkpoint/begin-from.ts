/**
 * Begins a new line of checkpoints in an empty state directory, from a savepoint or another state directory.
 *
 * Called by the job before it opens its directory, under the directory lock. What it is given is only read.
 * Afterwards the directory holds one reachable checkpoint, and open.ts goes on from it as from any other.
 *
 *   origin.json ─▶ job.json ─▶ epoch claimed ─▶ files copied ─▶ start of the epoch ─▶ manifest linked
 *
 * With `claim` the savepoint becomes the directory's own, after origin.json (own-savepoint.ts).
 *
 *   BF-1  `origin.json` is claimed by link() before anything else. From then on the directory begins with
 *         that state or not at all: a plain start is refused until it is there (RV-6).
 *   BF-2  Repeated with the same origin it goes on where it was cut short, and does nothing once the
 *         directory has a checkpoint; with another origin, or on a line that began otherwise, it is refused.
 *   BF-3  The checkpoint keeps its number, its files keep their names: the term that brings it in is above
 *         every term they name, so that garbage collection knows them.
 *   BF-4  What it carries for sinks stays the affair of the line it came from, also over several steps (SV-4).
 *   BF-5  Nothing is begun with state that was drained, of another job, or for other sources.
 *   BF-6  Whether the savepoint is claimed is written down with what the directory begins from, and stays so: a
 *         repetition that asks for a claim which was not made is refused, one that does not ask changes nothing.
 *   BF-7  Nothing is brought in beside a term that cannot be read, in which the job may have come further, nor in
 *         place of a manifest that cannot be read.
 *   BF-8  A checkpoint that was named is settled with origin.json: a repetition means the same one, whatever `latest-1` or a
 *         label would mean by then.
 *
 * Source: Flink restore from savepoint, claim modes NO_CLAIM and CLAIM (rows A12, C13); decisions D5, D8.
 */
import { isStreamError, type StreamError } from '../base/errors.ts'
import { epoch, type Epoch } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { commitManifest, markCompleted } from './commit-manifest.ts'
import { copyFiles } from './copy-files.ts'
import { claim, encodeDocument } from './document.ts'
import { claimEpoch, newestHolder, requireMine, startEpoch, type EpochStart } from './epochs.ts'
import { E046_FENCED } from './errors.ts'
import { E118_OTHER_LINE, E158_DRAINED, E185_NOT_CLAIMABLE } from './errors-savepoint.ts'
import { jobFile, originFile, temporaryName } from './layout.ts'
import type { CheckpointOrigin, Manifest } from './manifest.ts'
import { prepare, writeIdentity, type OpenOptions, type OpenPorts } from './open.ts'
import { readOrigin, type Origin } from './origin.ts'
import { claimSavepoint, requireFree } from './own-savepoint.ts'
import { KnownDocuments, newJobId, readFacts, retrying, type Facts, type JobIdentity } from './read.ts'
import { brokenHead, checkIdentity, reachableManifests, startsOf } from './recover.ts'
import { findRestorable, type Restorable } from './savepoint.ts'

export interface BeginPlace {
  /** Absolute path of a savepoint, or of another state directory. */
  readonly path: string
  /** Which of its checkpoints (references.ts); absent: its newest. */
  readonly ref?: string
  /** It is a savepoint, and becomes this directory's own. */
  readonly claim?: boolean
}

export type BeginOptions = Omit<OpenOptions, 'fresh' | 'from'>

const ATTEMPTS = 16

/** Throws E044, E047, E050, E118, E144, E154, E158, E185, E186, what an unfit checkpoint gives, or the error of the disk. */
export function* beginFrom(ports: OpenPorts, directory: string, place: BeginPlace, options: BeginOptions): Io<void> {
  const { storage } = ports
  const { path: from, ref, claim: own = false } = place
  yield* prepare(ports, directory)
  const facts = yield* readFacts(storage, directory, retrying(ports.timers))
  const used = isUsed(facts) || (yield* storage.stat(jobFile(directory))) !== undefined
  // Looked at last: it is there before anything else that another starter with the same task writes.
  const there = yield* readOrigin(storage, directory)
  if (there === undefined && used) {
    throw E118_OTHER_LINE({ directory, from, begunFrom: undefined })
  }
  const begun = hasLine(directory, facts)
  const same = there?.from === from && there.ref === ref
  const found = findRestorable(storage, from, same && ref !== undefined ? String(there.checkpoint) : ref)
  const source = begun && same ? yield* ifThere(found) : yield* found
  if (source === undefined) return
  const wanted = originOf(source, ref, own ? newJobId(ports.random) : undefined)
  if (there !== undefined) requireSame(directory, wanted, there)
  if (begun) return
  requireFit(source, options)
  if (wanted.claim !== undefined && source.kind !== 'savepoint') {
    throw E185_NOT_CLAIMABLE({ path: from, problem: 'it is a state directory, the home of a job' })
  }
  yield* requireFree(storage, source.directory, there?.claim)
  if (there === undefined) {
    const at = { directory, temporary: temporaryName(0, 'origin', ports.random.uint32()), path: originFile(directory) }
    yield* claim(storage, at, encodeDocument('origin', wanted))
  }
  const { claim: token } = there ?? (yield* whatStands(storage, directory, wanted))
  if (token !== undefined) yield* claimSavepoint(ports, source.directory, { token, directory })
  yield* bringIn(ports, directory, source, options)
}

/** Two starters of one command may have met: the origin that was linked first is that of both. */
function* whatStands(storage: Storage, directory: string, wanted: Origin): Io<Origin> {
  const there = (yield* readOrigin(storage, directory)) as Origin
  requireSame(directory, wanted, there)
  return there
}

/** Anything but the names that a lock and a pid leave: somebody has worked here. */
const isUsed = (facts: Facts): boolean =>
  facts.newestEpoch > 0 || facts.manifests.length > 0 || facts.completedLineages.length > 0

/**
 * A term that did more than bring state in, or a checkpoint: from here on it opens like any other directory. Throws
 * E044 or E050 where that cannot be known (BF-7).
 */
function hasLine(directory: string, facts: Facts): boolean {
  if (startsOf(facts).some((start) => start.brought !== true) || reachableManifests(facts).length > 0) return true
  const broken = brokenHead(directory, facts)
  if (broken !== undefined) throw broken
  return false
}

function* ifThere(find: Io<Restorable>): Io<Restorable | undefined> {
  try {
    return yield* find
  } catch (error) {
    if (isStreamError(error) && error.kind === 'not-found') return undefined
    throw error
  }
}

const originOf = ({ kind, directory, manifest: { jobId, checkpoint } }: Restorable, ref?: string, token?: string): Origin =>
  ({
    from: directory, jobId, checkpoint: kind === 'savepoint' || ref !== undefined ? checkpoint : null,
    ...(ref === undefined ? {} : { ref }),
    ...(token === undefined ? {} : { claim: token }),
  })

/** BF-2, BF-6. */
function requireSame(directory: string, wanted: Origin, there: Origin): void {
  if (wanted.jobId !== there.jobId || wanted.checkpoint !== there.checkpoint) {
    throw E118_OTHER_LINE({ directory, from: wanted.from, begunFrom: there.from })
  }
  if (wanted.claim === undefined || there.claim !== undefined) return
  throw E185_NOT_CLAIMABLE({ path: wanted.from, problem: `${directory} began with a copy of it` })
}

/** BF-5. */
function requireFit({ directory, manifest, resources }: Restorable, options: BeginOptions): void {
  if (manifest.drained === true) throw E158_DRAINED({ path: directory, checkpoint: manifest.checkpoint })
  const { job, maxParallelism, lineage } = manifest
  const last: EpochStart = {
    epoch: manifest.epoch, restored: null, lineage, fresh: false, brought: true, job, maxParallelism, resources,
  }
  const misfit: StreamError | undefined = checkIdentity(directory, { job, last }, options, false)
  if (misfit !== undefined) throw misfit
}

function* bringIn(ports: OpenPorts, directory: string, source: Restorable, options: BeginOptions): Io<void> {
  const { storage, clock, random } = ports
  for (let i = 0; i < ATTEMPTS; i++) {
    const facts = yield* readFacts(storage, directory, retrying(ports.timers), new KnownDocuments())
    const { identity } = facts
    if (hasLine(directory, facts)) return
    const damaged = facts.manifests.find((fact) => fact.kind === 'damaged' && fact.id === source.manifest.checkpoint)
    if (damaged?.kind === 'damaged') throw damaged.error
    if (identity === undefined) {
      yield* writeIdentity(ports, directory, options.job)
      continue
    }
    const mine = epoch(Math.max(facts.newestEpoch, source.manifest.epoch) + 1)
    const { engine, pid, host } = options
    const record = { epoch: mine, engine, pid, host, claimedAtMs: clock.wallMs() }
    if ((yield* claimEpoch(storage, directory, record, random.uint32())) === 'exists') continue
    if (yield* adopt(ports, directory, identity, mine, source)) return
  }
  const { epoch: newest, holder } = yield* newestHolder(storage, directory)
  throw E046_FENCED({ directory, mine: 0, newest, holder })
}

/** The work of term `mine`. False: somebody else's manifest has the number; look again. */
function* adopt(
  ports: OpenPorts, directory: string, { jobId }: JobIdentity, mine: Epoch, source: Restorable,
): Io<boolean> {
  const { storage, random } = ports
  yield* copyFiles(ports, source.manifest, { from: source.directory, to: directory, epoch: mine })
  const stranger = (yield* readFacts(storage, directory)).manifests.find(({ id }) => id === source.manifest.checkpoint)
  // A stopped starter woke and linked the same state in a term that does not count: this one goes on from it.
  const linked = stranger?.kind === 'readable' && stranger.manifest.jobId === jobId ? stranger.manifest : undefined
  const start: EpochStart = {
    epoch: mine,
    restored: linked === undefined ? null : { checkpoint: linked.checkpoint, epoch: linked.epoch },
    lineage: linked?.lineage ?? mine, fresh: false, brought: true,
    job: source.manifest.job, maxParallelism: source.manifest.maxParallelism, resources: source.resources,
  }
  yield* requireMine(storage, directory, mine)
  yield* startEpoch(storage, directory, start, random.uint32())
  if (linked !== undefined) return true
  const manifest: Manifest = {
    ...source.manifest, jobId, epoch: mine, lineage: mine, restoredFrom: null, origin: carriedFrom(source),
  }
  const outcome = yield* commitManifest(ports, directory, manifest)
  switch (outcome.kind) {
    case 'committed':
      yield* markCompleted(ports, directory, manifest)
      return true
    case 'taken':
      return false
    case 'unknown':
      throw outcome.error
    case 'fenced':
      throw E046_FENCED({ directory, mine, newest: outcome.newest, holder: outcome.holder })
  }
}

/** BF-4. */
function carriedFrom({ manifest, resources, committed }: Restorable): CheckpointOrigin {
  const { jobId, checkpoint, epoch: of } = manifest
  const sinks = resources.filter(({ role }) => role === 'sink')
  return manifest.origin ?? { jobId, checkpoint, epoch: of, committed, sinks }
}
