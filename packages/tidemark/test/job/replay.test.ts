/** The bounded reading of a replay, over made-up sources. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { start } from '../../src/base/io.ts'
import { collection } from '../../src/connector/collection.ts'
import type { AnySource, ReaderContext, Split, SplitReader } from '../../src/graph/source.ts'
import { notesOn } from '../../src/job/replay/clock-notes.ts'
import { buildGraph, collect, job, state } from '../../src/index.ts'
import { BoundedSource } from '../../src/job/replay/bounded-source.ts'
import { mutedSink, replayGraph } from '../../src/job/replay/replay-graph.ts'
import { boundsBetween, samePosition, type SourceCut } from '../../src/job/replay/source-cut.ts'

/** Whatever a reader of these sources is given is not used. */
const CONTEXT = {} as ReaderContext

const SPLITS = 6
const LENGTH = 20
const ids = Array.from({ length: SPLITS }, (_, i) => `items-${i}`)
const items = Array.from({ length: SPLITS * LENGTH }, (_, i) => i)

/** How far each split had come: undefined is not begun. In order of discovery. */
type Progress = readonly (number | undefined)[]

/** Positions are numbers of items, as `collection` has them. */
function cutOf(progress: Progress, discovered: number): SourceCut {
  const active = new Map<string, unknown>()
  const pending = new Set<string>()
  progress.slice(0, discovered).forEach((read, i) => {
    if (read === undefined) pending.add(ids[i] as string)
    else if (read < LENGTH) active.set(ids[i] as string, i * LENGTH + read)
  })
  const records = progress.reduce<number>((sum, read) => sum + (read ?? 0), 0)
  return { active, pending, discovered, complete: discovered === SPLITS, records, finished: 0, parallelism: 1 }
}

const read = fc.option(fc.integer({ min: 0, max: LENGTH }), { nil: undefined })
/** Two cuts of which the second is not behind the first. */
const cuts = fc.tuple(fc.array(read, { minLength: SPLITS, maxLength: SPLITS }), fc.array(read, { minLength: SPLITS, maxLength: SPLITS }), fc.nat(SPLITS), fc.nat(SPLITS))
  .map(([a, b, x, y]) => {
    const [first, second] = x < y ? [x, y] : [y, x]
    const from = a.map((done, i) => (i < first ? done : undefined))
    const to = b.map((done, i) => {
      const before = from[i]
      if (i >= second) return undefined
      return before === undefined ? done : Math.max(before, done ?? 0)
    })
    return { from, to, first, second }
  })

/** Reads all splits in turn, as a source operator does; gives what each gave, and what was left open. */
function readAll(source: AnySource, from: Progress, first: number, batches: () => number): Map<string, number[]> {
  const readers = new Map<string, SplitReader<number>>()
  const found: Split[] = []
  start(source.discover({ storage: {} as never, parallelism: 1, state: undefined }), (outcome) => {
    if (outcome.ok) found.push(...outcome.value.splits)
    else throw outcome.error
  })
  const all = [...ids.slice(0, first), ...found.map(({ id }) => id)]
  all.forEach((id) => {
    const i = ids.indexOf(id)
    const done = from[i]
    if (done === LENGTH) return
    const split = { id, start: i * LENGTH, end: (i + 1) * LENGTH }
    readers.set(id, source.openSplit(split, done === undefined ? undefined : i * LENGTH + done, CONTEXT))
  })
  const given = new Map<string, number[]>()
  for (const [id, reader] of readers) {
    const records: number[] = []
    given.set(id, records)
    for (let batch = reader.poll(batches()); typeof batch === 'object'; batch = reader.poll(batches())) records.push(...batch.records)
  }
  return given
}

/** Discovers what the cut does not know yet. */
function source(first: number): AnySource {
  const whole = collection(items, { splits: SPLITS })
  return {
    ...whole,
    *discover(context) {
      const { splits } = yield* whole.discover(context)
      return { splits: splits.slice(first), state: undefined, complete: true }
    },
  }
}

