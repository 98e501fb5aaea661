/**
 * What a simulated job does with its records, and the same again as a plain loop.
 *
 * Each branch is a small pipeline of the public API that ends in a files sink, next to `lines`, which
 * computes its output from the records. The two share no code: that is the oracle. Here are the branches
 * without windows, and the drawing; the others are in window-branches.ts, late-branch.ts and parts-branch.ts.
 */
import { state, type StateDeclaration } from '../../api/state.ts'
import { Prng } from '../../base/prng.ts'
import { files } from '../../connector/file-sink.ts'
import type { ListState, MapState, ValueState } from '../../state/handles.ts'
import { Bag, checkCounts, countKeys, stateOf, write, type Branch, type Moment } from './branch.ts'
import { BEGIN_MS, type InputKind, type Row } from './inputs.ts'
import { lateBranch } from './late-branch.ts'
import { partsBranch } from './parts-branch.ts'
import { evolved, heldIn, operatorIn, passedOn, renamed, stateIn } from './versions.ts'
import { cascadeBranch, sessionBranch, slidingBranch, tumblingBranch } from './window-branches.ts'

type Draw = (random: Prng, name: string) => Branch
/** Of a process whose states are called this or that. */
type Declared = Readonly<Record<string, StateDeclaration<unknown>>>

/** Their results are the same whatever comes late. */
const TIMELESS: readonly Draw[] = [rollingBranch, flatBranch, waitingBranch]
const WINDOWS: readonly Draw[] = [tumblingBranch, slidingBranch, sessionBranch]
/** Not windows over windows where a source is silent: idleness reaches the subtasks of a stage one by one. */
const ONE_STAGE: readonly Draw[] = [...WINDOWS, processBranch, ...TIMELESS]
const ALL: readonly Draw[] = [cascadeBranch, ...ONE_STAGE]

/** Drawn apart. Chosen so that no seed of the corpus that was there before has them: each means what it meant. */
const PARTS = 0x6d7005c6

/** Of a world with this seed; `prefix` of their names. */
export function drawBranches(seed: number, random: Prng, howMany: number, world: InputKind, prefix = ''): Branch[] {
  const inParts = new Prng(seed ^ PARTS).chance(1, 2)
  const first: readonly Draw[] = world === 'late' ? [lateBranch] : world === 'silent' ? WINDOWS : ALL
  const others = world === 'late' ? TIMELESS : world === 'silent' ? ONE_STAGE : ALL
  return Array.from({ length: howMany }, (_, i) => {
    const draw = random.pick(i === 0 ? first : others)
    const name = `${prefix}b${i}`
    return inParts && draw === rollingBranch ? partsBranch(name) : draw(random, name)
  })
}

