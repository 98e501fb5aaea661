/**
 * The Storage port over the S3 interface: AWS, and whatever speaks it and honours `If-None-Match`.
 *
 * Made by host/real-storage.ts when the first path of the form `s3://bucket/key` is used. Owns the client, a memory
 * of directories and the last small objects that it put.
 *
 * What the engine does with a file is: create, append any number of times, sync at most once, close. Nothing is
 * appended after a sync (asserted). What was not synced becomes an object at close, as the claim of a savepoint's
 * directory needs it. A name is refused at `create` if it is there, and again, atomically, when the object is put.
 *
 *   OBS-1  What `sync` has returned for is an object, whole and durable. Nothing is seen of it before.
 *   OBS-2  `link` is a conditional put of the same bytes: of any number of claims of one name one succeeds. The two
 *          names are two objects. What makes a claim is never a rename and never a look before a write.
 *   OBS-3  The first claim is made twice, with a new token: a storage that takes the second one is refused (E189).
 *   OBS-4  A directory is there if something lies below it, or if this storage made or listed it: object storage
 *          has none. An empty one that another process made is not seen. `access` means nothing: the bucket's policy decides.
 *   OBS-5  An open file of up to HEAD_BYTES outlives its name. A larger one does not: reading it is E055 then. One
 *          that was replaced is never mixed with its successor.
 *   OBS-6  Who learns at `sync` or `close` that somebody else has put the name does not remove it when cleaning up.
 *   OBS-7  Of several that remove one name at the same time more than one may be told that it was there.
 *
 * Fences (EP-1) read listings, so the storage must list what was put before: AWS S3 does, since 2020.
 *
 * Source: AWS S3 API reference, "Conditional writes"; decisions D7 and D8.
 */
import { randomBytes } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import { fromPromise, type Io } from '../../base/io.ts'
import type { FileHandle, FileInfo, Storage } from '../../base/ports.ts'
import { storageError } from '../../base/storage-errors.ts'
import { parseStateFile } from '../../checkpoint/layout.ts'
import { S3Client, type S3Object } from './client.ts'
import { E189_NO_CONDITIONAL_PUT } from './errors.ts'
import type { LocalCopies } from './local-copies.ts'
import type { CopyOnItsWay, LocalCopy } from './local-copy.ts'
import { normalS3, parseS3 } from './place.ts'
import type { S3Settings } from './settings.ts'
import { S3Writer } from './s3-writer.ts'

/** Read when a file is opened, and kept with the handle. */
const HEAD_BYTES = 128 << 10
/** One part of a copy that the storage makes itself: at most 5 GiB. */
const COPY_BYTES = 512 << 20
const MOST_DIRECTORIES = 1024
const MOST_RECENT = 8

/** An object of which the beginning is here already. */
interface Stored {
  readonly copy?: undefined
  readonly object: S3Object
  readonly head: Uint8Array
}
type Reading = Stored | { readonly copy: LocalCopy }

class S3File implements FileHandle {
  readonly path: string
  readonly writer: S3Writer | undefined
  /** Of what is written, on its way. */
  readonly written: CopyOnItsWay | undefined
  reading: Reading | undefined
  open = true

