/**
 * Deletes what no retained checkpoint needs.
 *
 * Called by the coordinator at start and after each completion, one run at a time, and by clean.ts
 * for people, while no job runs.
 *
 *   GC-1  A file is deleted only if it is known by name and no retained manifest refers to it. What
 *         is unknown, unreadable, of a later epoch, or numbered from `floor` on (it may be on its
 *         way) stays; so does what a manifest that cannot be read may refer to.
 *   GC-2  A manifest goes before its files, oldest first, and its removal is durable before the first
 *         file goes: at no instant does a manifest name a file that collection removed.
 *   GC-3  While no checkpoint is reachable nothing that was completed is deleted: after --fresh the
 *         old ones stay until the new line has its first.
 *   GC-4  It stops if a later epoch was claimed.
 *   GC-5  Of the documents only those are read that the writer has neither read nor completed (RD-3): what
 *         a collection costs does not grow with what is retained.
 *   GC-6  A checkpoint with a label is retained, whatever its age and its line. Labels come from outside at any
 *         time: it is announced which numbers may go, and only then labels are listed for good. Who gives a
 *         label does it the other way round (LB-3), so that at least one of the two sees the other.
 *   GC-7  What starts made before they had an epoch (.tmp-e0-…) goes once two collections of one term have seen
 *         it: a start that is under way is over by then, or finds it gone and makes it again (OD-4).
 *   GC-8  State that no manifest names goes from beside a manifest that stays, too: a writer that was succeeded left it
 *         under a number that its successor completed, or the reverse.
 *   GC-9  A directory in which the last collection of this writer saw nothing but what manifests need is not listed again
 *         until one of them goes: a chain of increments has dozens of them. What a succeeded writer adds there in between
 *         goes then, or with the first collection of the next writer.
 *
 * Source: Flink CheckpointsCleaner, subsumption (row A7); F13.
 */
import { isStreamError } from '../base/errors.ts'
import type { CheckpointId, Epoch } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Ports, Storage } from '../base/ports.ts'
import { E052_DISK_FULL, E056_FILE_EXISTS } from '../base/storage-errors.ts'
import { quietly } from './document.ts'
import { chainLimits, isReachable, stillMine } from './epochs.ts'
import { labelsIn } from './labels.ts'
import {
  checkpointDirectory, checkpointFile, checkpointsDirectory, epochFile, epochsDirectory, epochStartFile,
  isLabelTemporary, manifestFile, parseCheckpointDirectory, parseEpochFile, parseEpochStartFile, parseManifestFile, parseStateFile,
  parseTemporary, removingFile, TRACE_FILE,
} from './layout.ts'
import { writerOf, type Manifest } from './manifest.ts'
import { KnownDocuments, readListed, type Facts, type Names } from './read.ts'
import { startsOf } from './recover.ts'

export interface Listing extends Names {
  readonly inside: ReadonlyMap<CheckpointId, readonly string[]>
}

export interface Policy {
  readonly mine: Epoch
  readonly retain: number
  /** Those that completed from this instant on (wall clock, ms) are kept, too. */
  readonly since?: number
  /** Being copied: kept although there are newer ones. */
  readonly pinned?: CheckpointId | undefined
  /** The lowest number that may be on its way. */
  readonly floor: number
  /** No process works here: temporary files of whatever term are nobody's, those of labels excepted. */
  readonly alone?: true
  /** Paths of temporary files of starts that a collection of this term has seen before (GC-7). */
  readonly seen?: ReadonlySet<string>
}

export interface Garbage {
  readonly retained: readonly CheckpointId[]
  /** Ascending. */
  readonly manifests: readonly CheckpointId[]
  readonly files: readonly { readonly checkpoint: CheckpointId; readonly name: string }[]
  /** Checkpoint directories that are empty once `files` are gone. */
  readonly directories: readonly CheckpointId[]
  /** Temporary files and epoch records, as paths. */
  readonly others: readonly string[]
  /** Left alone because nobody knows what it is. */
  readonly unknown: readonly string[]
}

