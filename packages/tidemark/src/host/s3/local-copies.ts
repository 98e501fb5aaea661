/**
 * A second copy of state files on this machine, beside those in object storage, for a restore that does not wait for
 * the network: Flink's local recovery.
 *
 * Called by s3-storage.ts of a job where TIDEMARK_LOCAL_COPIES names a directory; one copy is local-copy.ts. Below that
 * directory a copy lies where its object lies: `BUCKET/KEY.TOKEN.CHECKSUM`, the token being that of the write which put the object.
 *
 *   LC-1  The object in storage is what counts. A copy is read only if its length and its token are those of the
 *         object, and its bytes have the checksum in its name; looked at once in a process, and again if it was
 *         touched. Anything else is read from storage, and said.
 *   LC-2  Nothing that goes wrong here fails a checkpoint or a restore: without a copy things are slower. What went
 *         wrong is said once, and again after it went right in between.
 *   LC-3  A copy has its name after its object was put, and all at once; it is not forced to the disk, since LC-1
 *         finds out.
 *   LC-4  A copy goes with its object. What another process removed meanwhile, or what a crash left, goes when its
 *         directory is listed, once it is an hour old: younger ones may be of a file on its way.
 *
 * Source: Flink, "Task-local recovery" (FLINK-8360); own design.
 */
import { open as openFile, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeThrown, isStreamError } from '../../base/errors.ts'
import { makeDirectories } from '../make-directories.ts'
import type { S3Object } from './client.ts'
import { checksumOf, CopyOnItsWay, LocalCopy, type OpenFile, type Opened } from './local-copy.ts'
import { parseS3 } from './place.ts'

/** Tells people: Node's own way, on stderr, and heard by process.on('warning'). */
export type Warn = (message: string) => void

const AFTER_NAME = /^\.([0-9a-f]{32})\.([0-9a-f]{8}|part)$/
const AN_HOUR_MS = 3_600_000

export interface LocalCopiesInit {
  /** Absolute. Made if need be, closed to others: state may hold what they must not read. */
  readonly root: string
  readonly warn: Warn
  readonly open?: OpenFile
}

export class LocalCopies {
  readonly #root: string
  readonly #warn: Warn
  readonly #open: OpenFile
  #writing = true
  #complete = true
  /** LC-1: by path of the copy, what was true of it when it was looked at. */
  readonly #checked = new Map<string, { readonly sizeBytes: number; readonly touchedMs: number }>()

  constructor({ root, warn, open = openFile }: LocalCopiesInit) {
    this.#root = root
    this.#warn = warn
    this.#open = open
  }

  /** Of an object that is about to be written with this token. Nothing of it ever rejects. */
  begin(path: string, token: string): CopyOnItsWay {
    const partial = this.#at(path, `.${token}.part`)
    const create = async (): Promise<Opened> => {
      await makeDirectories(dirname(partial), 0o700)
      return await this.#open(partial, 'wx', 0o600)
    }
    return new CopyOnItsWay(create, {
      keep: (checksum) => rename(partial, this.#at(path, `.${token}.${checksum}`)),
      drop: () => rm(partial, { force: true }),
      wrote: (error) => this.#wrote(path, error),
    })
  }

  /** LC-1. `look` asks the storage for the object, and is called only where there is a copy. */
  async find(path: string, look: () => Promise<S3Object | undefined>): Promise<LocalCopy | undefined> {
    const [name] = await this.#namesOf(path)
    if (name === undefined) {
      const message = `there is no local copy of ${path}, and perhaps of others: they are read from object storage`
      if (this.#complete) this.#warn(message)
      this.#complete = false
      return undefined
    }
    const [, token = '', checksum = ''] = AFTER_NAME.exec(name) ?? []
    const at = this.#at(path, name)
    let file: Opened | undefined
    try {
      file = await this.#open(at, 'r')
      const { sizeBytes, problem } = await this.#check(file, at, { token, checksum }, look)
      if (problem === undefined) return new LocalCopy(file, sizeBytes)
      await this.refuse(path, problem)
    } catch (error) {
      // From the storage: the copy may well be right.
      if (isStreamError(error)) {
        await file?.close()
        throw error
      }
      await this.refuse(path, describeThrown(error))
    }
    await file?.close().catch(() => {})
    return undefined
  }

  /** It is not used any more: it goes, and that is said. */
  async refuse(path: string, problem: string): Promise<void> {
    this.#warn(`the local copy of ${path} is not used, as ${problem}: it is read from object storage`)
    this.#complete = false
    await this.remove(path)
  }

  /** LC-4. */
  async remove(path: string): Promise<void> {
    for (const name of await this.#namesOf(path)) await this.#discard(this.#at(path, name))
  }

  async removeDirectory(path: string): Promise<void> {
    await rmdir(this.#at(path)).catch(() => {})
  }

  /** LC-4: `names` are those that the storage lists in a directory. */
  async sweep(directory: string, names: ReadonlySet<string>): Promise<void> {
    const here = this.#at(directory)
    for (const name of await readdir(here).catch(() => [])) {
      const at = join(here, name)
      if (names.has(name) || names.has(name.replace(/\.[0-9a-f]{32}\.[0-9a-z]+$/, ''))) continue
      const touchedMs = await stat(at).then(({ mtimeMs }) => mtimeMs, () => Infinity)
      if (Date.now() - touchedMs > AN_HOUR_MS) await this.#discard(at)
    }
  }

  async #check(
    file: Opened, at: string, says: { readonly token: string; readonly checksum: string },
    look: () => Promise<S3Object | undefined>,
  ): Promise<{ readonly sizeBytes: number; readonly problem?: string }> {
    const { size: sizeBytes, mtimeMs: touchedMs } = await file.stat()
    const before = this.#checked.get(at)
    if (before?.sizeBytes === sizeBytes && before.touchedMs === touchedMs) return { sizeBytes }
    const object = await look()
    if (object?.token !== says.token) return { sizeBytes, problem: 'it is of another object' }
    const { sizeBytes: whole } = object
    if (whole !== sizeBytes) return { sizeBytes, problem: `it has ${sizeBytes} bytes instead of ${whole}` }
    if ((await checksumOf(file)) !== says.checksum) return { sizeBytes, problem: 'its checksum does not match' }
    this.#checked.set(at, { sizeBytes, touchedMs })
    return { sizeBytes }
  }

  #wrote(path: string, error: unknown): void {
    if (error !== undefined && this.#writing) this.#warn(`no local copy of ${path} was kept: ${describeThrown(error)}`)
    this.#writing = error === undefined
  }

  #at(path: string, after = ''): string {
    const { bucket, key } = parseS3(path)
    return `${join(this.#root, bucket, key)}${after}`
  }

  /** What follows the name of the object, of finished copies. */
  async #namesOf(path: string): Promise<string[]> {
    const at = this.#at(path)
    const name = at.slice(dirname(at).length + 1)
    const all = await readdir(dirname(at)).catch(() => [])
    return all.filter((other) => other.startsWith(name)).map((other) => other.slice(name.length))
      .filter((after) => AFTER_NAME.test(after) && !after.endsWith('.part'))
  }

  async #discard(at: string): Promise<void> {
    this.#checked.delete(at)
    await rm(at, { recursive: true, force: true }).catch(() => {})
  }
}
