/**
 * What a simulated job does with its records, and the same again as a plain loop.
 *
 * Each branch is a small pipeline of the public API that ends in a files sink, next to `expect`, which
 * computes its output lines from all records at once. The two share no code: that is the oracle.
 *
 *   BR-1  The lines of a branch do not depend on the order in which records of different splits come.
 */
import { count, max, sum } from '../../api/aggregates.ts'
import { state } from '../../api/state.ts'
import type { Stream } from '../../api/streams.ts'
import { sliding, tumbling } from '../../api/windows.ts'
import type { Prng } from '../../base/prng.ts'
import { files } from '../../connector/file-sink.ts'
import type { Key } from '../../graph/key.ts'
import type { Row } from './inputs.ts'

type Rows = Stream<Row, 'exactly-once'>

export interface Branch {
  /** Plain data: printed with a failing seed. */
  readonly plan: Readonly<Record<string, unknown>>
  readonly directories: readonly string[]
  build(rows: Rows): void
  expect(rows: readonly Row[]): readonly unknown[]
  /** Its keyed state after `rows`, against a fold over them: what is wrong, if anything. */
  checkState?(rows: readonly Row[], state: (operator: string, name: string) => ReadonlyMap<Key, unknown>): string | undefined
}

type Draw = (random: Prng, name: string) => Branch

const KINDS: readonly Draw[] = [
  tumblingBranch, slidingBranch, processBranch, rollingBranch, cascadeBranch, flatBranch,
]

export function drawBranches(random: Prng, howMany: number): Branch[] {
  return Array.from({ length: howMany }, (_, i) => random.pick(KINDS)(random, `b${i}`))
}

const floor = (at: number, size: number, offset: number): number => Math.floor((at - offset) / size) * size + offset

/** Compares numbers per key with how many of `keys` are that key. */
function checkCounts(what: string, keys: readonly number[], state: ReadonlyMap<Key, unknown>): string | undefined {
  const counts = new Map<Key, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  for (const key of new Set([...counts.keys(), ...state.keys()])) {
    if (counts.get(key) === state.get(key)) continue
    return `${what} of key ${key} is ${String(state.get(key))}, ${counts.get(key) ?? 0} records were read`
  }
  return undefined
}

type Entry = readonly [key: number, start: number, value: number]
interface Total { n: number; sum: number; max: number }

/** Totals per key and window start; the only way the oracle groups anything. */
function totals(entries: readonly Entry[]): [key: number, start: number, total: Total][] {
  const groups = new Map<string, [number, number, Total]>()
  for (const [key, start, value] of entries) {
    const id = `${key}@${start}`
    const found = groups.get(id)
    if (found === undefined) {
      groups.set(id, [key, start, { n: 1, sum: value, max: value }])
      continue
    }
    found[2].n += 1
    found[2].sum += value
    found[2].max = Math.max(found[2].max, value)
  }
  return [...groups.values()]
}

function tumblingBranch(random: Prng, name: string): Branch {
  const size = random.pick([50, 300, 1000])
  const offset = random.pick([0, 0, 17])
  const lateness = random.pick([0, 0, 500])
  const path = `/out/${name}`
  const late = `/late/${name}`
  return {
    plan: { kind: 'tumbling', size, offset, lateness },
    directories: [path, late],
    build(rows) {
      const windowed = rows.keyBy((row) => row.key)
        .window(`${name}-window`, tumbling(size, { offset }), { lateness })
        .aggregate({ n: count(), sum: sum((row) => row.value, { integers: true }), max: max((row) => row.value) })
      windowed.map((row) => ({
        b: name, key: row.key, start: row.start.getTime(), n: row.n, sum: row.sum, max: row.max,
      })).to(`${name}-out`, files({ path }))
      windowed.late.to(`${name}-late`, files({ path: late }))
    },
    expect: (rows) => totals(rows.map((row) => [row.key, floor(row.at, size, offset), row.value]))
      .map(([key, start, { n, sum: total, max: most }]) => ({ b: name, key, start, n, sum: total, max: most })),
  }
}

function slidingBranch(random: Prng, name: string): Branch {
  const slide = random.pick([100, 400])
  const size = slide * (2 + random.below(3)) + random.pick([0, 0, 30])
  const path = `/out/${name}`
  return {
    plan: { kind: 'sliding', size, slide },
    directories: [path],
    build(rows) {
      rows.keyBy((row) => `k${row.key}`)
        .window(`${name}-window`, sliding(size, { every: slide }))
        .aggregate({ n: count(), sum: sum((row) => row.value, { integers: true }) })
        .map((row) => ({ b: name, key: row.key, start: row.start.getTime(), n: row.n, sum: row.sum }))
        .to(`${name}-out`, files({ path }))
    },
    expect(rows) {
      const entries: [number, number, number][] = []
      for (const row of rows) {
        for (let start = floor(row.at, slide, 0); start + size > row.at; start -= slide) {
          entries.push([row.key, start, row.value])
        }
      }
      return totals(entries)
        .map(([key, start, { n, sum: total }]) => ({ b: name, key: `k${key}`, start, n, sum: total }))
    },
  }
}

