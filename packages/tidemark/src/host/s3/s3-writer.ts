/**
 * One object on its way: what is appended is collected into parts, and `seal` makes it an object.
 *
 * Owned by a file handle of s3-storage.ts.
 *
 *   OBW-1  Nothing is to be seen under the name before `seal` returned 'put', and then everything.
 *   OBW-2  Up to the size of a part one conditional put is made; above that an upload in parts, of which at most
 *          PARTS_IN_FLIGHT are under way: `append` waits for room, so that memory is bounded.
 *   OBW-3  After an error it is dead: what was uploaded is given back, and nothing more is sent.
 */
import { createHash, type Hash } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import { storageError } from '../../base/storage-errors.ts'
import type { S3Client } from './client.ts'

const PARTS_IN_FLIGHT = 2
const MOST_PARTS = 10_000
const FIRST_BYTES = 16 << 10

export class S3Writer {
  readonly #client: S3Client
  readonly #path: string
  readonly #token: string
  readonly #partBytes: number
  #buffer: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #filled = 0
  /** Of the buffer: taken as it is filled, since that of a whole part takes longer than a step may. */
  #hash: Hash = createHash('sha256')
  #upload: string | undefined
  readonly #etags: string[] = []
  #parts = 0
  readonly #inFlight = new Set<Promise<void>>()
  #state: 'open' | 'sealed' | 'dead' = 'open'
  #failure: unknown

  constructor(client: S3Client, path: string, token: string, partBytes: number) {
    this.#client = client
    this.#path = path
    this.#token = token
    this.#partBytes = partBytes
  }

  get state(): 'open' | 'sealed' | 'dead' {
    return this.#state
  }

  /** All of it, once sealed, if it was no larger than one part. */
  get whole(): Uint8Array | undefined {
    return this.#state === 'sealed' && this.#upload === undefined ? this.#buffer.subarray(0, this.#filled) : undefined
  }

  /** The bytes are the caller's again when it resolves. */
  append(bytes: Uint8Array): Promise<void> {
    return this.#orDie(async () => {
      for (let at = 0; at < bytes.length; ) {
        const taken = bytes.subarray(at, at + this.#partBytes - this.#filled)
        this.#makeRoom(taken.length)
        this.#buffer.set(taken, this.#filled)
        this.#hash.update(taken)
        this.#filled += taken.length
        at += taken.length
        if (this.#filled === this.#partBytes && at < bytes.length) await this.#sendPart()
      }
    })
  }

  seal(): Promise<'put' | 'exists'> {
    return this.#orDie(async () => {
      const rest = this.#buffer.subarray(0, this.#filled)
      const outcome = this.#upload === undefined
        ? await this.#client.putNew(this.#path, rest, this.#token, this.#hash.digest('hex'))
        : await this.#complete(this.#upload)
      this.#state = outcome === 'put' ? 'sealed' : 'dead'
      return outcome
    })
  }

  /** OBW-3; never fails. */
  async abandon(): Promise<void> {
    this.#state = 'dead'
    this.#buffer = Buffer.alloc(0)
    await Promise.allSettled(this.#inFlight)
    if (this.#upload !== undefined) await this.#client.abandonUpload(this.#path, this.#upload)
    this.#upload = undefined
  }

  async #orDie<T>(work: () => Promise<T>): Promise<T> {
    assert(this.#state !== 'sealed', 'nothing is appended to an object in storage that was synced')
    if (this.#state === 'dead') {
      throw this.#failure ?? storageError({ errno: 'EIO', operation: 'write', path: this.#path })
    }
    try {
      return await work()
    } catch (error) {
      this.#failure = error
      await this.abandon()
      throw error
    }
  }

  #makeRoom(more: number): void {
    const need = this.#filled + more
    if (need <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#partBytes, Math.max(need, this.#buffer.length * 2)))
    grown.set(this.#buffer.subarray(0, this.#filled))
    this.#buffer = grown
  }

  async #sendPart(): Promise<void> {
    if (this.#parts === MOST_PARTS) throw storageError({ errno: 'EFBIG', operation: 'write', path: this.#path })
    this.#upload ??= await this.#client.beginUpload(this.#path, this.#token)
    if (this.#inFlight.size >= PARTS_IN_FLIGHT) await Promise.race(this.#inFlight)
    if (this.#failure !== undefined) throw this.#failure
    const part = ++this.#parts
    const body = this.#buffer.subarray(0, this.#filled)
    const hash = this.#hash.digest('hex')
    this.#hash = createHash('sha256')
    this.#buffer = Buffer.allocUnsafeSlow(this.#partBytes)
    this.#filled = 0
    const sent = this.#client.uploadPart(this.#path, this.#upload, part, body, hash).then(
      (etag) => {
        this.#etags[part - 1] = etag
      },
      (error: unknown) => {
        this.#failure ??= error
      },
    ).finally(() => this.#inFlight.delete(sent))
    this.#inFlight.add(sent)
  }

  async #complete(upload: string): Promise<'put' | 'exists'> {
    await this.#sendPart()
    await Promise.all(this.#inFlight)
    if (this.#failure !== undefined) throw this.#failure
    const outcome = await this.#client.completeUpload(this.#path, upload, this.#etags, this.#token)
    if (outcome === 'exists') await this.#client.abandonUpload(this.#path, upload)
    return outcome
  }
}
