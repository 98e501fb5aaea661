/**
 * One local copy of an object: on its way to the disk, and open for reading.
 *
 * Made by local-copies.ts, which says what it is for; LC-1 to LC-4 are its laws.
 */
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from '../../base/crc32.ts'

/** How files are opened: that of node:fs, but for tests of a full disk. */
export type OpenFile = (path: string, flags: string, mode?: number) => Promise<Opened>
export type Opened = Pick<FileHandle, 'write' | 'read' | 'stat' | 'close'>

const READ_BYTES = 1 << 20

interface Ends {
  keep(checksum: string): Promise<void>
  drop(): Promise<void>
  wrote(error: unknown): void
}

/** LC-2: after an error nothing more is written, and the file goes. */
export class CopyOnItsWay {
  readonly #create: () => Promise<Opened>
  readonly #ends: Ends
  #file: Opened | undefined
  #crc = 0
  #over = false

  constructor(create: () => Promise<Opened>, ends: Ends) {
    this.#create = create
    this.#ends = ends
  }

  /** The bytes are the caller's again when it resolves. */
  append(bytes: Uint8Array): Promise<void> {
    return this.#orGiveUp(async () => {
      const file = (this.#file ??= await this.#create())
      for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
      this.#crc = crc32(bytes, this.#crc)
    })
  }

  /** LC-3: the object is there. */
  async keep(): Promise<void> {
    await this.#orGiveUp(async () => {
      const file = (this.#file ??= await this.#create())
      await file.close()
      await this.#ends.keep(hexadecimal(this.#crc))
      this.#over = true
      this.#ends.wrote(undefined)
    })
  }

  /** The object will never be there. */
  async drop(): Promise<void> {
    if (this.#over) return
    this.#over = true
    await this.#file?.close().catch(() => {})
    await this.#ends.drop().catch(() => {})
  }

  async #orGiveUp(work: () => Promise<void>): Promise<void> {
    if (this.#over) return
    try {
      await work()
    } catch (error) {
      await this.drop()
      this.#ends.wrote(error)
    }
  }
}

/** An open copy, of the length that its object has. */
export class LocalCopy {
  readonly #file: Opened
  readonly #sizeBytes: number

  constructor(file: Opened, sizeBytes: number) {
    this.#file = file
    this.#sizeBytes = sizeBytes
  }

  /** Shorter only at the end of the object. Undefined: it was cut meanwhile, or the disk gives an error. */
  async read(offset: number, length: number): Promise<Uint8Array | undefined> {
    const wanted = Math.max(0, Math.min(length, this.#sizeBytes - offset))
    // Never from a shared pool: what is read may be transferred to a thread.
    const bytes = new Uint8Array(wanted)
    const got = await fill(this.#file, bytes, offset).catch(() => undefined)
    return got === wanted ? bytes : undefined
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

async function fill(file: Opened, bytes: Uint8Array, offset: number): Promise<number> {
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

/** Of all of it, as copies are named by it. */
export async function checksumOf(file: Opened): Promise<string> {
  const piece = new Uint8Array(READ_BYTES)
  let sum = 0
  for (let at = 0, got = READ_BYTES; got === READ_BYTES; at += got) {
    got = await fill(file, piece, at)
    sum = crc32(piece.subarray(0, got), sum)
  }
  return hexadecimal(sum)
}

const hexadecimal = (sum: number): string => sum.toString(16).padStart(8, '0')
