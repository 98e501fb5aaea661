/**
 * The decoding thread as seen from the thread that reads.
 *
 * Owns the worker: started at the first request, ended a while after the last reader has gone. One
 * decoder belongs to one parquet() source. It never keeps the process alive on its own: the worker is
 * referenced only while an answer is awaited.
 *
 * Invariants
 *   PD-1  Every request is answered exactly once, with E112 if the thread ends before.
 */
import type { Worker } from 'node:worker_threads'
import { describeThrown } from '../base/errors.ts'
import { wait, type Done, type Io } from '../base/io.ts'
import type { Timers } from '../base/ports.ts'
import { E109_INPUT_DAMAGED, E112_DECODER_DIED } from './errors.ts'
import type { Column, DecodeReply, DecodeRequest, FileDescription, LoadedRange } from './parquet-protocol.ts'
import { startThread } from './start-thread.ts'

const LINGER_MS = 1000

interface Pending {
  readonly file: string
  readonly done: Done<DecodeReply>
}

export class ParquetDecoder {
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #nextId = 1
  #users = 0

  get users(): number {
    return this.#users
  }

  /** Starts the thread, so that it is ready when the first footer has been read. */
  warm(): void {
    if (this.#worker !== undefined) return
    this.#worker = this.#start()
    this.#worker.unref()
  }

  acquire(): void {
    this.#users += 1
  }

  /** The next split is usually opened at once, so the thread is kept for a moment. */
  release(timers: Timers, whenIdle: () => void): void {
    this.#users -= 1
    if (this.#users > 0) return
    timers.after(LINGER_MS, () => {
      if (this.#users > 0 || this.#pending.size > 0) return
      whenIdle()
      const worker = this.#worker
      this.#worker = undefined
      void worker?.terminate()
    })
  }

  *describe(file: string, footer: Uint8Array, sizeBytes: number): Io<FileDescription> {
    const reply = yield* this.#ask(file, (id) => ({ id, kind: 'describe', footer, sizeBytes }), [])
    if (reply.kind === 'described') return reply.file
    throw failed(file, reply)
  }

  *decode(
    file: string, footer: Uint8Array, sizeBytes: number, group: number, columns: readonly string[],
    ranges: readonly LoadedRange[],
  ): Io<readonly Column[]> {
    const reply = yield* this.#ask(
      file, (id) => ({ id, kind: 'decode', footer, sizeBytes, group, columns, ranges }), ranges.map(bufferOf))
    if (reply.kind === 'decoded') return reply.columns
    throw failed(file, reply)
  }

  #ask(file: string, make: (id: number) => DecodeRequest, transfer: readonly ArrayBuffer[]): Io<DecodeReply> {
    return wait<DecodeReply>((done) => {
      const id = this.#nextId++
      this.#pending.set(id, { file, done })
      this.#worker ??= this.#start()
      this.#worker.ref()
      this.#worker.postMessage(make(id), [...new Set(transfer)])
    })
  }

  #start(): Worker {
    const worker = startThread(import.meta.url, 'parquet-worker')
    worker.on('message', (reply: DecodeReply) => {
      const pending = this.#pending.get(reply.id)
      this.#pending.delete(reply.id)
      if (this.#pending.size === 0) worker.unref()
      pending?.done({ ok: true, value: reply })
    })
    const died = (reason: string): void => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      const waiting = [...this.#pending.values()]
      this.#pending.clear()
      for (const { file, done } of waiting) done({ ok: false, error: E112_DECODER_DIED({ file, reason }) })
    }
    worker.on('error', (error) => died(describeThrown(error)))
    worker.on('exit', (code) => died(`it exited with code ${code}`))
    return worker
  }
}

function failed(file: string, reply: DecodeReply): Error {
  const reason = reply.kind === 'failed' ? reply.reason : `unexpected answer ${reply.kind}`
  return E109_INPUT_DAMAGED({ file, reason }, { place: { file } })
}

/** The buffer behind a range, which is the range's own. */
const bufferOf = ({ bytes }: LoadedRange): ArrayBuffer => bytes.buffer as ArrayBuffer
