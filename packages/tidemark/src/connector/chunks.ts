/**
 * The bytes of one file, in order, chunk by chunk: plain or gzip, read ahead.
 *
 * Owns the open file and, for gzip, the decompressor. Called by the reader of one split, which takes
 * chunks without waiting and is woken when one has come.
 *
 * Invariants
 *   CK-1  Chunks follow each other without gap from the offset asked for; for gzip, offsets count
 *         uncompressed bytes and what lies before the offset is decompressed and dropped.
 *   CK-2  At most READ_AHEAD chunks wait; the file is not read further until one is taken.
 *   CK-3  After `close` nothing is woken or failed, and the file is closed once no read is under way
 *         (closing a descriptor under a read could hit the next file that gets its number).
 */
import { createGunzip, type Gunzip } from 'node:zlib'
import { describeThrown } from '../base/errors.ts'
import { start, wait, type Done, type Io } from '../base/io.ts'
import type { FileHandle, Storage } from '../base/ports.ts'
import { E109_INPUT_DAMAGED, type FileIdentity } from './errors.ts'
import { openInput } from './inputs.ts'

export const CHUNK_BYTES = 512 * 1024
const GZIP_STEP_BYTES = 64 * 1024
const READ_AHEAD = 2

export interface ChunkRequest {
  readonly path: string
  readonly identity: FileIdentity
  readonly gzip: boolean
  /** First byte wanted. */
  readonly from: number
}

export interface ChunkListener {
  wake(): void
  fail(error: unknown): void
}

export class ChunkReader {
  readonly #storage: Storage
  readonly #request: ChunkRequest
  readonly #listener: ChunkListener
  #ready: Uint8Array[] = []
  #room: Done<undefined> | undefined
  #ended = false
  #closed = false

  constructor(storage: Storage, request: ChunkRequest, listener: ChunkListener) {
    this.#storage = storage
    this.#request = request
    this.#listener = listener
    start(this.#run(), (outcome) => {
      if (!outcome.ok && !this.#closed) this.#listener.fail(outcome.error)
    })
  }

  next(): Uint8Array | 'pending' | 'end' {
    const chunk = this.#ready.shift()
    if (chunk === undefined) return this.#ended ? 'end' : 'pending'
    this.#resume()
    return chunk
  }

  close(): void {
    this.#closed = true
    this.#ready = []
    this.#resume()
  }

  *#run(): Io<void> {
    const { path, identity, gzip, from } = this.#request
    const file = yield* openInput(this.#storage, path, identity)
    try {
      if (gzip) yield* this.#gunzip(file, from)
      else yield* this.#plain(file, from, (chunk) => this.#give(chunk))
    } finally {
      yield* this.#storage.close(file)
    }
    this.#ended = true
    if (!this.#closed) this.#listener.wake()
  }

  *#plain(file: FileHandle, from: number, take: (chunk: Uint8Array) => Io<void>): Io<void> {
    for (let at = from; !this.#closed; ) {
      const chunk = yield* this.#storage.read(file, at, CHUNK_BYTES)
      if (chunk.length === 0) return
      at += chunk.length
      yield* take(chunk)
      if (chunk.length < CHUNK_BYTES) return
    }
  }

  *#gunzip(file: FileHandle, from: number): Io<void> {
    const { path } = this.#request
    const stream = new GunzipSteps()
    let skip = from
    const give = (chunks: readonly Uint8Array[]): Io<void> => this.#giveAll(chunks.flatMap((chunk) => {
      const dropped = Math.min(skip, chunk.length)
      skip -= dropped
      return dropped < chunk.length ? [chunk.subarray(dropped)] : []
    }))
    try {
      yield* this.#plain(file, 0, function* (chunk) {
        // Small steps bound what one step can unpack to (a factor of 1032 at worst).
        for (let at = 0; at < chunk.length; at += GZIP_STEP_BYTES) {
          yield* give(yield* stream.write(chunk.subarray(at, at + GZIP_STEP_BYTES)))
        }
      })
      if (!this.#closed) yield* give(yield* stream.end())
    } catch (cause) {
      if (!(cause instanceof GunzipFailure)) throw cause
      throw E109_INPUT_DAMAGED({ file: path, reason: cause.message }, { place: { file: path }, cause })
    } finally {
      stream.destroy()
    }
  }

  *#giveAll(chunks: readonly Uint8Array[]): Io<void> {
    for (const chunk of chunks) yield* this.#give(chunk)
  }

  *#give(chunk: Uint8Array): Io<void> {
    if (this.#closed) return
    this.#ready.push(chunk)
    if (this.#ready.length === 1) this.#listener.wake()
    while (this.#ready.length >= READ_AHEAD && !this.#closed) {
      yield* wait<undefined>((done) => {
        this.#room = done
      })
    }
  }

  #resume(): void {
    const room = this.#room
    this.#room = undefined
    room?.({ ok: true, value: undefined })
  }
}

class GunzipFailure extends Error {}

/** A gzip stream as steps: bytes in, and the chunks that have come out by then. */
class GunzipSteps {
  readonly #gunzip: Gunzip
  #chunks: Uint8Array[] = []
  #failure: GunzipFailure | undefined
  #ended = false
  #settle: (() => void) | undefined

  constructor() {
    this.#gunzip = createGunzip({ chunkSize: GZIP_STEP_BYTES * 4 })
    this.#gunzip.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk))
    this.#gunzip.on('error', (error) => {
      this.#failure = new GunzipFailure(describeThrown(error))
      this.#settle?.()
    })
    // Comes early if something that is no gzip follows the last member; that tail is ignored, as gzip does.
    this.#gunzip.on('end', () => {
      this.#ended = true
      this.#settle?.()
    })
  }

  *write(bytes: Uint8Array): Io<readonly Uint8Array[]> {
    if (this.#ended) return []
    return yield* this.#step((settle) => this.#gunzip.write(bytes, settle))
  }

  *end(): Io<readonly Uint8Array[]> {
    if (this.#ended) return []
    // Settled by 'end', which comes after the last 'data', and not by 'finish', which may come before.
    return yield* this.#step(() => this.#gunzip.end())
  }

  destroy(): void {
    this.#gunzip.destroy()
  }

  *#step(run: (settle: () => void) => void): Io<readonly Uint8Array[]> {
    yield* wait<undefined>((done) => {
      this.#settle = () => done({ ok: true, value: undefined })
      if (this.#failure === undefined) run(this.#settle)
      else this.#settle()
    })
    if (this.#failure !== undefined) throw this.#failure
    const chunks = this.#chunks
    this.#chunks = []
    return chunks
  }
}
