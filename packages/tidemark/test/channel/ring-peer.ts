/**
 * What runs outside the test's own thread: bundled and started by ring-threads.test.ts.
 *
 * As a worker thread: sends records through a ring and posts their checksum. As a process: exercises the codec
 * under the flags that it was started with and prints what it found.
 */
import { isDeepStrictEqual } from 'node:util'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { BatchDecoder, BatchEncoder } from '../../src/channel/batch-codec.ts'
import type { DataBatch } from '../../src/channel/items.ts'
import { RingSender } from '../../src/channel/ring.ts'
import { Scratch } from '../../src/channel/scratch.ts'
import { GENERATES } from '../../src/channel/shape-codec.ts'
import { checksumOf, numbered, type Numbered } from './numbered.ts'

export interface PeerInit {
  readonly memory: SharedArrayBuffer
  readonly records: number
}

export interface Sent {
  readonly batches: number
  readonly checksum: number
  /** How often something waited outside the ring. */
  readonly waits: number
}

async function send({ memory, records }: PeerInit): Promise<Sent> {
  const sender = new RingSender({ memory, sender: 'peer[0]', published: () => {} })
  let checksum = 0
  let batches = 0
  let waits = 0
  for (let n = 0; n < records; batches += 1) {
    const values: Numbered[] = []
    const timestamps: number[] = []
    for (const end = Math.min(records, n + 1 + ((batches * 337) % 1000)); n < end; n++) {
      const record = numbered(n)
      values.push(record)
      timestamps.push(n)
      checksum = checksumOf(checksum, record)
    }
    sender.push({ kind: 'data', values, timestamps })
    if (batches % 5 === 0) sender.push({ kind: 'watermark', watermark: n })
    if (sender.pending) waits += 1
    while (sender.full) {
      sender.drain()
      await new Promise((resolve) => { setImmediate(resolve) })
    }
  }
  sender.push({ kind: 'end-of-partition' })
  while (!sender.drain()) await new Promise((resolve) => { setImmediate(resolve) })
  return { batches, checksum, waits }
}

export interface CodecFindings {
  readonly generates: boolean
  readonly equal: boolean
  /** Growth of the heap by 200 strings of 20 characters, each from a batch whose ids alone are 20,000. */
  readonly keptBytes: number
}

function exerciseCodec(): CodecFindings {
  const encoder = new BatchEncoder()
  const decoder = new BatchDecoder()
  const scratch = new Scratch()
  const cross = (batch: DataBatch): DataBatch => {
    encoder.encode(batch, 0)
    scratch.reserve(encoder.length, 0)
    scratch.bytes.set(encoder.bytes.subarray(0, encoder.length))
    return decoder.decode(scratch, encoder.length)
  }
  const original = (salt: number): DataBatch => {
    const values = Array.from({ length: 1000 }, (_, i) => ({
      id: `${salt}`.padStart(10, '0') + `${i}`.padStart(10, '0'),
      body: 'b'.repeat(80), n: i, at: new Date(i), none: i % 2 === 0 ? null : 1,
    }))
    return { kind: 'data', values, timestamps: values.map((_, i) => i) }
  }
  const equal = isDeepStrictEqual(cross(original(1)), original(1))
  const collect = (): number => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  const before = collect()
  const kept: string[] = []
  for (let salt = 0; salt < 200; salt++) kept.push((cross(original(salt)).values[500] as { id: string }).id)
  const keptBytes = collect() - before
  return { generates: GENERATES, equal: equal && new Set(kept).size === 200, keptBytes }
}

if (isMainThread) process.stdout.write(JSON.stringify(exerciseCodec()))
else void send(workerData as PeerInit).then((sent) => parentPort?.postMessage(sent))