/** Buckets in map state, told by an event-time timer; a running number in value state. */
function processBranch(random: Prng, name: string): Branch {
  const size = random.pick([80, 500])
  const shift = random.pick([-1, 0])
  const path = `/out/${name}`
  const operator = `${name}-process`
  const buckets = (rows: readonly Row[]): Map<number, Map<number, number[]>> => {
    const all = new Map<number, Map<number, number[]>>()
    for (const row of rows) {
      const start = row.at - (row.at % size)
      const ofKey = all.get(row.key) ?? new Map<number, number[]>()
      const ids = ofKey.get(start) ?? []
      ids.push(row.id)
      all.set(row.key, ofKey.set(start, ids))
    }
    return all
  }
  return {
    plan: { kind: 'process', size, shift },
    directories: [path],
    clock: operator,
    build(rows, bite, version) {
      const [buckets, seen] = [stateIn(version, 'buckets'), stateIn(version, 'seen')] as [string, string]
      const was = version === 1 ? {} : { was: 'buckets' }
      const options = { state: { [buckets]: state.map<number, number[]>(was), [seen]: state.value<unknown>(evolved(version, 'seen')) } }
      const held = heldIn(version)
      const done = passedOn(rows, version).keyBy((row) => row.key)
        .process<object, Declared>(operatorIn(version, operator), options as unknown as { state: Declared }, {
          *onRecord(row, { state: states, timer }) {
            const kept = states[buckets] as MapState<number, number[]>
            const start = Math.floor(row.at / size) * size
            kept.set(start, [...(kept.get(start) ?? []), row.id])
            timer.at(start + size + shift)
            const counted = (states[seen] as ValueState<unknown>).update((n) => held.of((n === undefined ? 0 : held.read(n)) + 1))
            yield { b: name, key: row.key, nth: held.read(counted) }
          },
          *onTimer(time, { key, state: states }) {
            const kept = states[buckets] as MapState<number, number[]>
            const start = time.getTime() - size - shift
            const ids = kept.get(start)
            if (ids === undefined) throw new Error('a timer fired twice')
            kept.delete(start)
            for (const id of ids) bite(id)
            yield { b: name, key, start, ids: ids.toSorted((a, b) => a - b).join(' ') }
          },
        })
      write(renamed(done, version, operator), `${name}-out`, files({ path }), version)
    },
    lines(rows, moment) {
      const watermark = moment.watermark(operator)
      const lines: unknown[] = []
      for (const [key, n] of countKeys(rows.map((row) => row.key))) {
        for (let nth = 1; nth <= n; nth++) lines.push({ b: name, key, nth })
      }
      for (const [key, ofKey] of buckets(rows)) {
        for (const [start, ids] of ofKey) {
          if (start + size + shift > watermark) continue
          lines.push({ b: name, key, start, ids: ids.toSorted((a, b) => a - b).join(' ') })
        }
      }
      return lines
    },
    checkState(rows, moment) {
      const watermark = moment.watermark(operator)
      const kept = new Bag()
      const timers = new Bag()
      for (const [key, ofKey] of buckets(rows)) {
        for (const [start, ids] of ofKey) {
          if (start + size + shift <= watermark) continue
          kept.add(key, undefined, [start, ids.toSorted((a, b) => a - b)])
          timers.add(key, undefined, start + size + shift)
        }
      }
      const found = new Bag()
      for (const { key, value } of moment.entries(operator, 'buckets')) {
        for (const [start, ids] of value as Iterable<[number, number[]]>) {
          found.add(key, undefined, [start, ids.toSorted((a, b) => a - b)])
        }
      }
      return checkCounts(rows.map(({ key }) => key), moment, operator, 'seen') ??
        found.differs(kept, `buckets of ${operator}`) ??
        stateOf(moment, operator, 'timers/event').differs(timers, `timers of ${operator}`)
    },
  }
}

/**
 * Records wait in list state for the machine's clock, which comes when it likes; the end of event time
 * takes what is left. So each comes out once, whenever that is.
 */
