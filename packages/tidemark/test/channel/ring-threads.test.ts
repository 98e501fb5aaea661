import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RingReceiver, ringMemory } from '../../src/channel/ring.ts'
import { checksumOf, type Numbered } from './numbered.ts'
import type { CodecFindings, PeerInit, Sent } from './ring-peer.ts'

const DEADLINE_MS = 60_000
let directory = ''
let peer = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-ring-'))
  peer = join(directory, 'peer.mjs')
  const bundle = await rolldown({ input: join(import.meta.dirname, 'ring-peer.ts'), platform: 'node' })
  await bundle.write({ file: peer, format: 'esm' })
  await bundle.close()
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('RM-1, RG-1: two threads move 200,000 records through a small ring, in order and unharmed', async () => {
  // A small ring, whose counters wrap on the way: fragments, waiting and both kinds of wrapping.
  const memory = ringMemory(32_768)
  const words = new Int32Array(memory)
  words[0] = 2 ** 31 - 65_536
  words[32] = 2 ** 31 - 65_536
  const records = 200_000
  const init: PeerInit = { memory, records }
  const worker = new Worker(peer, { workerData: init })
  const failure = new Promise<never>((_, reject) => { worker.once('error', reject) })
  const sent = new Promise<Sent>((resolve) => { worker.once('message', resolve) })
  try {
    const receiver = new RingReceiver({ memory, sender: 'peer[0]', freed: () => {} })
    let checksum = 0
    let batches = 0
    let next = 0
    const deadline = Date.now() + DEADLINE_MS
    for (let open = true; open;) {
      while (receiver.ready) {
        const item = receiver.pull()
        if (item?.kind === 'data') {
          batches += 1
          for (const [i, record] of (item.values as Numbered[]).entries()) {
            const at = item.timestamps[i]
            if (record.n !== next || at !== next) expect([record.n, at]).toEqual([next, next])
            next += 1
            checksum = checksumOf(checksum, record)
          }
        } else if (item?.kind === 'watermark') {
          expect(item.watermark).toBe(next)
        } else {
          expect(item).toEqual({ kind: 'end-of-partition' })
          open = false
        }
      }
      expect(Date.now()).toBeLessThan(deadline)
      await Promise.race([failure, new Promise((resolve) => { setImmediate(resolve) })])
    }
    const { waits, ...rest } = await Promise.race([failure, sent])
    expect({ batches, checksum }).toEqual(rest)
    expect(next).toBe(records)
    expect(waits).toBeGreaterThan(0)
  } finally {
    await worker.terminate()
  }
}, DEADLINE_MS)

function codecUnder(...flags: string[]): CodecFindings {
  return JSON.parse(execFileSync(process.execPath, [...flags, peer], { encoding: 'utf8' })) as CodecFindings
}

test('SH-2: where code generation is disallowed, batches cross by closures, found without being told', () => {
  const findings = codecUnder('--disallow-code-generation-from-strings')
  expect(findings).toMatchObject({ generates: false, equal: true })
})

test('TV-2: a string that is kept does not hold on to its batch', () => {
  const { generates, equal, keptBytes } = codecUnder('--expose-gc')
  expect([generates, equal]).toEqual([true, true])
  // Holding the texts of their columns would take 200 x 20,000 bytes; holding 512 characters each, 0.1 MB.
  expect(keptBytes).toBeLessThan(1_500_000)
})
