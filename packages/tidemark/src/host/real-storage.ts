/**
 * The Storage port of real hosts: paths of this machine go to node:fs, `s3://…` to object storage.
 *
 * Made by every host, worker thread and command. What speaks to object storage is loaded when the first such path
 * is used, and its settings are read from the environment then.
 *
 *   RST-1  A handle goes back to the storage that made it.
 *   RST-2  A claim never leads from one storage to the other (EXDEV, as between file systems).
 */
import { assert } from '../base/assert.ts'
import { fromPromise, type Io } from '../base/io.ts'
import type { Access, FileHandle, FileInfo, Storage } from '../base/ports.ts'
import { storageError } from '../base/storage-errors.ts'
import { nodeStorage } from './node-storage.ts'
import { isRemote } from './places.ts'

export interface RealStorageOptions {
  /** That of a job, which writes state and restores it: TIDEMARK_LOCAL_COPIES holds. Everybody else means the objects. */
  readonly ofJob?: boolean
}

export const realStorage = (options: RealStorageOptions = {}): Storage => new RealStorage(options)

class RealStorage implements Storage {
  readonly #node = nodeStorage()
  readonly #options: RealStorageOptions
  #s3: Promise<Storage> | undefined

  constructor(options: RealStorageOptions) {
    this.#options = options
  }

  *create(path: string, access?: Access): Io<FileHandle> {
    return yield* (yield* this.#at(path)).create(path, access)
  }

  *openRead(path: string): Io<FileHandle> {
    return yield* (yield* this.#at(path)).openRead(path)
  }

  *append(file: FileHandle, bytes: Uint8Array): Io<void> {
    yield* (yield* this.#of(file)).append(file, bytes)
  }

  *read(file: FileHandle, offset: number, length: number): Io<Uint8Array> {
    return yield* (yield* this.#of(file)).read(file, offset, length)
  }

  *sync(file: FileHandle): Io<void> {
    yield* (yield* this.#of(file)).sync(file)
  }

  *close(file: FileHandle): Io<void> {
    yield* (yield* this.#of(file)).close(file)
  }

  *readWhole(path: string): Io<Uint8Array> {
    return yield* (yield* this.#at(path)).readWhole(path)
  }

  *link(from: string, to: string): Io<'linked' | 'exists'> {
    if (isRemote(from) !== isRemote(to)) {
      throw storageError({ errno: 'EXDEV', operation: 'link', path: `${from} -> ${to}` })
    }
    return yield* (yield* this.#at(from)).link(from, to)
  }

  *unlink(path: string): Io<boolean> {
    return yield* (yield* this.#at(path)).unlink(path)
  }

  *list(directory: string): Io<readonly string[] | undefined> {
    return yield* (yield* this.#at(directory)).list(directory)
  }

  *stat(path: string): Io<FileInfo | undefined> {
    return yield* (yield* this.#at(path)).stat(path)
  }

  *makeDirectory(path: string, access?: Access): Io<void> {
    yield* (yield* this.#at(path)).makeDirectory(path, access)
  }

  *removeDirectory(path: string): Io<boolean> {
    return yield* (yield* this.#at(path)).removeDirectory(path)
  }

  *syncDirectory(path: string): Io<void> {
    yield* (yield* this.#at(path)).syncDirectory(path)
  }

  *#at(path: string): Io<Storage> {
    if (!isRemote(path)) return this.#node
    return yield* fromPromise(() => (this.#s3 ??= loadS3(this.#options)))
  }

  *#of(file: FileHandle): Io<Storage> {
    assert(typeof file.path === 'string', 'a file handle is used only by its storage and before close')
    return yield* this.#at(file.path)
  }
}

async function loadS3({ ofJob = false }: RealStorageOptions): Promise<Storage> {
  const [{ S3Storage }, { copiesFrom, settingsFrom }, { LocalCopies }] = await Promise.all([
    import('./s3/s3-storage.ts'), import('./s3/settings.ts'), import('./s3/local-copies.ts'),
  ])
  const root = ofJob ? copiesFrom(process.env) : undefined
  // The log of a job is silent unless a program asks for it; Node's warnings reach people, from threads as well.
  const warn = (message: string): void => process.emitWarning(message, 'TidemarkWarning')
  return new S3Storage(settingsFrom(process.env), root === undefined ? undefined : new LocalCopies({ root, warn }))
}