  constructor(path: string, init: Partial<Pick<S3File, 'writer' | 'written' | 'reading'>>) {
    this.path = path
    this.writer = init.writer
    this.written = init.written
    this.reading = init.reading
  }
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))
const newToken = (): string => randomBytes(16).toString('hex')
const failure = (errno: string, operation: string, path: string): Error => storageError({ errno, operation, path })
/** `s3:/` and `s3:`, above all buckets. */
const isTop = (path: string): boolean => /^s3:\/*$/.test(path)
const isBucket = (path: string): boolean => parseS3(path).key === ''

export class S3Storage implements Storage {
  readonly #client: S3Client
  readonly #partBytes: number
  readonly #copies: LocalCopies | undefined
  /** OBS-4, in the order in which they were used. */
  readonly #directories = new Set<string>()
  /** Contents of objects that were put: a claim links what was written a moment ago. */
  readonly #recent = new Map<string, Uint8Array>()
  /** OBS-6: names that others had put when we came to it. */
  readonly #lost = new Set<string>()
  #claimsHold = false

  /** `copies`: where state files are kept a second time. */
  constructor(settings: S3Settings, copies?: LocalCopies) {
    this.#client = new S3Client(settings)
    this.#partBytes = settings.sizes.partBytes
    this.#copies = copies
  }

  create(given: string): Io<FileHandle> {
    return fromPromise(async () => {
      const path = normalS3(given)
      await this.#needParent(path, 'create')
      const exists = this.#directories.has(path) || (await this.#client.head(path)) !== undefined
      if (exists) throw failure('EEXIST', 'create', path)
      const token = newToken()
      const written = this.#copiesOf(path)?.begin(path, token)
      return new S3File(given, { writer: new S3Writer(this.#client, path, token, this.#partBytes), written })
    })
  }

  openRead(given: string): Io<FileHandle> {
    return fromPromise(async () => {
      const path = normalS3(given)
      const copy = await this.#copiesOf(path)?.find(path, () => this.#client.head(path))
      return new S3File(given, { reading: copy === undefined ? await this.#beginning(path) : { copy } })
    })
  }

  append(file: FileHandle, bytes: Uint8Array): Io<void> {
    return fromPromise(async () => {
      const { writer, written, path } = fileOf(file)
      if (writer === undefined) throw failure('EBADF', 'write', path)
      const copied = written?.append(bytes)
      try {
        await writer.append(bytes)
      } finally {
        await copied
      }
    })
  }

  read(file: FileHandle, offset: number, length: number): Io<Uint8Array> {
    return fromPromise(async () => {
      const { reading, path } = fileOf(file)
      if (reading === undefined) throw failure('EBADF', 'read', path)
      if (reading.copy === undefined) return await this.#readStored(path, reading, offset, length)
      const copied = await reading.copy.read(offset, length)
      if (copied !== undefined) return copied
      await this.#copies?.refuse(normalS3(path), 'it could not be read to its end')
      const stored = (file as S3File).reading = await this.#beginning(normalS3(path))
      await reading.copy.close()
      return await this.#readStored(path, stored, offset, length)
    })
  }

  /** Of a file that is written: OBS-1. Throws E056 if somebody else has put that name. */
  sync(file: FileHandle): Io<void> {
    return fromPromise(async () => {
      const { writer, written, path } = fileOf(file)
      if (writer !== undefined && writer.state !== 'sealed') await this.#seal(writer, written, path)
    })
  }

  close(file: FileHandle): Io<void> {
    return fromPromise(async () => {
      const { writer, written, reading, path } = fileOf(file)
      ;(file as S3File).open = false
      await reading?.copy?.close()
      if (writer?.state === 'open') await this.#seal(writer, written, path)
      await written?.drop()
    })
  }

  readWhole(path: string): Io<Uint8Array> {
    return fromPromise(async () => new Uint8Array(await this.#client.getWhole(normalS3(path))))
  }

  /** OBS-2, OBS-3. */
  link(givenFrom: string, givenTo: string): Io<'linked' | 'exists'> {
    return fromPromise(async () => {
      const [from, to] = [normalS3(givenFrom), normalS3(givenTo)]
      await this.#needParent(to, 'link')
      const bytes = this.#recent.get(from) ?? (await this.#smallContent(from))
      if (bytes === undefined) return await this.#copy(from, to)
      const outcome = await this.#client.putNew(to, bytes, newToken())
      if (outcome === 'exists') return 'exists'
      await this.#provedByAgain(to, bytes)
      return 'linked'
    })
  }

  unlink(given: string): Io<boolean> {
    return fromPromise(async () => {
      const path = normalS3(given)
      this.#recent.delete(path)
      if (this.#lost.delete(path)) return false
      await this.#copiesOf(path)?.remove(path)
      if ((await this.#client.head(path)) === undefined) return false
      await this.#client.remove(path)
      return true
    })
  }

  list(given: string): Io<readonly string[] | undefined> {
    return fromPromise(async () => {
      const path = normalS3(given)
      const prefix = `${path}/`
      const below = parseS3(path).key === '' ? 0 : parseS3(path).key.length + 1
      const names = new Set<string>()
      let after: string | undefined
      do {
        const page = await this.#client.listPage(path, after === undefined ? {} : { after })
        for (const key of page.keys) names.add(key.slice(below))
        for (const key of page.prefixes) names.add(key.slice(below, -1))
        after = page.next
      } while (after !== undefined)
      // Whoever empties what was listed may still sync and remove it, as on a disk.
      if (names.size > 0) this.#remember(path)
      await this.#copies?.sweep(path, names)
      const isThere = this.#directories.has(path) || isBucket(path)
      for (const directory of this.#directories) {
        if (parentOf(directory) === path) names.add(directory.slice(prefix.length))
      }
      // The default order of sort() is by UTF-16 code unit, whatever the locale.
      return isThere ? [...names].sort() : undefined
    })
  }

  stat(given: string): Io<FileInfo | undefined> {
    return fromPromise(async () => {
      if (isTop(given)) return { sizeBytes: 0, isDirectory: true }
      const path = normalS3(given)
      const object = isBucket(path) || this.#directories.has(path) ? undefined : await this.#client.head(path)
      if (object !== undefined) return { sizeBytes: object.sizeBytes, isDirectory: false }
      return (await this.#isDirectory(path)) ? { sizeBytes: 0, isDirectory: true } : undefined
    })
  }

  makeDirectory(given: string): Io<void> {
    return fromPromise(async () => {
      for (let path = normalS3(given); !isBucket(path); path = parentOf(path)) this.#remember(path)
    })
  }

  removeDirectory(given: string): Io<boolean> {
    return fromPromise(async () => {
      const path = normalS3(given)
      const { keys, prefixes } = await this.#client.listPage(path, { most: 2 })
      if (keys.length + prefixes.length > 0) throw failure('ENOTEMPTY', 'rmdir', path)
      await this.#copies?.removeDirectory(path)
      return this.#directories.delete(path)
    })
  }

  /** What is an object is durable, its name included. */
  syncDirectory(path: string): Io<void> {
    return fromPromise(async () => {
      if (!isTop(path) && !(await this.#isDirectory(normalS3(path)))) throw failure('ENOENT', 'open', path)
    })
  }

  // ---- the parts of it --------------------------------------------------------------------------

  async #seal(writer: S3Writer, written: CopyOnItsWay | undefined, path: string): Promise<void> {
    const name = normalS3(path)
    if ((await writer.seal()) === 'exists') {
      this.#lost.add(name)
      throw failure('EEXIST', 'create', name)
    }
    await written?.keep()
    const { whole } = writer
    if (whole === undefined || whole.length > HEAD_BYTES) return
    this.#recent.set(name, whole)
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= MOST_RECENT) break
      this.#recent.delete(oldest)
    }
  }

  /** Of files that hold state: the others are small, and decide what is restored. */
  #copiesOf(path: string): LocalCopies | undefined {
    return parseStateFile(path.slice(path.lastIndexOf('/') + 1)) === undefined ? undefined : this.#copies
  }

  /** Throws E055. */
  async #beginning(path: string): Promise<Stored> {
    const { bytes, object } = await this.#client.getRange(path, 0, HEAD_BYTES)
    return { object, head: bytes }
  }

  async #readStored(path: string, { object, head }: Stored, offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, object.sizeBytes)
    if (end <= offset) return new Uint8Array(0)
    if (end <= head.length) return new Uint8Array(head.subarray(offset, end))
    const { bytes } = await this.#client.getRange(normalS3(path), offset, end - offset, object.etag)
    // Never from a shared pool: what is read may be transferred to a thread.
    return new Uint8Array(bytes)
  }

  /** Undefined: it is too large to be sent once more. Throws E055. */
  async #smallContent(path: string): Promise<Uint8Array | undefined> {
    const { bytes, object } = await this.#client.getRange(path, 0, this.#partBytes)
    return object.sizeBytes > this.#partBytes ? undefined : bytes
  }

  /** The storage copies what is large itself. */
  async #copy(from: string, to: string): Promise<'linked' | 'exists'> {
    if ((await this.#client.head(to)) !== undefined) return 'exists'
    const size = (await this.#client.head(from))?.sizeBytes
    if (size === undefined) throw failure('ENOENT', 'link', from)
    const token = newToken()
    const upload = await this.#client.beginUpload(to, token)
    try {
      const etags: string[] = []
      for (let at = 0; at < size; at += COPY_BYTES) {
        const length = Math.min(COPY_BYTES, size - at)
        etags.push(await this.#client.copyPart(to, upload, etags.length + 1, from, at, length))
      }
      const outcome = await this.#client.completeUpload(to, upload, etags, token)
      if (outcome === 'exists') await this.#client.abandonUpload(to, upload)
      return outcome === 'put' ? 'linked' : 'exists'
    } catch (error) {
      await this.#client.abandonUpload(to, upload)
      throw error
    }
  }

  /** OBS-3: the same bytes, so that it does no harm where it is taken. */
  async #provedByAgain(path: string, bytes: Uint8Array): Promise<void> {
    if (this.#claimsHold) return
    // Twice: somebody may have removed it in between, which is no fault of the storage.
    for (let i = 0; i < 2; i++) {
      if ((await this.#client.putNew(path, bytes, newToken())) === 'exists') {
        this.#claimsHold = true
        return
      }
    }
    throw E189_NO_CONDITIONAL_PUT({ path, problem: 'replaced the object that was there' })
  }

  #remember(directory: string): void {
    this.#directories.delete(directory)
    this.#directories.add(directory)
    for (const oldest of this.#directories) {
      if (this.#directories.size <= MOST_DIRECTORIES) break
      this.#directories.delete(oldest)
    }
  }

  async #isDirectory(path: string): Promise<boolean> {
    if (this.#directories.has(path)) return true
    const { keys, prefixes } = await this.#client.listPage(path, { most: 2 })
    if (keys.length + prefixes.length > 0) this.#remember(path)
    return isBucket(path) || keys.length + prefixes.length > 0
  }

  async #needParent(path: string, operation: string): Promise<void> {
    const parent = parentOf(path)
    if (isTop(`${parent}/`)) throw failure('EISDIR', operation, path)
    if (!isBucket(parent) && !(await this.#isDirectory(parent))) throw failure('ENOENT', operation, path)
  }
}

function fileOf(file: FileHandle): S3File {
  assert(file instanceof S3File && file.open, 'a file handle is used only by its storage and before close')
  return file
}

