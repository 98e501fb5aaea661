/**
 * What lies in a state directory, as plain data; works on a dead job and without the user's code.
 *
 * Called by the command line and by whatever shows checkpoints. Reads only.
 *
 *   IN-1  A damaged checkpoint is listed with its error, never hidden.
 *   IN-2  Every document names its schema and version; fields are added, never changed.
 */
import { crc32 } from '../base/crc32.ts'
import { isStreamError, reportOf, type ErrorReport } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { E057_CORRUPT_STATE } from '../state/errors.ts'
import { decodeSegment } from '../state/snapshot-format.ts'
import { readLabels, type Label } from './labels.ts'
import { checkpointFile } from './layout.ts'
import { fullBytes, writerOf, type FileEntry, type Manifest, type SubtaskReport, type VertexSummary } from './manifest.ts'
import { checkFiles, readFacts, readSegment, type Facts, type ManifestFact } from './read.ts'
import { countedStates, type CountedState } from './inspection/live-counts.ts'
import { isEnumerator, partsOf } from './inspection/operator-parts.ts'
import { findManifest, parseReference, readLine } from './references.ts'
import { verifyOthers } from './verify-others.ts'
import { toPlainJson } from './plain-json.ts'

export interface CheckpointLine {
  readonly id: number
  readonly kind: 'checkpoint' | 'final' | 'damaged'
  readonly epoch?: number
  readonly completedAtMs?: number
  readonly ageMs?: number
  readonly tookMs?: number
  readonly bytes?: number
  readonly entries?: number
  /** False: written by a process that had been succeeded; never restored. */
  readonly reachable: boolean
  /** The next start goes on from it; false of all if the newest cannot be read. */
  readonly latest: boolean
  /** Of a savepoint: jobs begin from it. */
  readonly savepoint?: boolean
  readonly finished?: boolean
  /** Names that people gave it; garbage collection keeps it for them. */
  readonly labels?: readonly string[]
  readonly error?: ErrorReport
}

export interface CheckpointList {
  readonly schema: 'tidemark.checkpoint.list/1'
  readonly directory: string
  readonly job: string | undefined
  readonly jobId: string | undefined
  readonly epoch: number
  readonly checkpoints: readonly CheckpointLine[]
}

export interface OperatorState {
  readonly operator: string
  readonly bytes: number
  readonly subtasks: number
  readonly keyGroups?: number
  readonly states: readonly CountedState[]
  /** Items of list states, if they are few: positions of sources, open transactions of sinks. */
  readonly lists?: readonly { readonly name: string; readonly subtask: number; readonly items: readonly unknown[] }[]
}

export interface CheckpointDetails extends CheckpointLine {
  readonly schema: 'tidemark.checkpoint.show/1'
  readonly directory: string
  readonly job: string
  readonly engine: string
  readonly lineage: number
  readonly restoredFrom: number | null
  readonly triggeredAtMs: number
  readonly parallelism: number
  readonly maxParallelism: number
  readonly vertices: readonly VertexSummary[]
  readonly finishedVertices: readonly number[]
  readonly operators: readonly OperatorState[]
  readonly files: readonly FileEntry[]
  readonly subtasks: readonly SubtaskReport[]
}

export interface CheckpointVerification {
  readonly schema: 'tidemark.checkpoint.verify/1'
  readonly directory: string
  readonly id: number
  readonly ok: boolean
  readonly files: number
  readonly segments: number
  readonly bytes: number
  readonly problems: readonly ErrorReport[]
  /** Only where there is a problem: all other checkpoints of the directory, which may rest on the same files. */
  readonly others?: readonly { readonly id: number; readonly ok: boolean }[]
}

const MOST_LIST_BYTES = 65_536
const MOST_ITEMS = 100
const READ_BYTES = 1 << 20

export function* listCheckpoints(storage: Storage, directory: string, nowMs: number): Io<CheckpointList> {
  const facts = yield* readFacts(storage, directory)
  return {
    schema: 'tidemark.checkpoint.list/1',
    directory,
    job: facts.identity?.job,
    jobId: facts.identity?.jobId,
    epoch: facts.newestEpoch,
    checkpoints: linesOf(facts, yield* readLine(storage, directory, facts), yield* readLabels(storage, directory), nowMs),
  }
}

