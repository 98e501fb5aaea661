/**
 * Reads what a state directory holds, as facts for recover.ts, gc.ts and inspect.ts.
 *
 *   RD-1  Nothing is believed before its checksum holds. Damage is a fact; an error of the disk is
 *         thrown, after a few attempts, because it says nothing about the file (D5).
 *   RD-2  Nothing is written.
 *   RD-3  Names are listed anew each time. A document that was read whole is not read again by the same
 *         writer: its name is claimed once and its bytes never change. A number that was collected is
 *         below a newer checkpoint, so that what is kept of it decides nothing.
 *   RD-4  What was read or written is forgotten only if a listing lacks its name and holds a higher number: one that
 *         completed while the listing was made, or since then, may not be in it, and the next increment needs it.
 *
 * Source: decisions D5, D7; Flink DefaultCompletedCheckpointStoreUtils.
 */
import { crc32 } from '../base/crc32.ts'
import { isStreamError, type StreamError } from '../base/errors.ts'
import type { CheckpointId, Epoch } from '../base/ids.ts'
import { wait, type Io } from '../base/io.ts'
import type { Random, Storage, Timers } from '../base/ports.ts'
import type { StateSegment } from '../base/protocol.ts'
import { E053_IO_ERROR, E054_NO_PERMISSION, E055_FILE_MISSING } from '../base/storage-errors.ts'
import { E057_CORRUPT_STATE } from '../state/errors.ts'
import { parseDocument } from './document.ts'
import { readStart, type EpochStart } from './epochs.ts'
import {
  ascending, checkpointFile, checkpointsDirectory, epochsDirectory, jobFile, manifestFile, ORIGIN_FILE,
  parseCheckpointDirectory, parseCompleted, parseEpochFile, parseEpochStartFile, parseFinished, parseManifestFile,
} from './layout.ts'
import { parseManifest, writerOf, type Manifest } from './manifest.ts'
import { Shape } from './shape.ts'

export type EpochFact =
  | { readonly kind: 'started'; readonly epoch: Epoch; readonly start: EpochStart }
  | { readonly kind: 'damaged'; readonly epoch: Epoch; readonly error: StreamError }

export type ManifestFact =
  | { readonly kind: 'readable'; readonly id: CheckpointId; readonly manifest: Manifest }
  | { readonly kind: 'damaged'; readonly id: CheckpointId; readonly error: StreamError }

export interface JobIdentity {
  readonly jobId: string
  readonly job: string
  readonly createdAtMs: number
}

export function newJobId(random: Random): string {
  const hex = (): string => random.uint32().toString(16).padStart(8, '0')
  return `${hex()}${hex()}`
}

export interface Facts {
  readonly identity: JobIdentity | undefined
  readonly newestEpoch: number
  /** Those that started, ascending. */
  readonly epochs: readonly EpochFact[]
  /** Ascending. */
  readonly manifests: readonly ManifestFact[]
  /** Highest number of any checkpoint, completed or not, that has left a name. */
  readonly highestId: number
  readonly completedLineages: readonly number[]
  readonly finished: readonly { readonly lineage: number; readonly checkpoint: number }[]
  /** It was to begin with a checkpoint from elsewhere (begin-from.ts). */
  readonly begunFrom?: true
}

/** Repeats an operation that only reads. */
export type Retry = <T>(make: () => Io<T>) => Io<T>
const RETRY_DELAYS_MS: readonly number[] = [10, 50, 250]

const noRetry: Retry = (make) => make()

/** Errors that may pass: EIO, EMFILE, EACCES on a network file system … */
function isTransient(error: unknown): boolean {
  return isStreamError(error) &&
    (error.code === E053_IO_ERROR.definition.code || error.code === E054_NO_PERMISSION.definition.code)
}

export function retrying(timers: Timers): Retry {
  return function* <T>(make: () => Io<T>): Io<T> {
    for (const delayMs of RETRY_DELAYS_MS) {
      try {
        return yield* make()
      } catch (error) {
        if (!isTransient(error)) throw error
      }
      yield* wait<void>((done) => void timers.after(delayMs, () => done({ ok: true, value: undefined })))
    }
    return yield* make()
  }
}

const missing = (error: unknown): boolean =>
  isStreamError(error) && error.code === E055_FILE_MISSING.definition.code
