/**
 * Input files: which there are, what identifies them, and how each is opened.
 *
 * Owns nothing. Called by the discovery and by the readers of jsonl, csv and parquet.
 *
 * Invariants
 *   FI-1  Files of a directory come sorted by name (code units): the order in which they are read.
 *   FI-2  Names that start with '.' or end in '.tmp' are never input: a file is moved into place whole.
 *   FI-3  A file whose size or checksum of the first 64 KB differs from its split is refused (E102).
 *
 * Source: Flink FileSource, NonSplittingRecursiveEnumerator and its default file filter.
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import { describeThrown, isStreamError } from '../base/errors.ts'
import { all, type Io } from '../base/io.ts'
import type { FileHandle, Storage } from '../base/ports.ts'
import { E102_INPUT_CHANGED, E103_INPUT_UNREADABLE, E110_NO_INPUT, type FileIdentity } from './errors.ts'

/** Bytes at the start of a file that identify it, together with its size. */
export const HEAD_BYTES = 64 * 1024
const HEADS_AT_ONCE = 16

export interface InputFile extends FileIdentity {
  /** Absolute. */
  readonly path: string
  /** Name in errors and split ids. */
  readonly name: string
  /** The first HEAD_BYTES. */
  readonly head: Uint8Array
}

export const inputPath = (path: string | URL): string =>
  resolve(typeof path === 'string' ? path : fileURLToPath(path))

/** Inputs under `root`, a file or a directory, that are not in `known`; in reading order. */
export function* findInputs(
  storage: Storage,
  root: string,
  endings: readonly string[],
  watch: boolean,
  known: ReadonlySet<string>,
): Io<InputFile[]> {
  const info = yield* readable(root, storage.stat(root))
  if (info === undefined) throw E103_INPUT_UNREADABLE({ path: root, reason: 'it does not exist' })
  if (!info.isDirectory) return known.has(baseName(root)) ? [] : [yield* identify(storage, root)]
  const names = (yield* readable(root, storage.list(root))) ?? []
  const inputs = names.filter((name) => isInput(name, endings))
  if (inputs.length === 0 && !watch) throw E110_NO_INPUT({ directory: root, endings })
  const fresh = inputs.filter((name) => !known.has(name))
  const files: InputFile[] = []
  for (let i = 0; i < fresh.length; i += HEADS_AT_ONCE) {
    const some = fresh.slice(i, i + HEADS_AT_ONCE)
    files.push(...(yield* all(some.map((name) => identify(storage, `${root}/${name}`)))))
  }
  return files
}

function isInput(name: string, endings: readonly string[]): boolean {
  return !name.startsWith('.') && !name.endsWith('.tmp') && endings.some((ending) => name.endsWith(ending))
}

export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

function* identify(storage: Storage, path: string): Io<InputFile> {
  const file = yield* readable(path, storage.openRead(path))
  try {
    return yield* readIdentity(storage, path, file)
  } finally {
    yield* storage.close(file)
  }
}

function* readIdentity(storage: Storage, path: string, file: FileHandle): Io<InputFile> {
  const head = yield* readable(path, storage.read(file, 0, HEAD_BYTES))
  const info = yield* readable(path, storage.stat(path))
  if (info === undefined) throw E103_INPUT_UNREADABLE({ path, reason: 'it was removed while it was opened' })
  return { path, name: baseName(path), sizeBytes: info.sizeBytes, crc32: crc32(head), head }
}

/** Opens a file for the reader of a split and checks that it is still the one that was discovered. */
export function* openInput(storage: Storage, path: string, expected: FileIdentity): Io<FileHandle> {
  const file = yield* readable(path, storage.openRead(path))
  let good = false
  try {
    const found = yield* readIdentity(storage, path, file)
    if (found.sizeBytes !== expected.sizeBytes || found.crc32 !== expected.crc32) {
      throw E102_INPUT_CHANGED({
        file: path,
        expected: { sizeBytes: expected.sizeBytes, crc32: expected.crc32 },
        found: { sizeBytes: found.sizeBytes, crc32: found.crc32 },
      }, { place: { file: path } })
    }
    good = true
    return file
  } finally {
    if (!good) yield* storage.close(file)
  }
}

/** Turns a storage error on an input into E103: nothing of ours is broken, the input is. */
function* readable<T>(path: string, io: Io<T>): Io<T> {
  try {
    return yield* io
  } catch (cause) {
    // A disk that reports EIO may answer next time, so that error stays what it is: retryable.
    if (isStreamError(cause) && cause.retryable) throw cause
    throw E103_INPUT_UNREADABLE({ path, reason: reasonOf(cause) }, { place: { file: path }, cause })
  }
}

function reasonOf(thrown: unknown): string {
  const errno = isStreamError(thrown) ? (thrown.details as { errno?: string }).errno : undefined
  if (errno === 'ENOENT') return 'it does not exist'
  if (errno === 'EACCES' || errno === 'EPERM') return 'this user may not read it'
  return errno ?? describeThrown(thrown)
}