export function classify(directory: string, facts: Facts, listing: Listing, policy: Policy): Garbage {
  const { recent, retained, doomed } = choose(facts, listing, policy)
  const inUse = filesInUse(facts, doomed)
  const kept = new Set<CheckpointId>(facts.manifests.map((fact) => fact.id))
  for (const manifest of doomed) kept.delete(manifest.checkpoint)
  const damaged = new Set(facts.manifests.flatMap((fact) => (fact.kind === 'damaged' ? [fact.id] : [])))
  const others: string[] = []
  const unknown: string[] = []
  const temporary = (path: string, name: string): boolean => {
    const epoch = parseTemporary(name)
    if (epoch === undefined) return false
    if (isAbandoned(path, name, epoch, policy)) others.push(path)
    return true
  }
  for (const name of listing.root) temporary(`${directory}/${name}`, name)

  const oldestKept = Math.min(policy.floor, ...recent.map((manifest) => manifest.checkpoint))
  const files: { checkpoint: CheckpointId; name: string }[] = []
  const directories: CheckpointId[] = []
  for (const name of listing.checkpoints) {
    const path = `${checkpointsDirectory(directory)}/${name}`
    const id = parseCheckpointDirectory(name)
    if (id === undefined) {
      if (parseManifestFile(name) === undefined && !temporary(path, name)) unknown.push(path)
      continue
    }
    if (id >= policy.floor || damaged.has(id)) continue
    // GC-8: beside what stays only state can be superfluous.
    const inside = (listing.inside.get(id) ?? [])
      .filter((file) => !kept.has(id) || parseStateFile(file) !== undefined)
      .map((file) => ({ file, fate: inUse(id, file) ? 'keep' as const : fateOf(file, id, oldestKept, policy) }))
    for (const { file, fate } of inside) {
      if (fate === 'delete') files.push({ checkpoint: id, name: file })
      else if (fate === 'unknown') unknown.push(checkpointFile(directory, id, file))
    }
    if (!kept.has(id) && inside.every(({ fate }) => fate === 'delete')) directories.push(id)
  }
  others.push(...oldEpochs(directory, facts, listing, retained, policy))
  for (const name of listing.epochs) {
    const path = `${epochsDirectory(directory)}/${name}`
    const known = parseEpochFile(name) !== undefined || parseEpochStartFile(name) !== undefined
    if (!known && !temporary(path, name)) unknown.push(path)
  }
  return {
    retained: retained.map((manifest) => manifest.checkpoint),
    manifests: doomed.map((manifest) => manifest.checkpoint),
    files, directories, others, unknown,
  }
}

function isAbandoned(path: string, name: string, epoch: number, { mine, alone, seen }: Policy): boolean {
  if (epoch === 0) return alone === true || seen?.has(path) === true
  if (epoch < mine) return true
  // Of this term, or of the next ones, which somebody wanted to claim. Labels are given at any time, without the lock.
  return alone === true && !isLabelTemporary(name)
}

/** True of a state file that a manifest which stays refers to, or may refer to. */
function filesInUse(facts: Facts, doomed: readonly Manifest[]): (id: CheckpointId, name: string) => boolean {
  const listed = new Set<string>()
  let newestDamaged = 0
  for (const fact of facts.manifests) {
    if (fact.kind === 'damaged') newestDamaged = fact.id
    else if (!doomed.includes(fact.manifest)) {
      for (const file of fact.manifest.files) listed.add(`${writerOf(fact.manifest, file)}/${file.name}`)
    }
  }
  return (id, name) => parseStateFile(name) !== undefined && (id < newestDamaged || listed.has(`${id}/${name}`))
}

interface Choice {
  /** The newest that a start would go on from. */
  readonly recent: readonly Manifest[]
  /** Those and the ones with a label, ascending. */
  readonly retained: readonly Manifest[]
  readonly doomed: readonly Manifest[]
}