/** `ref`: as in references.ts. Throws E047, E144, or the error of a damaged manifest. */
export function* showCheckpoint(
  storage: Storage, directory: string, ref: string, nowMs: number,
): Io<CheckpointDetails> {
  const facts = yield* readFacts(storage, directory)
  const manifest = yield* findManifest(storage, directory, facts, ref)
  const labels = yield* readLabels(storage, directory)
  const line = linesOf(facts, yield* readLine(storage, directory, facts), labels, nowMs).find((candidate) => candidate.id === manifest.checkpoint) as CheckpointLine
  return {
    ...line,
    schema: 'tidemark.checkpoint.show/1',
    directory,
    job: manifest.job,
    engine: manifest.engine,
    lineage: manifest.lineage,
    restoredFrom: manifest.restoredFrom,
    triggeredAtMs: manifest.triggeredAtMs,
    parallelism: manifest.parallelism,
    maxParallelism: manifest.maxParallelism,
    vertices: manifest.vertices,
    finishedVertices: manifest.finishedVertices,
    operators: yield* operatorsOf(storage, directory, manifest),
    files: manifest.files,
    subtasks: manifest.subtasks,
  }
}

/** Reads every byte and checks lengths, checksums, and that every segment can be decoded. */
export function* verifyCheckpoint(storage: Storage, directory: string, ref: string): Io<CheckpointVerification> {
  const facts = yield* readFacts(storage, directory)
  const problems: ErrorReport[] = []
  const found = (error: unknown): void => {
    if (!isStreamError(error)) throw error
    problems.push(reportOf(error))
  }
  let manifest: Manifest | undefined
  try {
    manifest = yield* findManifest(storage, directory, facts, ref)
  } catch (error) {
    if (!isStreamError(error) || error.kind === 'not-found') throw error
    found(error)
  }
  if (manifest !== undefined) yield* verifyFiles(storage, directory, manifest, found)
  const id = manifest?.checkpoint ?? damagedId(facts, ref)
  const check = (path: string, entry: FileEntry): Io<void> => verifyWhole(storage, path, entry)
  const others = problems.length === 0 ? undefined : yield* verifyOthers(storage, directory, facts, id, check)
  return {
    schema: 'tidemark.checkpoint.verify/1',
    directory,
    id,
    ok: problems.length === 0,
    files: manifest?.files.length ?? 0,
    segments: manifest?.segments.length ?? 0,
    bytes: manifest === undefined ? 0 : fullBytes(manifest),
    problems,
    ...(others === undefined ? {} : { others }),
  }
}

/** Which one `ref` means where its manifest cannot be read: the newest, if it does not give a number. */
function damagedId(facts: Facts, ref: string): number {
  const reference = parseReference(ref)
  return reference?.kind === 'number' ? reference.id : (facts.manifests.at(-1)?.id ?? 0)
}

/** Reads every file and every segment; `found` is told of each problem. */
export function* verifyFiles(
  storage: Storage, directory: string, manifest: Manifest, found: (error: unknown) => void,
): Io<void> {
  const wrongSize = yield* checkFiles(storage, directory, manifest)
  if (wrongSize !== undefined) found(wrongSize)
  for (const entry of manifest.files) {
    try {
      yield* verifyWhole(storage, checkpointFile(directory, writerOf(manifest, entry), entry.name), entry)
    } catch (error) {
      // A missing file is already reported by its size.
      if (wrongSize === undefined) found(error)
    }
  }
  for (const segment of manifest.segments) {
    try {
      const bytes = yield* readSegment(storage, directory, manifest.checkpoint, segment)
      const decoded = decodeSegment(bytes)
      if (decoded.operator === segment.operator) continue
      const file = checkpointFile(directory, writerOf(manifest, segment), segment.file)
      const what = `it holds state of "${decoded.operator}" instead of "${segment.operator}"`
      found(E057_CORRUPT_STATE({ file, offset: segment.offset, what }))
    } catch (error) {
      if (wrongSize === undefined) found(error)
    }
  }
}

