/** Branches with windows that nothing is too late for: tumbling, sliding, session, windows over windows. */
import { count, max, sum } from '../../api/aggregates.ts'
import { session, sliding, tumbling } from '../../api/windows.ts'
import type { Prng } from '../../base/prng.ts'
import { files } from '../../connector/file-sink.ts'
import type { Key } from '../../graph/key.ts'
import { Bag, floor, stateOf, Totals, write, type Branch, type Group, type Moment } from './branch.ts'
import type { Row } from './inputs.ts'
import { operatorIn, passedOn, renamed } from './versions.ts'

/** What a window operator holds: windows that are not over, and no key that fired before its window's end. */
interface Held {
  readonly key: Key
  readonly window: readonly [start: number, end: number]
  readonly value: unknown
  readonly cleanup: number
}

function checkWindows(held: readonly Held[], moment: Moment, operator: string): string | undefined {
  const watermark = moment.watermark(operator)
  const contents = new Bag()
  for (const { key, window, value, cleanup } of held) {
    if (cleanup > watermark) contents.add(key, window, value)
  }
  return differsFromWindows(contents, moment, operator)
}

/** A cut has one watermark (CX-3), so that no key has fired where another has not. */
export function differsFromWindows(contents: Bag, moment: Moment, operator: string): string | undefined {
  return stateOf(moment, operator, 'window').differs(contents, `windows of ${operator}`) ??
    stateOf(moment, operator, 'window/fired').differs(new Bag(), `keys that fired of ${operator}`)
}

/** Sliding windows share panes: the parts between the borders of windows, one total a key and pane. */
export function checkPanes(
  rows: readonly Row[],
  windows: { readonly size: number; readonly slide: number; readonly lateness: number },
  keyOf: (row: Row) => Key, moment: Moment, operator: string,
): string | undefined {
  const { size, slide, lateness } = windows
  const watermark = moment.watermark(operator)
  const panes = new Map<string, { readonly key: Key; readonly pane: [number, number]; n: number; sum: number }>()
  for (const row of rows) {
    const first = floor(row.at, slide, 0)
    if (first + size - 1 + lateness <= watermark) continue
    const border = first + (size % slide)
    const pane: [number, number] = row.at < border ? [first, border] : [border, first + slide]
    const key = keyOf(row)
    const id = `${key} ${pane[0]}`
    const total = panes.get(id) ?? { key, pane, n: 0, sum: 0 }
    panes.set(id, total)
    total.n += 1
    total.sum += row.value
  }
  const contents = new Bag()
  for (const { key, pane, n, sum: total } of panes.values()) contents.add(key, pane, [n, total])
  return stateOf(moment, operator, 'panes').differs(contents, `panes of ${operator}`)
}

export function tumblingBranch(random: Prng, name: string): Branch {
  const size = random.pick([50, 300, 1000])
  const offset = random.pick([0, 0, 17])
  const lateness = random.pick([0, 0, 500])
  const path = `/out/${name}`
  const late = `/late/${name}`
  const window = `${name}-window`
  const groups = (rows: readonly Row[]): Group[] => {
    const totals = new Totals()
    for (const row of rows) totals.add(row.key, floor(row.at, size, offset), row.value)
    return totals.all()
  }
  return {
    plan: { kind: 'tumbling', size, offset, lateness },
    directories: [path, late],
    clock: window,
    build(rows, bite, version) {
      const value = (row: Row): number => {
        bite(row.id)
        return row.value
      }
      const windowed = passedOn(rows, version).keyBy((row) => row.key)
        .window(operatorIn(version, window), tumbling(size, { offset }), { lateness })
        .aggregate({ n: count(), sum: sum(value, { integers: true }), max: max((row) => row.value) })
      const lines = renamed(windowed, version, window).map((row) => ({
        b: name, key: row.key, start: row.start.getTime(), n: row.n, sum: row.sum, max: row.max,
      }))
      write(lines, `${name}-out`, files({ path }), version)
      write(windowed.late, `${name}-late`, files({ path: late }), version)
    },
    lines(rows, moment) {
      const watermark = moment.watermark(window)
      return groups(rows).filter(([, start]) => start + size - 1 <= watermark)
        .map(([key, start, { n, sum: total, max: most }]) => ({ b: name, key, start, n, sum: total, max: most }))
    },
    checkState: (rows, moment) => checkWindows(groups(rows).map(([key, start, total]) => ({
      key, window: [start, start + size], value: [total.n, total.sum, total.max],
      cleanup: start + size - 1 + lateness,
    })), moment, window),
  }
}

export function slidingBranch(random: Prng, name: string): Branch {
  const slide = random.pick([100, 400])
  const size = slide * (2 + random.below(3)) + random.pick([0, 0, 30])
  const path = `/out/${name}`
  const window = `${name}-window`
  const groups = (rows: readonly Row[]): Group[] => {
    const totals = new Totals()
    for (const row of rows) {
      for (let start = floor(row.at, slide, 0); start + size > row.at; start -= slide) {
        totals.add(row.key, start, row.value)
      }
    }
    return totals.all()
  }
  return {
    plan: { kind: 'sliding', size, slide },
    directories: [path],
    clock: window,
    build(rows, bite, version) {
      const keyOf = (row: Row): string => {
        bite(row.id)
        return `k${row.key}`
      }
      const windowed = passedOn(rows, version).keyBy(keyOf)
        .window(operatorIn(version, window), sliding(size, { every: slide }))
        .aggregate({ n: count(), sum: sum((row) => row.value, { integers: true }) })
      const lines = renamed(windowed, version, window)
        .map((row) => ({ b: name, key: row.key, start: row.start.getTime(), n: row.n, sum: row.sum }))
      write(lines, `${name}-out`, files({ path }), version)
    },
    lines(rows, moment) {
      const watermark = moment.watermark(window)
      return groups(rows).filter(([, start]) => start + size - 1 <= watermark)
        .map(([key, start, { n, sum: total }]) => ({ b: name, key: `k${key}`, start, n, sum: total }))
    },
    checkState: (rows, moment) =>
      checkPanes(rows, { size, slide, lateness: 0 }, ({ key }) => `k${key}`, moment, window),
  }
}

