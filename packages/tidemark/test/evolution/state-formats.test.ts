/** Checkpoints of every format version that was ever written, restored with today's code. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import * as tidemark from '../../src/index.ts'
import { operatorsIn, withCheckpoints } from '../../src/checkpoint/inspection/open.ts'
import { partsOf } from '../../src/checkpoint/inspection/operator-parts.ts'
import { readSegment } from '../../src/checkpoint/read.ts'
import { start, type Io } from '../../src/base/io.ts'
import { nodeStorage } from '../../src/host/node-storage.ts'
import { decodeSegment, SEGMENT_FORMAT } from '../../src/state/snapshot-format.ts'
import { COUNT, formatsJob, recordOf } from '../fixtures/state-formats/job.mjs'

const FIXTURES = fileURLToPath(new URL('../fixtures/state-formats/', import.meta.url))
const names = readdirSync(FIXTURES).filter((name) => name.startsWith('format-'))

test('there is a fixture of every segment format up to the present one', () => {
  expect(names.toSorted()).toEqual(Array.from({ length: SEGMENT_FORMAT }, (_, i) => `format-${i + 1}`))
})

const run = <T>(io: Io<T>): Promise<T> =>
  new Promise((resolve, reject) => start(io, (outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error as Error))))

interface Segments { readonly formats: ReadonlySet<number>; readonly longest: number; readonly patched: ReadonlySet<string> }

/** Formats of its segments, the longest chain of them, and kinds of the states that changed in part. */
function* segmentsOf(directory: string): Io<Segments> {
  return yield* withCheckpoints(nodeStorage(), [{ directory, ref: 'latest' }], function* (opened): Io<Segments> {
    const { storage, manifest } = opened as NonNullable<typeof opened>
    const formats = new Set<number>()
    let longest = 0
    const patched = new Set<string>()
    for (const { segments } of operatorsIn(manifest).flatMap((operator) => partsOf(manifest, operator))) {
      longest = Math.max(longest, segments.length)
      for (const segment of segments) {
        const { format, snapshot } = decodeSegment(yield* readSegment(storage, directory, manifest.checkpoint, segment))
        formats.add(format)
        for (const { kind, groups } of snapshot.keyed) if (groups.some((group) => group.patched !== undefined)) patched.add(kind)
      }
    }
    return { formats, longest, patched }
  })
}

const all = Array.from({ length: COUNT }, (_, n) => recordOf(n))
const keys = [...new Set(all.map(({ key }) => key))]

/** What the timer at the end says of a key that has seen all records. */
function end(key: number): Record<string, unknown> {
  const seen = all.filter((record) => record.key === key).map(({ n }) => n)
  const n = seen.at(-1) as number
  const tens = new Map<number, number>()
  for (const one of seen) tens.set(one % 10, one)
  return {
    key, end: true, last: { n, text: `№ ${n}`, date: new Date(n), big: BigInt(n) }, all: seen.filter((one) => one % 50 === 0),
    tens: [...tens], largest: n, total: seen.reduce((a, b) => a + b, 0), seen: seen.length,
  }
}

const windowOf = (key: number, start: number): { n: number; total: number } => {
  const within = all.filter((record) => record.key === key && Math.floor(record.at / 5_000) * 5_000 === start)
  return { n: within.length, total: within.reduce((sum, { n }) => sum + n, 0) }
}

test.each(names)('%s is what it says, and the job goes on from it to exact totals at another parallelism', async (name) => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-formats-'))
  try {
    cpSync(join(FIXTURES, name), directory, { recursive: true })
    const { formats, longest, patched } = await run(segmentsOf(directory))
    expect([...formats]).toEqual([Number(name.split('-')[1])])
    // From format 2 on there are increments.
    if (!formats.has(1)) expect(longest).toBeGreaterThan(2)
    // From format 3 on what changed in a map or a list.
    expect([...patched].toSorted()).toEqual(formats.has(1) || formats.has(2) ? [] : ['list', 'map'])
    // A graph is built more than once, with three sinks each time.
    const made: ReturnType<typeof tidemark.collect<unknown>>[] = []
    const collect = (): ReturnType<typeof tidemark.collect<unknown>> => {
      const sink = tidemark.collect<unknown>()
      made.push(sink)
      return sink
    }
    const job = formatsJob({ ...tidemark, collect }, { rate: 1_000_000 })
    let restored: number | undefined
    const handle = tidemark.startJob(job, {
      stateDirectory: directory, parallelism: 3,
      onEvent: (event) => {
        if (event.kind === 'started') restored = event.restoredFrom?.checkpoint
      },
    })
    expect(await handle.done).toMatchObject({ kind: 'finished' })
    expect(restored).toBeGreaterThan(1)
    const [shapes, counts, windows] = [0, 1, 2].map((i) =>
      made.filter((_, at) => at % 3 === i).flatMap((sink) => sink.committed as Record<string, unknown>[]))
    const ends = (shapes ?? []).filter((row) => row['end'] === true)
    expect(ends.toSorted((a, b) => Number(a['key']) - Number(b['key']))).toEqual(keys.map(end))
    const last = new Map((counts ?? []).map(({ key, value }) => [key, value]))
    expect([...last].every(([key, value]) => value === all.filter((record) => record.key === key).length)).toBe(true)
    expect(last.size).toBe(3)
    expect(windows?.length).toBeGreaterThan(3)
    for (const { key, start: from, n, total } of windows ?? []) {
      expect({ n, total }).toEqual(windowOf(Number(key), (from as Date).getTime()))
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})