describe('the source of a replay', () => {
  test('gives exactly the records between two cuts, for every batch size, and says once that it is there', () => {
    fc.assert(fc.property(cuts, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), ({ from, to, first, second }, sizes) => {
      let settled = 0
      const bounds = boundsBetween(cutOf(from, first), cutOf(to, second))
      const bounded = new BoundedSource('numbers', source(first), bounds, () => (settled += 1))
      const nothing = bounded.settled
      let turn = 0
      const given = readAll(bounded.spec, from, first, () => sizes[turn++ % sizes.length] as number)
      to.slice(0, second).forEach((until, i) => {
        const wanted = items.slice(i * LENGTH + (from[i] ?? 0), i * LENGTH + (until ?? 0))
        expect(given.get(ids[i] as string) ?? []).toEqual(wanted)
      })
      expect(bounded.settled).toBe(true)
      expect(settled).toBe(nothing ? 0 : 1)
      expect(bounded.records).toBe(bounds.records)
    }), { numRuns: 300 })
  })

  const onePart = (wanted: number, reader: Partial<SplitReader<number>>): BoundedSource => {
    let at = 0
    const spec: AnySource = {
      ...collection([0]),
      openSplit: () => ({
        poll: () => ({ records: [at++, at++], malformed: [], place: String }), position: () => at, close() {}, ...reader,
      }),
    }
    const cut = { pending: new Set<string>(), discovered: 1, complete: true, finished: 0, parallelism: 1 }
    const from: SourceCut = { ...cut, active: new Map([['part', 0]]), records: 0 }
    const to: SourceCut = { ...cut, active: new Map([['part', wanted]]), records: wanted }
    return new BoundedSource('numbers', spec, boundsBetween(from, to), () => {})
  }

  test('refuses a reader that gets past its bound, and one that ends before it', () => {
    const past = onePart(3, {}).spec.openSplit({ id: 'part' }, 0, CONTEXT)
    expect(() => past.poll(10)).toThrow(expect.objectContaining({ code: 'E174' }))
    const short = onePart(3, { poll: () => 'end' }).spec.openSplit({ id: 'part' }, 0, CONTEXT)
    expect(() => short.poll(10)).toThrow(expect.objectContaining({ code: 'E175' }))
  })

  test('refuses an input in which fewer splits are found than there were', () => {
    const cut = cutOf(items.slice(0, SPLITS).map(() => undefined), 0)
    const bounds = boundsBetween(cut, { ...cut, discovered: SPLITS })
    const gone = new BoundedSource('numbers', source(1), bounds, () => {})
    let error: unknown
    start(gone.spec.discover({ storage: {} as never, parallelism: 1, state: undefined }), (outcome) => {
      error = outcome.ok ? undefined : outcome.error
    })
    expect(error).toMatchObject({ code: 'E175' })
  })

  test('ends at its bound without an end, and at its end with one', () => {
    const bounded = onePart(2, {}).spec.openSplit({ id: 'part' }, 0, CONTEXT)
    expect(bounded.poll(1)).toMatchObject({ records: [0, 1] })
    expect([bounded.poll(1), bounded.poll(1)]).toEqual(['pending', 'pending'])
  })
})

test('positions are equal where their plain data is', () => {
  expect(samePosition({ offset: 7n, at: [1] }, { offset: 7n, at: [1] })).toBe(true)
  expect(samePosition({ offset: 7n }, { offset: 7 })).toBe(false)
  expect(samePosition(undefined, null)).toBe(false)
  expect(samePosition(3, 3)).toBe(true)
})

describe('the graph of a replay', () => {
  const loud = (): never => {
    throw new Error('the sink of the job was used')
  }
  const sink = {
    kind: 'loud', resource: 'out', commit: 'transactional', createWriter: loud, createCommitter: loud,
  } as const

  test('writes, commits and cleans up nothing, and is the same sink by name', () => {
    const muted = mutedSink(sink)
    expect(muted).toMatchObject({ kind: 'loud', resource: 'out', commit: 'transactional' })
    const writer = muted.createWriter({} as never)
    writer.write({}, 0)
    const committer = muted.createCommitter({} as never)
    for (const io of [writer.prepareCommit(1 as never), committer.commit([1]), committer.removeAbandoned([])]) {
      start<unknown>(io, (outcome) => expect(outcome).toMatchObject({ ok: true }))
    }
  })

  test('takes no checkpoint before its last, no restart, and watches each keyed input beside its operator', () => {
    const none = { named: true, was: [] }
    const graph = replayGraph({
      job: 'j', guarantee: 'exactly-once', maxParallelism: 128,
      checkpoint: { everyMs: 1, timeoutMs: 1, minPauseMs: 0, retain: 3, tolerableFailures: 2, unalignedAfterMs: 0 },
      restart: { kind: 'fixed-delay', delayMs: 1, attempts: 9 },
      operators: [
        { ...none, index: 0, name: 'm', inputs: [], parallelism: 1, spec: { kind: 'map', fn: (x: unknown) => x } },
        {
          ...none, index: 1, name: 'sums', spec: { kind: 'process', keyOf: String, state: {}, sides: [], onRecord: () => {} },
          inputs: [{ from: 0, output: 'main', ship: { kind: 'hash', keyOf: (x: { k: string }) => x.k } }],
        },
      ],
    }, [], { key: 'a', entering: (entering) => seen.push(entering) })
    const seen: unknown[] = []
    expect(graph.restart).toEqual({ kind: 'none' })
    expect(graph.checkpoint.everyMs).toBeGreaterThan(24 * 3_600_000)
    expect(graph.checkpoint.unalignedAfterMs).toBeUndefined()
    const watcher = graph.operators[2]
    expect(watcher).toMatchObject({ index: 2, parallelism: 1, inputs: [{ from: 0, ship: { kind: 'forward' } }] })
    if (watcher?.spec.kind !== 'sink') throw new Error('a watcher is a sink')
    const writer = watcher.spec.sink.createWriter({} as never)
    for (const record of [{ k: 'a' }, { k: 'b' }, undefined]) writer.write(record, 5)
    expect(seen).toEqual([{ operator: 'sums', record: { k: 'a' }, timestamp: 5 }])
  })
})

test('a TTL by event time forgets by the records: a replay names only those by the clock', () => {
  const noted = (ttl: '1h' | { readonly after: '1h'; readonly time: 'event' | 'processing' }): number => notesOn(buildGraph(job('visits', (j) => {
    const visits = j.from('visits', collection([{ who: 'ann' }])).keyBy(({ who }) => who)
    const counted = visits.process('count', { state: { n: state.value<number>({ ttl }) } }, { * onRecord() { yield 1 } })
    counted.keyBy(() => 'all').join('both', visits, { ttl }, () => 1).to('out', collect())
  })).graph, 1).length
  expect([noted('1h'), noted({ after: '1h', time: 'processing' }), noted({ after: '1h', time: 'event' })]).toEqual([2, 2, 0])
})