function choose(facts: Facts, listing: Listing, policy: Policy): Choice {
  const limits = chainLimits(startsOf(facts))
  const readable = facts.manifests.flatMap((fact) => (fact.kind === 'readable' ? [fact.manifest] : []))
  const mine = readable.filter((manifest) => manifest.jobId === facts.identity?.jobId)
  const reachable = mine.filter((manifest) => isReachable(limits, manifest))
  const { retain, since = Number.POSITIVE_INFINITY } = policy
  const recent = reachable.filter((manifest, i) => i >= reachable.length - retain || manifest.completedAtMs >= since)
  const newest = recent.at(-1)?.checkpoint ?? 0
  const labelled = new Set(labelsIn(listing.root).map((label) => label.checkpoint))
  const retained = mine.filter((manifest) => recent.includes(manifest) || labelled.has(manifest.checkpoint) ||
    manifest.checkpoint === policy.pinned)
  const doomed = mine.filter(
    (manifest) =>
      !retained.includes(manifest) && manifest.checkpoint < newest &&
      manifest.checkpoint < policy.floor && manifest.epoch <= policy.mine,
  )
  return { recent, retained, doomed }
}

/** Of a file in the directory of a checkpoint that has no manifest, or whose manifest goes. */
function fateOf(name: string, id: CheckpointId, oldestKept: number, policy: Policy): 'delete' | 'keep' | 'unknown' {
  // Traces of failed checkpoints tell why they failed; they live as long as the completed ones around.
  if (name === TRACE_FILE) return id < oldestKept ? 'delete' : 'keep'
  const epoch = parseStateFile(name)
  if (epoch === undefined) return 'unknown'
  return epoch <= policy.mine ? 'delete' : 'keep'
}

/** Records of epochs below every one that a retained checkpoint or the present chain head needs. */
function oldEpochs(
  directory: string, facts: Facts, listing: Listing, retained: readonly Manifest[], policy: Policy,
): string[] {
  const oldest = Math.min(policy.mine, ...retained.map((manifest) => manifest.epoch))
  const head = startsOf(facts).at(-1)
  // Until it has a checkpoint of its own, the head stands on that of an earlier epoch.
  const needed = Math.min(oldest, head?.restored?.epoch ?? oldest)
  const old = (n: Epoch | undefined): n is Epoch => n !== undefined && n < needed
  return [
    ...listing.epochs.map(parseEpochStartFile).filter(old).map((n) => epochStartFile(directory, n)),
    ...listing.epochs.map(parseEpochFile).filter(old).map((n) => epochFile(directory, n)),
  ]
}

export type GcPorts = Pick<Ports, 'storage' | 'probe'>
export interface GcReport {
  readonly kind: 'done' | 'fenced'
  /** What was deleted; of one that was fenced nothing. */
  readonly deleted: Pick<Garbage, 'manifests' | 'files' | 'others'>
}

const NOTHING = { manifests: [], files: [], others: [] }

/** `known`: what the writer has read and completed itself, so that only what others wrote is read. */
export function* collectGarbage(
  ports: GcPorts, directory: string, policy: Policy, known = new KnownDocuments(),
): Io<GcReport> {
  const { storage, probe } = ports
  // One listing for both: a file that appears after it is not even considered.
  let listing = yield* listAll(ports, directory, known.settled)
  const facts = yield* readListed(storage, directory, listing, known)
  const asked: Policy = { ...policy, seen: known.startFiles }
  known.startFiles = startFilesIn(directory, listing)
  let garbage = classify(directory, facts, listing, asked)
  const unread = placesOf(garbage).filter((id) => known.settled.has(id))
  if (unread.length > 0) {
    const inside = new Map(listing.inside)
    for (const id of unread) inside.set(id, yield* namesIn(storage, directory, id))
    listing = { ...listing, inside }
    garbage = classify(directory, facts, listing, asked)
  }
  known.settled = settledIn(facts, listing, garbage, policy)
  if (!(yield* stillMine(storage, directory, policy.mine))) return { kind: 'fenced', deleted: NOTHING }
  probe('gc.before')
  const highest = garbage.manifests.at(-1)
  if (highest === undefined) return yield* remove(ports, directory, garbage)
  const removing = removingFile(directory, policy.mine, highest)
  yield* announce(storage, removing)
  try {
    // Labels for good: who gives one from now on sees the announcement. One that went meanwhile still counts.
    const root = [...new Set([...listing.root, ...((yield* storage.list(directory)) ?? [])])]
    const report = yield* remove(ports, directory, classify(directory, facts, { ...listing, root }, asked))
    yield* storage.unlink(removing)
    return report
  } catch (error) {
    yield* quietly(storage.unlink(removing))
    throw error
  }
}