function waitingBranch(random: Prng, name: string): Branch {
  const delayMs = random.pick([0, 3, 40])
  const path = `/out/${name}`
  const operator = `${name}-wait`
  const endMs = BEGIN_MS + 1e9
  const waitingAt = (moment: Moment): Map<number, readonly number[]> => new Map(moment.entries(operator, 'waiting')
    .map(({ key, value }) => [key as number, (value as readonly unknown[]).map((item) => heldIn(moment.version).read(item))]))
  return {
    plan: { kind: 'waiting', delayMs },
    directories: [path],
    build(rows, bite, version) {
      const [waits, tells] = [stateIn(version, 'waiting'), stateIn(version, 'told')] as [string, string]
      const options = { state: { [waits]: state.list<unknown>(evolved(version, 'waiting')), [tells]: state.value<unknown>(evolved(version, 'told')) } }
      const held = heldIn(version)
      const done = passedOn(rows, version).keyBy((row) => row.key)
        .process<object, Declared>(operatorIn(version, operator), options as unknown as { state: Declared }, {
          onRecord(row, { state: states, timer, processingTime }) {
            const waiting = states[waits] as ListState<unknown>
            if (waiting.length === 0) timer.atProcessingTime(processingTime + delayMs)
            waiting.push(held.of(row.id))
            timer.at(endMs)
            bite(row.id)
          },
          *onTimer(_time, { key, state: states }) {
            const waiting = states[waits] as ListState<unknown>
            const ids = waiting.get()
            waiting.clear()
            const told = states[tells] as ValueState<unknown>
            told.update((n) => held.of((n === undefined ? 0 : held.read(n)) + ids.length))
            for (const id of ids) yield { b: name, key, id: held.read(id) }
          },
        })
      write(renamed(done, version, operator), `${name}-out`, files({ path }), version)
    },
    lines(rows, moment) {
      const waiting = new Set([...waitingAt(moment).values()].flat())
      return rows.filter(({ id }) => !waiting.has(id)).map(({ key, id }) => ({ b: name, key, id }))
    },
    checkState(rows, moment) {
      const waiting = waitingAt(moment)
      const told = new Map(moment.entries(operator, 'told').map(({ key, value }) => [key, heldIn(moment.version).read(value)]))
      const clock = moment.entries(operator, 'timers/processing').map(({ key }) => key as number)
      const timers = countKeys(clock)
      const atEnd = new Bag()
      for (const [key, n] of countKeys(rows.map((row) => row.key))) {
        const ids = waiting.get(key) ?? []
        const known = (told.get(key) ?? 0) + ids.length
        if (known !== n) return `key ${key} of ${operator} has ${known} records, ${n} were read`
        const pending = timers.get(key) ?? 0
        if (pending > 1 || pending < Math.min(1, ids.length)) {
          return `key ${key} of ${operator} has ${pending} timers of the clock, ${ids.length} records wait`
        }
        if (endMs > moment.watermark(operator)) atEnd.add(key, undefined, endMs)
      }
      return stateOf(moment, operator, 'timers/event').differs(atEnd, `timers of ${operator}`)
    },
  }
}

/** So many keys that most of them rest between two checkpoints: their snapshots are increments. */
const MANY_KEYS = 400

function rollingBranch(_random: Prng, name: string): Branch {
  const path = `/out/${name}`
  const operator = `${name}-reduce`
  const keysOf = (rows: readonly Row[]): number[] =>
    rows.filter(({ value }) => value % 3 !== 0).map(({ id }) => id % MANY_KEYS)
  return {
    plan: { kind: 'rolling' },
    directories: [path],
    build(rows, bite, version) {
      const held = heldIn(version)
      const wanted = (row: Row): boolean => {
        bite(row.id)
        return row.value % 3 !== 0
      }
      const reduced = passedOn(rows, version).filter(wanted)
        .keyBy((row) => row.id % MANY_KEYS)
        .reduce<unknown>(operatorIn(version, operator), () => held.of(0), (value) => held.of(held.read(value) + 1), evolved(version))
      const lines = renamed(reduced, version, operator).map(({ key, value }) => ({ b: name, key, value: held.read(value) }))
      write(lines, `${name}-out`, files({ path, partMaxBytes: 300 }), version)
    },
    lines: (rows) => [...countKeys(keysOf(rows))].flatMap(([key, n]) =>
      Array.from({ length: n }, (_, i) => ({ b: name, key, value: i + 1 }))),
    checkState: (rows, moment) => checkCounts(keysOf(rows), moment, operator, 'rolling'),
  }
}

/** No state but that of source and sink: forward edges or a rebalance, and many outputs a record. */
function flatBranch(random: Prng, name: string): Branch {
  const path = `/out/${name}`
  const rebalanced = random.chance(1, 2)
  return {
    plan: { kind: 'flat', rebalanced },
    directories: [path],
    build(rows, bite, version) {
      const spread = rebalanced ? rows.rebalance() : rows
      const lines = passedOn(spread, version).flatMap(function* (row) {
        for (let copy = 0; copy < row.id % 3; copy++) yield { b: name, id: row.id, copy }
        bite(row.id)
      })
      write(lines, `${name}-out`, files({ path, partMaxBytes: 500 }), version)
    },
    lines: (rows) => rows.flatMap((row) =>
      Array.from({ length: row.id % 3 }, (_, copy) => ({ b: name, id: row.id, copy }))),
  }
}