const damage = (error: unknown): error is StreamError =>
  isStreamError(error) && (error.kind === 'corrupt' || error.code === 'E059')

/** What one writer has read whole, or written itself (RD-3). Made by a start, kept for its term. */
export class KnownDocuments {
  identity: JobIdentity | undefined
  readonly starts = new Map<Epoch, EpochStart>()
  readonly manifests = new Map<CheckpointId, Manifest>()
  /** Temporary files of starts that the last collection of this term saw (GC-7). */
  startFiles: ReadonlySet<string> = new Set()
  /** Names in directories of checkpoints in which the last collection saw nothing but what is needed (GC-9). */
  settled: ReadonlyMap<CheckpointId, readonly string[]> = new Map()

  /** RD-4: what is no longer listed is forgotten, so that a long run keeps no more than its directory. */
  forgetOthers(listed: { readonly starts: readonly Epoch[]; readonly manifests: readonly CheckpointId[] }): void {
    forget(this.starts, listed.starts)
    forget(this.manifests, listed.manifests)
  }
}

function forget<N extends number>(known: Map<N, unknown>, listed: readonly N[]): void {
  const highest = Math.max(0, ...listed)
  for (const n of known.keys()) if (n < highest && !listed.includes(n)) known.delete(n)
}

/** Names found in a state directory, its epochs and its checkpoints, in the order of their listing. */
export interface Names {
  readonly root: readonly string[]
  readonly checkpoints: readonly string[]
  /** Listed after the checkpoints: whoever completed one had recorded its term before. */
  readonly epochs: readonly string[]
}

interface Reading {
  readonly storage: Storage
  readonly directory: string
  readonly retry: Retry
  readonly known: KnownDocuments
}

const MOST_LISTINGS = 8

export function* readFacts(
  storage: Storage, directory: string, retry: Retry = noRetry, known = new KnownDocuments(),
): Io<Facts> {
  const reading: Reading = { storage, directory, retry, known }
  for (let listings = 1; ; listings++) {
    // A manifest that vanished after the listing was succeeded by one that the listing may lack. Whoever
    // decides upon the facts has shut the writer out before, so that this ends; a mere look may not.
    const facts = yield* factsOf(reading, yield* listNames(reading), listings === MOST_LISTINGS)
    if (facts !== undefined) return facts
  }
}

/** Facts as of a listing; what vanished after it is left out. Does not look for what nobody listed. */
export function* readListed(storage: Storage, directory: string, names: Names, known: KnownDocuments): Io<Facts> {
  return (yield* factsOf({ storage, directory, retry: noRetry, known }, names, true)) as Facts
}

function* listNames({ storage, directory, retry }: Reading): Io<Names> {
  const root = (yield* retry(() => storage.list(directory))) ?? []
  const checkpoints = (yield* retry(() => storage.list(checkpointsDirectory(directory)))) ?? []
  return { root, checkpoints, epochs: (yield* retry(() => storage.list(epochsDirectory(directory)))) ?? [] }
}

/** Undefined if a manifest vanished and that is not tolerated. */
function* factsOf(reading: Reading, names: Names, tolerant: boolean): Io<Facts | undefined> {
  const starts = ascending(names.epochs.map(parseEpochStartFile))
  const ids = ascending(names.checkpoints.map(parseManifestFile))
  reading.known.forgetOthers({ starts, manifests: ids })
  const epochs: EpochFact[] = []
  for (const n of starts) {
    const fact = yield* readEpochFact(reading, n)
    if (fact !== undefined) epochs.push(fact)
  }
  const manifests: ManifestFact[] = []
  for (const id of ids) {
    const fact = yield* readManifestFact(reading, id)
    if (fact !== undefined) manifests.push(fact)
    else if (!tolerant) return undefined
  }
  const directories = names.checkpoints.map(parseCheckpointDirectory).filter((id) => id !== undefined)
  const restored = epochs.map((fact) => (fact.kind === 'started' ? (fact.start.restored?.checkpoint ?? 0) : 0))
  return {
    identity: yield* readIdentity(reading),
    newestEpoch: ascending(names.epochs.map(parseEpochFile)).at(-1) ?? 0,
    epochs,
    manifests,
    highestId: Math.max(0, ...ids, ...directories, ...restored),
    completedLineages: names.root.map(parseCompleted).filter((n) => n !== undefined),
    finished: names.root.map(parseFinished).filter((mark) => mark !== undefined),
    ...(names.root.includes(ORIGIN_FILE) ? { begunFrom: true as const } : {}),
  }
}

