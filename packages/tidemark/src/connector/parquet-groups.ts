/**
 * Loads row groups: reads their bytes through the Storage port, has them decoded, one ahead per reader.
 *
 * Owns the groups that were decoded before anybody asked. Called by the readers of one parquet() source in
 * one thread. Groups are handed out in order to whoever asks, also in other threads, so which one comes next
 * here is a guess: as many further as there are readers, and after a wrong guess as far as the last step was.
 *
 * Invariants
 *   PG-1  At most as many groups are kept ahead as there are readers here, however many splits there are.
 *   PG-2  A group decoded ahead is given to one reader and then forgotten here.
 *   PG-3  When a group is asked for that was not guessed, those guessed before it are forgotten: they went to
 *         another thread and would keep the place of a better guess.
 */
import { all, start, wait, type Done, type Io, type Outcome } from '../base/io.ts'
import type { FileHandle, Storage, Timers } from '../base/ports.ts'
import { E109_INPUT_DAMAGED, type FileIdentity } from './errors.ts'
import { openInput } from './inputs.ts'
import { ParquetDecoder } from './parquet-decoder.ts'
import type { ByteRange, Column, FileDescription, LoadedRange } from './parquet-protocol.ts'

const FOOTER_GUESS_BYTES = 64 * 1024
/** Ranges nearer to each other than this are read as one. */
const GAP_BYTES = 64 * 1024
/** Footers are kept for as many files. */
const FOOTERS = 16

export interface GroupRequest extends FileIdentity {
  readonly path: string
  readonly group: number
  /** Number of row groups of the file. */
  readonly groups: number
  /** Readers of the job among whom the groups are dealt out. A guess: after a restore there may be others. */
  readonly readers: number
  readonly columns: readonly string[]
}

interface Ahead {
  readonly path: string
  readonly group: number
  outcome: Outcome<readonly Column[]> | undefined
  taker: Done<readonly Column[]> | undefined
}

/** The end of a file, and what it says. */
export interface Footer extends FileIdentity {
  readonly footer: Uint8Array
  readonly description: FileDescription
}

export class ParquetGroups {
  readonly decoder = new ParquetDecoder()
  readonly #ahead = new Map<string, Ahead>()
  /** Groups that were asked for: they are not decoded ahead. */
  readonly #asked = new Set<string>()
  readonly #footers = new Map<string, Footer>()
  #last: { readonly path: string; readonly group: number } | undefined
  /** From one group to the next that is read here; undefined while nothing contradicts `readers`. */
  #step: number | undefined

  release(timers: Timers): void {
    this.decoder.release(timers, () => this.#ahead.clear())
  }

  /** `file` is open and has this identity: its footer need not be read twice. */
  *describe(storage: Storage, file: FileHandle, { sizeBytes, crc32 }: FileIdentity): Io<Footer> {
    const known = this.#footers.get(file.path)
    if (known !== undefined && known.sizeBytes === sizeBytes && known.crc32 === crc32) return known
    const footer = yield* readFooter(storage, file, sizeBytes)
    const description = yield* this.decoder.describe(file.path, footer, sizeBytes)
    const found = { sizeBytes, crc32, footer, description }
    this.#footers.set(file.path, found)
    for (const oldest of this.#footers.keys()) {
      if (this.#footers.size <= FOOTERS) break
      this.#footers.delete(oldest)
    }
    return found
  }

  /** The columns of a group, in the order of `request.columns`. */
  *load(storage: Storage, request: GroupRequest): Io<readonly Column[]> {
    const key = keyOf(request, request.group)
    this.#asked.add(key)
    const guessed = this.#ahead.get(key)
    if (guessed === undefined) this.#forgetWrongGuesses(request)
    this.#last = request
    const ahead = guessed ?? this.#begin(storage, request)
    this.#ahead.delete(key)
    this.#beginNext(storage, request)
    if (ahead.outcome === undefined) {
      return yield* wait<readonly Column[]>((done) => {
        ahead.taker = done
      })
    }
    if (!ahead.outcome.ok) throw ahead.outcome.error
    return ahead.outcome.value
  }

  #begin(storage: Storage, request: GroupRequest): Ahead {
    const ahead: Ahead = { path: request.path, group: request.group, outcome: undefined, taker: undefined }
    start(this.#decode(storage, request), (outcome) => {
      ahead.outcome = outcome
      ahead.taker?.(outcome)
    })
    return ahead
  }

  #forgetWrongGuesses(request: GroupRequest): void {
    for (const [key, { path, group }] of this.#ahead) {
      if (path === request.path && group > request.group) continue
      this.#ahead.delete(key)
      if (this.#last?.path === request.path) this.#step = Math.max(1, request.group - this.#last.group)
    }
  }

  #beginNext(storage: Storage, request: GroupRequest): void {
    if (this.#ahead.size >= this.decoder.users) return
    const step = this.#step ?? request.readers
    for (let group = request.group + step; group < request.groups; group += step) {
      const key = keyOf(request, group)
      if (this.#asked.has(key) || this.#ahead.has(key)) continue
      this.#ahead.set(key, this.#begin(storage, { ...request, group }))
      return
    }
  }

  *#decode(storage: Storage, request: GroupRequest): Io<readonly Column[]> {
    const { path, sizeBytes, group, columns } = request
    const file = yield* openInput(storage, path, request)
    try {
      const { footer, description } = yield* this.describe(storage, file, request)
      const wanted = (description.groups[group]?.ranges ?? []).filter(({ column }) => columns.includes(column))
      const ranges = yield* all(joined(wanted).map((range) => readRange(storage, file, range)))
      return yield* this.decoder.decode(path, footer, sizeBytes, group, columns, ranges)
    } finally {
      yield* storage.close(file)
    }
  }
}

const keyOf = (request: GroupRequest, group: number): string => `${request.path}#${group}`

function joined(ranges: readonly ByteRange[]): { start: number; end: number }[] {
  const out: { start: number; end: number }[] = []
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = out.at(-1)
    if (last !== undefined && start - last.end <= GAP_BYTES) last.end = Math.max(last.end, end)
    else out.push({ start, end })
  }
  return out
}

function* readRange(
  storage: Storage, file: FileHandle, { start: from, end }: { start: number; end: number },
): Io<LoadedRange> {
  const bytes = yield* storage.read(file, from, end - from)
  // Its memory moves to the decoding thread, so it must not be part of something larger.
  return { start: from, bytes: bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice() }
}

/** The end of the file with the whole metadata in it. */
function* readFooter(storage: Storage, file: FileHandle, sizeBytes: number): Io<Uint8Array> {
  const guess = Math.min(sizeBytes, FOOTER_GUESS_BYTES)
  const tail = yield* storage.read(file, sizeBytes - guess, guess)
  const magic = new TextDecoder('latin1').decode(tail.subarray(-4))
  if (tail.length < 12 || magic !== 'PAR1') {
    const reason = magic === 'PARE' ? 'it is encrypted' : 'it does not end as a Parquet file does'
    throw E109_INPUT_DAMAGED({ file: file.path, reason }, { place: { file: file.path } })
  }
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(tail.length - 8, true) + 8
  if (length > sizeBytes) {
    const reason = `its metadata would be ${length} bytes long, more than the file`
    throw E109_INPUT_DAMAGED({ file: file.path, reason }, { place: { file: file.path } })
  }
  // No more than the metadata, since it goes to the thread with every row group.
  return length <= tail.length ? tail.slice(tail.length - length) : yield* storage.read(file, sizeBytes - length, length)
}
