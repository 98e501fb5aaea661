/**
 * The file sink's writer: stages records as part files in the output directory.
 *
 * Owns the parts of one subtask that are not staged yet. Called by the sink operator for every record
 * and at every checkpoint. One fiber, the pump, does all I/O in order, so records never wait for it.
 *
 * Invariants
 *   FW-1  A part is appended to only before its cut; a cut part is flushed, fsynced and closed, and only
 *         then reported as a committable.
 *   FW-2  `prepareCommit` cuts synchronously, before it returns its Io (law SK-1).
 *   FW-3  Its Io ends after the staged files and their directory entries are durable (law SK-2).
 *   FW-4  Part numbers are never used twice within an epoch, also not after a restart of the subtask:
 *         they go on behind the largest number that is in the directory, staged or final, and every attempt has a
 *         range of its own: what a writer that was replaced still removes is not its successor's.
 *   FW-5  After an I/O error the part is abandoned and its file removed; nothing of it is ever committed.
 *
 * Source: Flink FileWriter and RecoverableFsDataOutputStream; ATC'20, "Can applications recover from fsync
 * failures?" (a file whose fsync failed is not synced again).
 */
import { crc32 } from 'node:zlib'
import { makeDurableDirectory } from '../base/durable-directory.ts'
import { isStreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { start, wait, type Done, type Io } from '../base/io.ts'
import type { FileHandle } from '../base/ports.ts'
import type { SinkContext, SinkWriter } from '../graph/sink.ts'
import { finalName, largestPart, stagedName, type PartName } from './file-names.ts'
import type { RowWriter } from './row-writer.ts'

const CHUNK_CHARS = 128 * 1024
/** Unwritten bytes above which no input is taken, and below which it is taken again. */
const FULL_BYTES = 4 * 1024 * 1024
const ROOM_BYTES = 1024 * 1024
/** More than a writer stages in its life (FW-4). */
const PARTS_OF_AN_ATTEMPT = 1_000_000_000

/** Names only, no path: it stays true where the output directory is moved. */
export interface FileCommittable {
  readonly staged: string
  readonly final: string
  readonly bytes: number
  readonly crc32: number
}

interface Part {
  readonly chunks: Uint8Array[]
  bytes: number
  crc32: number
  cut: boolean
  /** Its number, once it is staged. */
  staged: number | undefined
}

export interface FileWriterOptions {
  readonly directory: string
  readonly ending: string
  readonly partMaxBytes: number
}

export class FileWriter implements SinkWriter {
  readonly #context: SinkContext
  readonly #options: FileWriterOptions
  readonly #rows: RowWriter
  #text = ''
  /** Not staged yet, in order; the last one may be open. */
  readonly #parts: Part[] = []
  /** Begun since the last checkpoint: what the next one commits. */
  #unreported: Part[] = []
  #open: Part | undefined
  #unwritten = 0
  #full = false
  #failure: { readonly error: unknown } | undefined
  #closed = false
  #pumping = false
  #lastPart: number | undefined
  #work: Done<undefined> | undefined
  #waiters: Done<undefined>[] = []

  constructor(context: SinkContext, options: FileWriterOptions, rows: RowWriter) {
    this.#context = context
    this.#options = options
    this.#rows = rows
  }

  get full(): boolean {
    return this.#full
  }

  write(value: unknown): void {
    this.#text += this.#rows.line(value)
    if (this.#text.length >= CHUNK_CHARS) this.#flush()
  }

  prepareCommit(checkpoint: CheckpointId): Io<readonly FileCommittable[]> {
    this.#flush()
    this.#cut()
    const parts = this.#unreported
    this.#unreported = []
    return this.#whenStaged(parts, checkpoint)
  }

  close(): void {
    this.#closed = true
    this.#text = ''
    this.#poke()
    if (!this.#pumping) this.#notify()
  }

  /** Hands the text over to the pump. */
  #flush(): void {
    if (this.#text === '') return
    let part = this.#open
    const text = part === undefined ? this.#rows.header() + this.#text : this.#text
    this.#text = ''
    if (part === undefined) {
      part = { chunks: [], bytes: 0, crc32: 0, cut: false, staged: undefined }
      this.#open = part
      this.#parts.push(part)
      this.#unreported.push(part)
    }
    const chunk = Buffer.from(text, 'utf8')
    part.chunks.push(chunk)
    part.bytes += chunk.length
    part.crc32 = crc32(chunk, part.crc32)
    this.#unwritten += chunk.length
    if (this.#unwritten > FULL_BYTES) this.#full = true
    if (part.bytes >= this.#options.partMaxBytes) this.#cut()
    this.#poke()
  }

  #cut(): void {
    if (this.#open === undefined) return
    this.#open.cut = true
    this.#open = undefined
    this.#poke()
  }

  *#whenStaged(parts: readonly Part[], checkpoint: CheckpointId): Io<readonly FileCommittable[]> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error
      const staged = parts.flatMap((part) => this.#committable(part, checkpoint) ?? [])
      if (staged.length === parts.length) {
        if (staged.length > 0) yield* this.#syncDirectory()
        return staged
      }
      if (this.#closed) throw new Error('the sink was closed before its output was staged')
      yield* wait<undefined>((done) => this.#waiters.push(done))
    }
  }

  /** The final name says by which checkpoint at the earliest it appears (FN-3). */
  #committable({ staged: part, bytes, crc32: sum }: Part, checkpoint: CheckpointId): FileCommittable | undefined {
    if (part === undefined) return undefined
    const name = this.#nameOf(part)
    return { staged: stagedName(name), final: finalName(name, checkpoint, this.#options.ending), bytes, crc32: sum }
  }

  #nameOf(part: number): PartName {
    const { jobId, operator, epoch, subtask } = this.#context
    return { jobId, operator, epoch, subtask, part }
  }

  *#syncDirectory(): Io<void> {
    try {
      yield* this.#context.storage.syncDirectory(this.#options.directory)
    } catch (error) {
      // These parts are in no checkpoint and never will be: the attempt must end and write them again.
      this.#fail(error)
      throw error
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#notify()
    if (!this.#closed) this.#context.fail(error)
  }

  #poke(): void {
    const work = this.#work
    this.#work = undefined
    if (work !== undefined) {
      work({ ok: true, value: undefined })
    } else if (!this.#pumping && this.#parts.length > 0) {
      this.#pumping = true
      start(this.#pump(), (outcome) => {
        if (outcome.ok) this.#notify()
        else this.#fail(outcome.error)
      })
    }
  }

  #notify(): void {
    for (const done of this.#waiters.splice(0)) done({ ok: true, value: undefined })
  }

  *#pump(): Io<void> {
    const { storage } = this.#context
    while (!this.#closed) {
      const part = this.#parts[0]
      if (part === undefined) {
        yield* this.#idle()
        continue
      }
      const { file, number } = yield* this.#create()
      let good = false
      try {
        yield* this.#fill(part, file)
        if (part.cut && !this.#closed) {
          yield* storage.sync(file)
          good = true
        }
      } finally {
        good = (yield* this.#release(file, good)) && good
      }
      if (!good) return
      part.staged = number
      this.#parts.shift()
      this.#notify()
    }
  }

  *#fill(part: Part, file: FileHandle): Io<void> {
    while (!this.#closed) {
      const chunk = part.chunks.shift()
      if (chunk !== undefined) {
        yield* this.#context.storage.append(file, chunk)
        this.#unwritten -= chunk.length
        this.#signalRoom()
      } else if (part.cut) {
        return
      } else {
        yield* this.#idle()
      }
    }
  }

  #signalRoom(): void {
    if (!this.#full || this.#unwritten > ROOM_BYTES) return
    this.#full = false
    this.#context.wake()
  }

  #idle(): Io<undefined> {
    return wait<undefined>((done) => {
      this.#work = done
    })
  }

  /** Closes the file; removes it unless it is `good`. An error of close is one of writing. */
  *#release(file: FileHandle, good: boolean): Io<boolean> {
    const { storage } = this.#context
    try {
      yield* storage.close(file)
    } catch (error) {
      if (good) {
        yield* this.#remove(file.path)
        throw error
      }
    }
    if (!good) yield* this.#remove(file.path)
    return good
  }

  *#remove(path: string): Io<void> {
    try {
      yield* this.#context.storage.unlink(path)
    } catch {
      // The first error is reported already; removeAbandoned takes what is left at the next start.
    }
  }

  *#create(): Io<{ file: FileHandle; number: number }> {
    const { storage } = this.#context
    const { directory } = this.#options
    if (this.#lastPart === undefined) {
      yield* makeDurableDirectory(storage, directory, 'shared')
      const begin = this.#context.attempt * PARTS_OF_AN_ATTEMPT
      this.#lastPart = Math.max(begin, largestPart((yield* storage.list(directory)) ?? [], this.#nameOf(0)))
    }
    for (;;) {
      this.#lastPart += 1
      const number = this.#lastPart
      try {
        return { file: yield* storage.create(`${directory}/${stagedName(this.#nameOf(number))}`, 'shared'), number }
      } catch (error) {
        // A writer of an earlier attempt, not dead yet, may have made it since the listing.
        if (!isStreamError(error) || error.code !== 'E056') throw error
      }
    }
  }
}
