/**
 * Copies the files of one checkpoint between directories that are laid out alike, byte for byte, and checked.
 *
 * Called when a savepoint is taken (write-savepoint.ts) and when a state directory begins from elsewhere
 * (begin-from.ts).
 *
 *   CY-1  Length and checksum of what was read are those of the manifest, or nothing gets the name: a file
 *         under its name is whole and was synced before it had it.
 *   CY-2  Repeated after a crash it finds what is there already, and reads it again before it believes it.
 *
 * Source: decision D7; own design.
 */
import { crc32 } from '../base/crc32.ts'
import { isStreamError } from '../base/errors.ts'
import type { Io } from '../base/io.ts'
import type { Ports, Storage } from '../base/ports.ts'
import { E055_FILE_MISSING } from '../base/storage-errors.ts'
import { E057_CORRUPT_STATE } from '../state/errors.ts'
import { quietly } from './document.ts'
import { checkpointDirectory, checkpointFile, checkpointsDirectory, temporaryName } from './layout.ts'
import { writerOf, type FileEntry, type Manifest } from './manifest.ts'

const READ_BYTES = 1 << 20

export type CopyPorts = Pick<Ports, 'storage' | 'random'>

export interface Copying {
  readonly from: string
  readonly to: string
  /** Part of the names of temporary files. */
  readonly epoch: number
  /** Asked between two pieces: throws when nobody wants the copy any more. */
  readonly goOn?: () => void
}

/** Durable, directory entries included, when it returns. Throws E057 if the original is damaged. */
export function* copyFiles(ports: CopyPorts, manifest: Manifest, copying: Copying): Io<void> {
  const { storage } = ports
  const { from, to } = copying
  const id = manifest.checkpoint
  // Increments lie where they were written, under the number of their checkpoint.
  const writers = [...new Set([id, ...manifest.files.map((entry) => writerOf(manifest, entry))])]
  for (const writer of writers) yield* storage.makeDirectory(checkpointDirectory(to, writer))
  for (const entry of manifest.files) {
    const writer = writerOf(manifest, entry)
    const target = checkpointFile(to, writer, entry.name)
    if (yield* isThere(storage, target, entry)) continue
    const temporary = `${checkpointsDirectory(to)}/` +
      temporaryName(copying.epoch, `copy-${id}`, ports.random.uint32())
    yield* copyFile(storage, checkpointFile(from, writer, entry.name), temporary, entry, copying.goOn)
    try {
      // Whoever copies the same thing at the same time has copied the same bytes.
      yield* storage.link(temporary, target)
    } finally {
      yield* quietly(storage.unlink(temporary))
    }
  }
  for (const writer of writers) yield* storage.syncDirectory(checkpointDirectory(to, writer))
  yield* storage.syncDirectory(checkpointsDirectory(to))
}

function* isThere(storage: Storage, path: string, entry: FileEntry): Io<boolean> {
  if ((yield* storage.stat(path))?.sizeBytes !== entry.length) return false
  const file = yield* storage.openRead(path)
  try {
    let sum = 0
    for (let at = 0; at < entry.length; at += READ_BYTES) sum = crc32(yield* storage.read(file, at, READ_BYTES), sum)
    return sum === entry.crc32
  } finally {
    yield* storage.close(file)
  }
}

function* copyFile(
  storage: Storage, from: string, to: string, entry: FileEntry, goOn: () => void = () => {},
): Io<void> {
  const source = yield* storage.openRead(from)
  try {
    const target = yield* storage.create(to)
    try {
      let length = 0
      let sum = 0
      for (;;) {
        goOn()
        const bytes = yield* storage.read(source, length, READ_BYTES)
        if (bytes.length === 0) break
        sum = crc32(bytes, sum)
        length += bytes.length
        yield* storage.append(target, bytes)
      }
      if (length !== entry.length || sum !== entry.crc32) {
        const what = length === entry.length
          ? `the checksum of its ${length} bytes does not match`
          : `it has ${length} bytes instead of ${entry.length}`
        throw E057_CORRUPT_STATE({ file: from, offset: 0, what }, { place: { file: from } })
      }
      yield* storage.sync(target)
    } catch (error) {
      yield* quietly(storage.close(target))
      yield* quietly(storage.unlink(to))
      throw error
    }
    yield* storage.close(target)
  } finally {
    yield* storage.close(source)
  }
}

/** A collection, or somebody's hand, removed the original while it was being copied. */
export const vanished = (error: unknown): boolean =>
  isStreamError(error) && error.code === E055_FILE_MISSING.definition.code
