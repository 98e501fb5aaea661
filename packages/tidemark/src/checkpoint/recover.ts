/**
 * What to do at start, decided from facts alone. Pure: no I/O, no ports.
 *
 * Called by open.ts with what read.ts found.
 *
 *   RV-1  Only checkpoints reachable through the chain of epochs are ever restored (EP-2).
 *   RV-2  The newest one is restored or the start is refused: there is no silent fallback (D5).
 *   RV-3  A lineage that completed a checkpoint never starts empty unless `fresh` was asked for.
 *   RV-4  'already-finished' needs the mark that all commits are confirmed; a final checkpoint
 *         without it is restored, so that its commits are made up for.
 *   RV-5  A file whose name is gone is noticed by what refers to it: a manifest of a later term than any
 *         that is recorded, and a mark of the end above the newest manifest, refuse the start.
 *   RV-6  A directory that was to begin with a checkpoint from elsewhere, and does not hold it yet, never
 *         starts empty.
 *
 * Source: decisions D4, D5; FLINK-22502, FLINK-34518.
 */
import type { StreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { chainLimits, isReachable, type EpochStart, type ResourceUse } from './epochs.ts'
import {
  E034_MAX_PARALLELISM_CHANGED, E035_RESOURCE_CHANGED, E036_OTHER_JOB, E044_STATE_GONE, E045_NEWEST_UNREADABLE,
  E047_NO_SUCH_CHECKPOINT, E050_DOCUMENT_DAMAGED,
} from './errors.ts'
import { E119_BEGIN_AGAIN } from './errors-savepoint.ts'
import { epochStartFile, manifestFile } from './layout.ts'
import type { Manifest } from './manifest.ts'
import type { Facts } from './read.ts'

export interface RecoveryOptions {
  readonly fresh: boolean
  /** Restore this one instead of the newest. */
  readonly from?: CheckpointId
}

export type RecoveryDecision =
  | { readonly kind: 'start-empty' }
  | { readonly kind: 'restore'; readonly manifest: Manifest }
  | { readonly kind: 'already-finished'; readonly manifest: Manifest }
  | { readonly kind: 'refuse'; readonly error: StreamError }

/** Readable starts, ascending. */
export const startsOf = (facts: Facts): readonly EpochStart[] =>
  facts.epochs.flatMap((fact) => (fact.kind === 'started' ? [fact.start] : []))

/** Reachable and readable manifests, ascending. */
export function reachableManifests(facts: Facts): readonly Manifest[] {
  const limits = chainLimits(startsOf(facts))
  return facts.manifests
    .flatMap((fact) => (fact.kind === 'readable' ? [fact.manifest] : []))
    .filter((manifest) => manifest.jobId === facts.identity?.jobId && isReachable(limits, manifest))
}

export function decideRecovery(directory: string, facts: Facts, options: RecoveryOptions): RecoveryDecision {
  if (options.fresh) return { kind: 'start-empty' }
  const broken = brokenHead(directory, facts)
  if (broken !== undefined) return { kind: 'refuse', error: broken }
  const head = startsOf(facts).at(-1)
  const reachable = reachableManifests(facts)
  if (options.from !== undefined) return chosen(directory, facts, reachable, options.from)
  const newest = reachable.at(-1)
  const problem = damagedAbove(directory, facts, newest) ?? lostEnd(directory, facts, newest, head?.lineage)
  if (problem !== undefined) return { kind: 'refuse', error: problem }
  if (newest === undefined) return startEmpty(directory, facts, head)
  const done = facts.finished.some(
    (mark) => mark.lineage === newest.lineage && mark.checkpoint === newest.checkpoint,
  )
  return newest.finished && done
    ? { kind: 'already-finished', manifest: newest }
    : { kind: 'restore', manifest: newest }
}

/**
 * Why it is not known which checkpoints are reachable: the head of the chain is damaged, or lost. A damaged record
 * further back hides only older ones.
 */
export function brokenHead(directory: string, facts: Facts): StreamError | undefined {
  const head = facts.epochs.at(-1)
  return head?.kind === 'damaged' ? head.error : lostStart(directory, facts, head?.epoch)
}

/** A damaged or foreign manifest hides its epoch: above the newest one it may be ours and counts as such. */
function damagedAbove(directory: string, facts: Facts, newest: Manifest | undefined): StreamError | undefined {
  for (const fact of facts.manifests.toReversed()) {
    if (fact.id <= (newest?.checkpoint ?? 0)) return undefined
    if (fact.kind === 'damaged') return unreadable(directory, fact.id, fact.error, newest)
    if (fact.manifest.jobId === facts.identity?.jobId) continue
    const file = manifestFile(directory, fact.id)
    const error = E050_DOCUMENT_DAMAGED({ file, offset: 0, problem: 'it belongs to another state directory' })
    return unreadable(directory, fact.id, error, newest)
  }
  return undefined
}

/** A term is recorded durably before it completes anything: without its record its manifests would be passed over. */
function lostStart(directory: string, facts: Facts, newestStarted: number | undefined): StreamError | undefined {
  for (const fact of facts.manifests.toReversed()) {
    if (fact.kind === 'damaged' || fact.manifest.jobId !== facts.identity?.jobId) continue
    const { epoch, checkpoint } = fact.manifest
    if (epoch <= (newestStarted ?? 0)) continue
    const file = epochStartFile(directory, epoch)
    const problem = `it is missing, although checkpoint #${checkpoint} was completed in that term`
    return newestStarted === undefined
      ? E044_STATE_GONE({ directory, trace: `${file}: ${problem}` }, { place: { file, checkpoint } })
      : E050_DOCUMENT_DAMAGED({ file, offset: 0, problem }, { place: { file, checkpoint } })
  }
  return undefined
}

const MISSING_AT_END = 'it is missing, although the job ended with it'

/** The job ended with a checkpoint that is gone: what is before it is committed and must not come again. */
function lostEnd(
  directory: string, facts: Facts, newest: Manifest | undefined, lineage: number | undefined,
): StreamError | undefined {
  if (newest === undefined) return undefined
  const mark = facts.finished.find((one) => one.lineage === lineage && one.checkpoint > newest.checkpoint)
  if (mark === undefined) return undefined
  const file = manifestFile(directory, mark.checkpoint)
  const cause = E050_DOCUMENT_DAMAGED({ file, offset: 0, problem: MISSING_AT_END }, { place: { file } })
  return unreadable(directory, mark.checkpoint, cause, newest)
}

function chosen(
  directory: string, facts: Facts, reachable: readonly Manifest[], from: CheckpointId,
): RecoveryDecision {
  const manifest = reachable.find((candidate) => candidate.checkpoint === from)
  if (manifest !== undefined) return { kind: 'restore', manifest }
  const damaged = facts.manifests.find((fact) => fact.id === from)
  if (damaged?.kind === 'damaged') return { kind: 'refuse', error: damaged.error }
  const present = reachable.map((candidate) => candidate.checkpoint)
  return { kind: 'refuse', error: E047_NO_SUCH_CHECKPOINT({ directory, ref: String(from), present }) }
}

function startEmpty(directory: string, facts: Facts, last: EpochStart | undefined): RecoveryDecision {
  const restored = last?.restored ?? null
  const ofLineage = (n: number): boolean => last === undefined || n === last.lineage
  const end = facts.finished.findLast(({ lineage }) => ofLineage(lineage))
  if (end !== undefined) {
    const { checkpoint } = end
    const file = manifestFile(directory, checkpoint)
    const trace = `${file}: ${MISSING_AT_END}`
    return { kind: 'refuse', error: E044_STATE_GONE({ directory, trace }, { place: { file, checkpoint } }) }
  }
  if (facts.begunFrom === true && (last === undefined || last.brought === true)) {
    return { kind: 'refuse', error: E119_BEGIN_AGAIN({ directory }) }
  }
  if (restored === null && !facts.completedLineages.some(ofLineage)) return { kind: 'start-empty' }
  const trace = restored === null
    ? 'the directory is marked as having completed one'
    : `the last start went on from checkpoint #${restored.checkpoint}`
  return { kind: 'refuse', error: E044_STATE_GONE({ directory, trace }) }
}

export function unreadable(
  directory: string, checkpoint: number, cause: StreamError, older: Manifest | undefined,
): StreamError {
  const details = { directory, checkpoint, problem: cause.message, older: older?.checkpoint }
  return E045_NEWEST_UNREADABLE(details, { cause, place: { ...cause.place, checkpoint } })
}

export interface JobNow {
  readonly job: string
  readonly maxParallelism: number
  readonly resources: readonly ResourceUse[]
  /** By the present name of an operator. */
  readonly formerNames?: ReadonlyMap<string, readonly string[]>
}

/** Does the state in this directory fit this job? The job's name is compared even with `fresh`. */
export function checkIdentity(
  directory: string,
  stored: { readonly job: string; readonly last: EpochStart | undefined },
  now: JobNow,
  fresh: boolean,
): StreamError | undefined {
  if (stored.job !== now.job) return E036_OTHER_JOB({ directory, stored: stored.job, now: now.job })
  if (fresh || stored.last === undefined) return undefined
  for (const before of stored.last.resources) {
    // A new line writes where it likes.
    if (stored.last.brought === true && before.role === 'sink') continue
    const after = now.resources.find(({ operator, role }) =>
      role === before.role && [operator, ...(now.formerNames?.get(operator) ?? [])].includes(before.operator))
    if (after === undefined || after.resource === before.resource) continue
    return E035_RESOURCE_CHANGED(
      { directory, operator: before.operator, role: before.role, stored: before.resource, now: after.resource },
      { place: { job: now.job, operator: before.operator } },
    )
  }
  if (stored.last.maxParallelism !== now.maxParallelism) {
    return E034_MAX_PARALLELISM_CHANGED({ directory, stored: stored.last.maxParallelism, now: now.maxParallelism })
  }
  return undefined
}