function* verifyWhole(storage: Storage, path: string, entry: FileEntry): Io<void> {
  const file = yield* storage.openRead(path)
  let sum = 0
  try {
    for (let at = 0; at < entry.length; at += READ_BYTES) {
      sum = crc32(yield* storage.read(file, at, Math.min(READ_BYTES, entry.length - at)), sum)
    }
  } finally {
    yield* storage.close(file)
  }
  if (sum === entry.crc32) return
  throw E057_CORRUPT_STATE(
    { file: path, offset: 0, what: `the checksum of its ${entry.length} bytes does not match` }, { place: { file: path } },
  )
}

function linesOf(
  facts: Facts, { savepoint, line }: { readonly savepoint: boolean; readonly line: readonly ManifestFact[] },
  allLabels: readonly Label[], nowMs: number,
): CheckpointLine[] {
  const latest = line.at(-1)
  return facts.manifests.map((fact) => {
    const names = allLabels.filter(({ checkpoint }) => checkpoint === fact.id).map(({ name }) => name)
    const labels = names.length === 0 ? {} : { labels: names }
    if (fact.kind === 'damaged') {
      return { id: fact.id, kind: 'damaged', reachable: false, latest: false, ...labels, error: reportOf(fact.error) }
    }
    const { manifest } = fact
    return {
      id: fact.id,
      kind: manifest.kind,
      epoch: manifest.epoch,
      completedAtMs: manifest.completedAtMs,
      ageMs: Math.max(0, nowMs - manifest.completedAtMs),
      tookMs: manifest.tookMs,
      bytes: manifest.counts.bytes,
      entries: manifest.counts.entries,
      reachable: line.includes(fact),
      latest: fact === latest,
      ...(savepoint ? { savepoint } : {}),
      finished: manifest.finished,
      ...labels,
    }
  })
}

function* operatorsOf(storage: Storage, directory: string, manifest: Manifest): Io<OperatorState[]> {
  const names = [...new Set(manifest.segments.map((segment) => segment.operator))]
  const operators: OperatorState[] = []
  for (const operator of names) {
    const segments = manifest.segments.filter((segment) => segment.operator === operator)
    const parts = partsOf(manifest, operator)
    const groups = parts.flatMap(({ keyGroups }) => (keyGroups === undefined ? [] : [keyGroups]))
    // Each checkpoint writes its lists anew.
    const own = segments.filter(({ checkpoint }) => checkpoint === undefined)
    const lists = yield* listsOf(storage, directory, manifest.checkpoint, own)
    operators.push({
      operator,
      bytes: segments.reduce((sum, segment) => sum + segment.length, 0),
      subtasks: parts.filter((part) => !isEnumerator(part)).length,
      ...(groups.length === 0
        ? {}
        : { keyGroups: groups.reduce((sum, range) => sum + range.end - range.start + 1, 0) }),
      states: yield* countedStates({ storage, directory, manifest }, operator),
      ...(lists.length === 0 ? {} : { lists }),
    })
  }
  return operators
}

type Lists = NonNullable<OperatorState['lists']>

/** Only of small segments: `show` answers at once whatever the size of the state. */
function* listsOf(
  storage: Storage, directory: string, checkpoint: CheckpointId, segments: Manifest['segments'],
): Io<Lists> {
  const lists: Lists[number][] = []
  for (const segment of segments) {
    if (segment.length > MOST_LIST_BYTES || segment.states.every((state) => state.entries === 0)) continue
    try {
      const { snapshot } = decodeSegment(yield* readSegment(storage, directory, checkpoint, segment))
      for (const { name, items } of snapshot.lists) {
        if (items.length === 0) continue
        lists.push({ name, subtask: segment.subtask, items: items.slice(0, MOST_ITEMS).map(toPlainJson) })
      }
    } catch (error) {
      // `verify` names the damage; `show` still shows what the manifest says.
      if (!isStreamError(error)) throw error
    }
  }
  return lists
}