interface Session { readonly key: number; readonly start: number; end: number; n: number; sum: number }

function sessionsOf(rows: readonly Row[], gap: number): Session[] {
  const open = new Map<number, Session>()
  const all: Session[] = []
  for (const { key, at, value } of rows.toSorted((a, b) => a.at - b.at)) {
    const last = open.get(key)
    if (last !== undefined && at < last.end) {
      last.end = at + gap
      last.n += 1
      last.sum += value
    } else {
      const begun = { key, start: at, end: at + gap, n: 1, sum: value }
      open.set(key, begun)
      all.push(begun)
    }
  }
  return all
}

/** The gap is odd and records are an even time apart: two sessions never touch, whatever comes first. */
export function sessionBranch(random: Prng, name: string): Branch {
  const gap = random.pick([15, 81, 501])
  const path = `/out/${name}`
  const window = `${name}-window`
  return {
    plan: { kind: 'session', gap },
    directories: [path],
    clock: window,
    build(rows, bite, version) {
      const value = (row: Row): number => {
        bite(row.id)
        return row.value
      }
      const windowed = passedOn(rows, version).keyBy((row) => row.key)
        .window(operatorIn(version, window), session({ gap }))
        .aggregate({ n: count(), sum: sum(value, { integers: true }) })
      const lines = renamed(windowed, version, window).map((row) => ({
        b: name, key: row.key, start: row.start.getTime(), end: row.end.getTime(), n: row.n, sum: row.sum,
      }))
      write(lines, `${name}-out`, files({ path }), version)
    },
    lines(rows, moment) {
      const watermark = moment.watermark(window)
      return sessionsOf(rows, gap).filter(({ end }) => end - 1 <= watermark)
        .map(({ key, start, end, n, sum: total }) => ({ b: name, key, start, end, n, sum: total }))
    },
    checkState(rows, moment) {
      const watermark = moment.watermark(window)
      const sessions = new Bag()
      for (const { key, start, end, n, sum: total } of sessionsOf(rows, gap)) {
        if (end - 1 <= watermark) continue
        sessions.add(key, [start, end], [true, [n, total]])
      }
      const found = new Bag()
      for (const { key, value } of moment.entries(window, 'sessions/open')) {
        for (const [start, end, ...held] of value as readonly (readonly [number, number, boolean, unknown])[]) {
          found.add(key, [start, end], held)
        }
      }
      return found.differs(sessions, `sessions of ${window}`)
    },
  }
}

/** Windows over results of windows: watermarks through two shuffles. */
export function cascadeBranch(random: Prng, name: string): Branch {
  const small = random.pick([40, 100])
  const large = small * (3 + random.below(4))
  const path = `/out/${name}`
  const inner = (rows: readonly Row[]): Group[] => {
    const totals = new Totals()
    for (const row of rows) totals.add(row.key, floor(row.at, small, 0), row.value)
    return totals.all()
  }
  const outer = (rows: readonly Row[], moment: Moment): Group[] => {
    const watermark = moment.watermark(`${name}-small`)
    const totals = new Totals()
    for (const [key, start, total] of inner(rows)) {
      const last = start + small - 1
      if (last <= watermark) totals.add(key % 2, floor(last, large, 0), total.sum)
    }
    return totals.all()
  }
  return {
    plan: { kind: 'cascade', small, large },
    directories: [path],
    clock: `${name}-large`,
    build(rows, bite, version) {
      const inSmall = passedOn(rows, version).keyBy((row) => row.key)
        .window(operatorIn(version, `${name}-small`), tumbling(small))
        .reduce(() => 0, (total, row) => {
          bite(row.id)
          return total + row.value
        })
      const inLarge = renamed(inSmall, version, `${name}-small`).keyBy((row) => row.key % 2)
        .window(operatorIn(version, `${name}-large`), tumbling(large))
        .aggregate({ n: count(), sum: sum((row) => row.value, { integers: true }) })
      const lines = renamed(inLarge, version, `${name}-large`)
        .map((row) => ({ b: name, key: row.key, start: row.start.getTime(), n: row.n, sum: row.sum }))
      write(lines, `${name}-out`, files({ path }), version)
    },
    lines(rows, moment) {
      const watermark = moment.watermark(`${name}-large`)
      return outer(rows, moment).filter(([, start]) => start + large - 1 <= watermark)
        .map(([key, start, { n, sum: total }]) => ({ b: name, key, start, n, sum: total }))
    },
    checkState: (rows, moment) =>
      checkWindows(inner(rows).map(([key, start, total]) => ({
        key, window: [start, start + small], value: total.sum, cleanup: start + small - 1,
      })), moment, `${name}-small`) ??
      checkWindows(outer(rows, moment).map(([key, start, total]) => ({
        key, window: [start, start + large], value: [total.n, total.sum], cleanup: start + large - 1,
      })), moment, `${name}-large`),
    mostAtOnce: (rows, sender) => (sender === `${name}-small` ? inner(rows).length : 0),
  }
}