function* remove({ storage, probe }: GcPorts, directory: string, garbage: Garbage): Io<GcReport> {
  let step = 0
  const deleted = (): void => probe(`gc.${++step}`)
  for (const id of garbage.manifests) {
    yield* storage.unlink(manifestFile(directory, id))
    deleted()
  }
  if (garbage.manifests.length > 0) yield* storage.syncDirectory(checkpointsDirectory(directory))
  for (const { checkpoint, name } of garbage.files) {
    yield* storage.unlink(checkpointFile(directory, checkpoint, name))
    deleted()
  }
  for (const id of garbage.directories) yield* storage.removeDirectory(checkpointDirectory(directory, id))
  for (const path of garbage.others) {
    yield* storage.unlink(path)
    deleted()
  }
  return { kind: 'done', deleted: garbage }
}

function* announce(storage: Storage, removing: string): Io<void> {
  try {
    yield* storage.close(yield* storage.create(removing))
  } catch (error) {
    // Left by a run of this term that failed: it says the same. On a full disk nobody can give a label, and
    // collection is what frees it.
    const tolerated: readonly string[] = [E056_FILE_EXISTS.definition.code, E052_DISK_FULL.definition.code]
    if (!isStreamError(error) || !tolerated.includes(error.code)) throw error
  }
}

function startFilesIn(directory: string, listing: Listing): ReadonlySet<string> {
  const at = (place: string, names: readonly string[]): string[] =>
    names.filter((name) => parseTemporary(name) === 0).map((name) => `${place}/${name}`)
  return new Set([
    ...at(directory, listing.root), ...at(epochsDirectory(directory), listing.epochs),
    ...at(checkpointsDirectory(directory), listing.checkpoints),
  ])
}

/** `settled`: what need not be listed (GC-9). */
export function* listAll(
  { storage }: Pick<GcPorts, 'storage'>, directory: string, settled: KnownDocuments['settled'] = new Map(),
): Io<Listing> {
  const checkpoints = (yield* storage.list(checkpointsDirectory(directory))) ?? []
  const inside = new Map<CheckpointId, readonly string[]>()
  for (const name of checkpoints) {
    const id = parseCheckpointDirectory(name)
    if (id !== undefined) inside.set(id, settled.get(id) ?? (yield* namesIn(storage, directory, id)))
  }
  const root = (yield* storage.list(directory)) ?? []
  return { root, epochs: (yield* storage.list(epochsDirectory(directory))) ?? [], checkpoints, inside }
}

function* namesIn(storage: Storage, directory: string, id: CheckpointId): Io<readonly string[]> {
  return (yield* storage.list(checkpointDirectory(directory, id))) ?? []
}

/** Directories from which something goes. */
const placesOf = ({ files, directories }: Garbage): readonly CheckpointId[] =>
  [...new Set([...files.map(({ checkpoint }) => checkpoint), ...directories])]

/** GC-9. While a manifest cannot be read nobody knows what is needed. */
function settledIn(facts: Facts, { inside }: Listing, garbage: Garbage, { floor }: Policy): KnownDocuments['settled'] {
  if (facts.manifests.some(({ kind }) => kind === 'damaged')) return new Map()
  const goes = new Set(garbage.manifests)
  const inUse = filesInUse(facts, facts.manifests.flatMap((fact) => (fact.kind === 'readable' && goes.has(fact.id) ? [fact.manifest] : [])))
  const deleted = new Set(garbage.files.map(({ checkpoint, name }) => `${checkpoint}/${name}`))
  const settled = new Map<CheckpointId, readonly string[]>()
  for (const [id, names] of inside) {
    const rest = names.filter((name) => !deleted.has(`${id}/${name}`))
    const needed = rest.filter((name) => inUse(id, name))
    if (id < floor && needed.length > 0 && rest.every((name) => name === TRACE_FILE || needed.includes(name))) settled.set(id, rest)
  }
  return settled
}