/** Undefined if a garbage collection removed it between the listing and now. */
function* readEpochFact({ storage, directory, retry, known }: Reading, n: Epoch): Io<EpochFact | undefined> {
  const before = known.starts.get(n)
  if (before !== undefined) return { kind: 'started', epoch: n, start: before }
  try {
    const start = yield* retry(() => readStart(storage, directory, n))
    known.starts.set(n, start)
    return { kind: 'started', epoch: n, start }
  } catch (error) {
    if (missing(error)) return undefined
    if (!damage(error)) throw error
    return { kind: 'damaged', epoch: n, error }
  }
}

function* readManifestFact(
  { storage, directory, retry, known }: Reading, id: CheckpointId,
): Io<ManifestFact | undefined> {
  const before = known.manifests.get(id)
  if (before !== undefined) return { kind: 'readable', id, manifest: before }
  const path = manifestFile(directory, id)
  try {
    const bytes = yield* retry(() => storage.readWhole(path))
    const manifest = parseManifest(bytes, path, id)
    known.manifests.set(id, manifest)
    return { kind: 'readable', id, manifest }
  } catch (error) {
    if (missing(error)) return undefined
    if (!damage(error)) throw error
    return { kind: 'damaged', id, error }
  }
}

function* readIdentity({ storage, directory, retry, known }: Reading): Io<JobIdentity | undefined> {
  if (known.identity !== undefined) return known.identity
  const path = jobFile(directory)
  let bytes: Uint8Array
  try {
    bytes = yield* retry(() => storage.readWhole(path))
  } catch (error) {
    if (missing(error)) return undefined
    throw error
  }
  const shape = new Shape(parseDocument('job', bytes, path), path)
  known.identity = {
    jobId: shape.string('jobId'), job: shape.string('job'), createdAtMs: shape.number('createdAtMs'),
  }
  return known.identity
}

/** E057 if a file of the checkpoint is missing, shorter or longer than its manifest says. */
export function* checkFiles(
  storage: Storage, directory: string, manifest: Manifest, retry: Retry = noRetry,
): Io<StreamError | undefined> {
  for (const entry of manifest.files) {
    const path = checkpointFile(directory, writerOf(manifest, entry), entry.name)
    const info = yield* retry(() => storage.stat(path))
    const size = info === undefined || info.isDirectory ? undefined : info.sizeBytes
    if (size === entry.length) continue
    const what = size === undefined
      ? `it is missing, ${entry.length} bytes are expected`
      : `it has ${size} bytes instead of ${entry.length}`
    return E057_CORRUPT_STATE(
      { file: path, offset: Math.min(size ?? 0, entry.length), what },
      { place: { file: path, checkpoint: manifest.checkpoint } },
    )
  }
  return undefined
}

/** What is needed of a storage to read a file that is known to be there. */
export type Reader = Pick<Storage, 'openRead' | 'read' | 'close'>

/** The bytes of one segment of a checkpoint; E057 if they are short or their checksum does not hold. */
export function* readSegment(
  storage: Reader, directory: string, checkpoint: CheckpointId, segment: StateSegment, retry: Retry = noRetry,
): Io<Uint8Array> {
  const path = checkpointFile(directory, segment.checkpoint ?? checkpoint, segment.file)
  const bytes = yield* retry(() => readRange(storage, path, segment.offset, segment.length))
  const what = bytes.length !== segment.length
    ? `${segment.length} bytes should follow, ${bytes.length} do`
    : crc32(bytes) !== segment.crc32
      ? `the checksum of the ${segment.length} bytes that follow does not match`
      : undefined
  if (what === undefined) return bytes
  throw E057_CORRUPT_STATE(
    { file: path, offset: segment.offset, what },
    { place: { file: path, operator: segment.operator, checkpoint, position: `byte ${segment.offset}` } },
  )
}

function* readRange(storage: Reader, path: string, offset: number, length: number): Io<Uint8Array> {
  const file = yield* storage.openRead(path)
  try {
    return yield* storage.read(file, offset, length)
  } finally {
    yield* storage.close(file)
  }
}