/** Buckets in map state, told by an event-time timer; a running number in value state. */
function processBranch(random: Prng, name: string): Branch {
  const size = random.pick([80, 500])
  const shift = random.pick([-1, 0])
  const path = `/out/${name}`
  return {
    plan: { kind: 'process', size, shift },
    directories: [path],
    checkState: (rows, state) =>
      checkCounts(`${name} seen`, rows.map(({ key }) => key), state(`${name}-process`, 'seen')),
    build(rows) {
      const options = { state: { buckets: state.map<number, number[]>(), seen: state.value<number>() } }
      rows.keyBy((row) => row.key)
        .process<object, typeof options.state>(`${name}-process`, options, {
          *onRecord(row, { state: { buckets, seen }, timer }) {
            const start = Math.floor(row.at / size) * size
            buckets.set(start, [...(buckets.get(start) ?? []), row.id])
            timer.at(start + size + shift)
            yield { b: name, key: row.key, nth: seen.update((n) => (n ?? 0) + 1) }
          },
          *onTimer(time, { key, state: { buckets } }) {
            const start = time.getTime() - size - shift
            const ids = buckets.get(start)
            if (ids === undefined) throw new Error('a timer fired twice')
            buckets.delete(start)
            yield { b: name, key, start, ids: ids.toSorted((a, b) => a - b).join(' ') }
          },
        })
        .to(`${name}-out`, files({ path }))
    },
    expect(rows) {
      const seen = new Map<number, number>()
      const buckets = new Map<number, Map<number, number[]>>()
      const lines: unknown[] = []
      for (const row of rows) {
        const nth = (seen.get(row.key) ?? 0) + 1
        seen.set(row.key, nth)
        lines.push({ b: name, key: row.key, nth })
        const start = row.at - (row.at % size)
        const ofKey = buckets.get(row.key) ?? new Map<number, number[]>()
        buckets.set(row.key, ofKey.set(start, [...(ofKey.get(start) ?? []), row.id]))
      }
      for (const [key, ofKey] of buckets) {
        for (const [start, ids] of ofKey) {
          lines.push({ b: name, key, start, ids: ids.toSorted((a, b) => a - b).join(' ') })
        }
      }
      return lines
    },
  }
}

function rollingBranch(_random: Prng, name: string): Branch {
  const path = `/out/${name}`
  return {
    plan: { kind: 'rolling' },
    directories: [path],
    checkState: (rows, state) => {
      const keys = rows.filter(({ value }) => value % 3 !== 0).map(({ key }) => key % 5)
      return checkCounts(`${name} count`, keys, state(`${name}-reduce`, 'rolling'))
    },
    build(rows) {
      rows.filter((row) => row.value % 3 !== 0)
        .keyBy((row) => row.key % 5)
        .reduce(`${name}-reduce`, () => 0, (value) => value + 1)
        .map(({ key, value }) => ({ b: name, key, value }))
        .to(`${name}-out`, files({ path, partMaxBytes: 300 }))
    },
    expect(rows) {
      const counts = new Map<number, number>()
      return rows.filter((row) => row.value % 3 !== 0).map((row) => {
        const value = (counts.get(row.key % 5) ?? 0) + 1
        counts.set(row.key % 5, value)
        return { b: name, key: row.key % 5, value }
      })
    },
  }
}

/** Windows over results of windows: watermarks through two shuffles. */
function cascadeBranch(random: Prng, name: string): Branch {
  const small = random.pick([40, 100])
  const large = small * (3 + random.below(4))
  const path = `/out/${name}`
  return {
    plan: { kind: 'cascade', small, large },
    directories: [path],
    build(rows) {
      rows.keyBy((row) => row.key)
        .window(`${name}-small`, tumbling(small))
        .sum((row) => row.value, { integers: true })
        .keyBy((row) => row.key % 2)
        .window(`${name}-large`, tumbling(large))
        .aggregate({ n: count(), sum: sum((row) => row.value, { integers: true }) })
        .map((row) => ({ b: name, key: row.key, start: row.start.getTime(), n: row.n, sum: row.sum }))
        .to(`${name}-out`, files({ path }))
    },
    expect(rows) {
      const inner = totals(rows.map((row) => [row.key, floor(row.at, small, 0), row.value]))
      return totals(inner.map(([key, start, total]) => [key % 2, floor(start + small - 1, large, 0), total.sum]))
        .map(([key, start, { n, sum: total }]) => ({ b: name, key, start, n, sum: total }))
    },
  }
}

/** No state but that of source and sink: forward edges or a rebalance, and many outputs a record. */
function flatBranch(random: Prng, name: string): Branch {
  const path = `/out/${name}`
  const rebalanced = random.chance(1, 2)
  return {
    plan: { kind: 'flat', rebalanced },
    directories: [path],
    build(rows) {
      const spread = rebalanced ? rows.rebalance() : rows
      spread.flatMap(function* (row) {
        for (let copy = 0; copy < row.id % 3; copy++) yield { b: name, id: row.id, copy }
      }).to(`${name}-out`, files({ path, partMaxBytes: 500 }))
    },
    expect: (rows) => rows.flatMap((row) =>
      Array.from({ length: row.id % 3 }, (_, copy) => ({ b: name, id: row.id, copy }))),
  }
}
