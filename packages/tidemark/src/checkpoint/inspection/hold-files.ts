/**
 * Keeps the files of a checkpoint readable while a running job removes them.
 *
 * Called by open.ts. All files are opened at once: what is unlinked afterwards can still be read through its
 * descriptor (POSIX), so that reading takes as long as it likes, without a lock and unnoticed by the job.
 *
 *   HF-1  When `holdFiles` returns, no later collection changes what is read. A file that was gone before is
 *         left to the reader if the manifest is still there (it is damage then), and E143 if it is not.
 */
import { isStreamError } from '../../base/errors.ts'
import type { Io } from '../../base/io.ts'
import type { FileHandle, Storage } from '../../base/ports.ts'
import { E055_FILE_MISSING } from '../../base/storage-errors.ts'
import { checkpointFile, manifestFile } from '../layout.ts'
import { writerOf, type Manifest } from '../manifest.ts'
import type { Reader } from '../read.ts'
import { E143_CHECKPOINT_COLLECTED } from './errors.ts'

export class HeldFiles implements Reader {
  readonly #storage: Storage
  readonly #handles: ReadonlyMap<string, FileHandle>

  constructor(storage: Storage, handles: ReadonlyMap<string, FileHandle>) {
    this.#storage = storage
    this.#handles = handles
  }

  *openRead(path: string): Io<FileHandle> {
    return this.#handles.get(path) ?? (yield* this.#storage.openRead(path))
  }

  read(file: FileHandle, offset: number, length: number): Io<Uint8Array> {
    return this.#storage.read(file, offset, length)
  }

  /** Held files stay open until `release`. */
  *close(file: FileHandle): Io<void> {
    if (this.#handles.get(file.path) !== file) yield* this.#storage.close(file)
  }

  *release(): Io<void> {
    for (const handle of this.#handles.values()) yield* this.#storage.close(handle)
  }
}

/** Throws E143. */
export function* holdFiles(storage: Storage, directory: string, manifest: Manifest): Io<HeldFiles> {
  const { checkpoint } = manifest
  const handles = new Map<string, FileHandle>()
  const held = new HeldFiles(storage, handles)
  try {
    for (const file of manifest.files) {
      const path = checkpointFile(directory, writerOf(manifest, file), file.name)
      const handle = yield* openIfThere(storage, path)
      if (handle !== undefined) handles.set(path, handle)
      else if ((yield* storage.stat(manifestFile(directory, checkpoint))) === undefined) {
        throw E143_CHECKPOINT_COLLECTED({ directory, checkpoint }, { place: { checkpoint } })
      }
    }
  } catch (error) {
    yield* held.release()
    throw error
  }
  return held
}

function* openIfThere(storage: Storage, path: string): Io<FileHandle | undefined> {
  try {
    return yield* storage.openRead(path)
  } catch (error) {
    if (isStreamError(error) && error.code === E055_FILE_MISSING.definition.code) return undefined
    throw error
  }
}
