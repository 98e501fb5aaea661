/**
 * What a pattern means, computed from scratch by trying every way to pick records: no automaton, nothing
 * carried from one record to the next but what the skip strategy took away.
 */
import type { Contiguity, PatternCondition, PatternItem, PatternSpec } from '../../src/graph/pattern-spec.ts'

export interface ModelEvent {
  readonly value: unknown
  readonly time: number
}

export interface ModelOutput {
  readonly tag: 'main' | 'timed-out'
  readonly time: number
  readonly records: Readonly<Record<string, unknown[]>>
}

/** Two matches of one record, or of one instant, that only an order of ways would tell apart: nothing is promised. */
export class Ambiguous extends Error {}

interface Guard {
  readonly kind: 'absence' | 'greed' | 'until'
  readonly where: PatternCondition | undefined
  readonly not: readonly PatternCondition[]
  readonly scope: 'next' | 'between'
  readonly withinMs: number
}

interface Take {
  readonly kind: 'take'
  readonly id: string
  readonly name: string
  readonly where: PatternCondition | undefined
  readonly not: readonly PatternCondition[]
  readonly contiguity: Contiguity
  readonly withinMs: number
}

type Token = Take | Guard
interface Way { readonly contiguity: Contiguity; readonly withinMs: number }
type Picked = readonly { readonly take: Take; readonly at: number }[]

/** One way on from some picked records: the next take (undefined: the end) and what the gap must keep. */
interface On {
  readonly take: Take | undefined
  readonly guards: readonly Guard[]
}

const MOST_WORDS = 150
export class TooMany extends Error {}

/** Every sequence of takes, written out with up to `most` repetitions of each item. */
function expand(
  items: readonly PatternItem[], head: Way | undefined, untils: readonly PatternCondition[], most: number, path: string,
): Token[][] {
  let words: Token[][] = [[]]
  items.forEach((item, i) => {
    const options = item.kind === 'absence'
      ? [[absence(item)]]
      : repeated(item, i === 0 ? head : undefined, untils, most, `${path}.${i}`, following(items, i))
    words = words.flatMap((word) => options.map((option) => [...word, ...option]))
    if (words.length > MOST_WORDS) throw new TooMany()
  })
  return words
}

const absence = (item: Extract<PatternItem, { kind: 'absence' }>): Guard =>
  ({ kind: 'absence', where: item.where, not: [], scope: item.scope, withinMs: item.withinMs ?? Infinity })

function following(items: readonly PatternItem[], i: number): Guard[] {
  const guards: Guard[] = []
  for (const item of items.slice(i + 1)) {
    if (item.kind !== 'absence') break
    guards.push(absence(item))
  }
  return guards
}

function repeated(
  item: Exclude<PatternItem, { kind: 'absence' }>, head: Way | undefined, untils: readonly PatternCondition[],
  most: number, path: string, absences: readonly Guard[],
): Token[][] {
  const { from, to, inner, greedy, until } = item.repeat
  const inside = until === undefined ? untils : [...untils, until]
  const own = item.withinMs ?? Infinity
  const words: Token[][] = []
  const greed: Guard = {
    kind: 'greed', where: item.kind === 'step' ? item.where : undefined, not: inside, scope: 'between', withinMs: Infinity,
  }
  const copy = (n: number): Token[][] => {
    const way: Way = n === 0
      ? { contiguity: head?.contiguity ?? item.contiguity, withinMs: Math.min(own, head?.withinMs ?? Infinity) }
      : { contiguity: inner, withinMs: own }
    if (item.kind === 'group') return expand(item.items, way, inside, most, `${path}#${n}`)
    return [[{ kind: 'take', id: `${path}#${n}`, name: item.name, where: item.where, not: inside, ...way }]]
  }
  let sofar: Token[][] = [[]]
  for (let n = 0; n < Math.min(to, most); n++) {
    const next = copy(n)
    sofar = sofar.flatMap((word) => next.map((more) => (n === 0 ? more : [...word, ...absences, ...more])))
    if (sofar.length > MOST_WORDS) throw new TooMany()
    if (n + 1 >= from) words.push(...sofar.map((word) => [...word, ...(greedy && n + 1 < to ? [greed] : [])]))
  }
  if (item.optional) words.push(greedy ? [greed] : [])
  if (until === undefined) return words
  const guard: Guard = { kind: 'until', where: until, not: [], scope: 'between', withinMs: Infinity }
  return words.map((word) => {
    let first = true
    return word.flatMap((token): Token[] => {
      if (token.kind !== 'take') return [token]
      const before = first ? [] : [guard]
      first = false
      return [...before, token]
    })
  })
}

export function modelOutputs(spec: PatternSpec, events: readonly ModelEvent[], end: number): ModelOutput[] {
  const outputs: ModelOutput[] = []
  const withinMs = spec.withinMs ?? Infinity
  // One more than there are records, so that "could go on" is seen.
  const words = expand(spec.items, undefined, [], events.length + 1, '')
  const continuations = new Map<string, On[]>()
  for (const word of words) {
    let id = ''
    let guards: Guard[] = []
    const on = (take: Take | undefined): void => {
      const known = continuations.get(id) ?? []
      continuations.set(id, known)
      if (!known.some((each) => each.take?.id === take?.id)) known.push({ take, guards })
    }
    for (const token of word) {
      if (token.kind !== 'take') {
        guards = [...guards, token]
        continue
      }
      on(token)
      id += `/${token.id}`
      guards = []
    }
    on(undefined)
  }
  const idOf = (picked: Picked): string => picked.map(({ take }) => `/${take.id}`).join('')
  const timeOf = (at: number): number => (events[at] as ModelEvent).time
  const lastOf = (picked: Picked): number => (picked.at(-1) as Picked[number]).at
  const startOf = (picked: Picked): number => (picked[0] as Picked[number]).at

  const recordsOf = (picked: Picked): Record<string, unknown[]> => {
    const records: Record<string, unknown[]> = {}
    const names = (items: readonly PatternItem[]): void => items.forEach((item) => {
      if (item.kind === 'group') names(item.items)
      else if (item.kind === 'step') records[item.name] = []
    })
    names(spec.items)
    for (const { take, at } of picked) records[take.name]?.push(events[at]?.value)
    return records
  }
  const fits = (where: PatternCondition | undefined, not: readonly PatternCondition[], at: number, picked: Picked): boolean => {
    const value = events[at]?.value
    const matched = recordsOf(picked)
    return (where === undefined || where(value, matched)) && !not.some((condition) => condition(value, matched))
  }

  /** Whether nothing up to and with record `upto` spoils the gap after `picked`. */
  const gapHolds = ({ guards }: On, picked: Picked, upto: number): boolean => {
    const last = picked.length === 0 ? upto - 1 : lastOf(picked)
    return guards.every((guard) => {
      for (let k = last + 1; k <= upto; k++) {
        if (guard.scope === 'next' && k > last + 1) return true
        // An end of the repetitions ends what greed could take.
        if (guard.kind === 'greed' && guard.not.some((until) => fits(until, [], k, picked))) return true
        if (fits(guard.where, guard.not, k, picked)) return false
      }
      return true
    })
  }
  const takes = (on: On, picked: Picked, at: number): boolean => {
    const { take } = on
    if (take === undefined || !fits(take.where, take.not, at, picked) || !gapHolds(on, picked, at)) return false
    if (picked.length === 0) return true
    const last = lastOf(picked)
    if (timeOf(at) - timeOf(last) >= take.withinMs || timeOf(at) - timeOf(startOf(picked)) >= withinMs) return false
    if (take.contiguity === 'strict') return at === last + 1
    if (take.contiguity === 'any') return true
    for (let k = last + 1; k < at; k++) if (fits(take.where, take.not, k, picked)) return false
    return true
  }
  const waits = (on: On): boolean => on.guards.some(({ kind }) => kind === 'absence')
  const settledByTime = (on: On): boolean => on.guards.some(({ kind, scope }) => kind === 'absence' && scope === 'between')
  const ends = (picked: Picked): On | undefined => continuations.get(idOf(picked))?.find(({ take }) => take === undefined)
  const absencesOnly = (on: On): On => ({ ...on, guards: on.guards.filter(({ kind }) => kind === 'absence') })

  /** Ways on that are still open after record `n`, and until when. */
  const open = (picked: Picked, n: number): { readonly end: boolean; readonly until: number }[] =>
    (continuations.get(idOf(picked)) ?? []).flatMap((on): { readonly end: boolean; readonly until: number }[] => {
      const last = lastOf(picked)
      if (on.take === undefined) {
        if (!waits(on) || !gapHolds(absencesOnly(on), picked, n) || (!settledByTime(on) && n > last)) return []
        return [{ end: true, until: timeOf(last) + Math.min(...on.guards.map((guard) => guard.withinMs)) }]
      }
      if (!gapHolds(on, picked, n)) return []
      const { contiguity, where, not, withinMs: limit } = on.take
      if (contiguity === 'strict' && n > last) return []
      if (n > last && timeOf(n) - timeOf(last) >= limit) return []
      if (contiguity === 'relaxed') {
        for (let k = last + 1; k <= n; k++) if (fits(where, not, k, picked)) return []
      }
      return [{ end: false, until: timeOf(last) + limit }]
    })

  /** All picks whose last record is at most `n`. */
  const all = (n: number): Picked[] => {
    const found: Picked[] = []
    const grow = (picked: Picked): void => {
      if (picked.length > 0) found.push(picked)
      for (const on of continuations.get(idOf(picked)) ?? []) {
        if (on.take === undefined) continue
        for (let at = picked.length === 0 ? 0 : lastOf(picked) + 1; at <= n; at++) {
          if (takes(on, picked, at)) grow([...picked, { take: on.take, at }])
        }
      }
    }
    grow([])
    return found
  }

  let kept = 0
  let complete: { readonly picked: Picked; readonly parent: readonly number[] }[] = []
  const gone = new Set<string>()
  const ended = new Set<string>()
  const nameOf = (picked: Picked): string => picked.map(({ take, at }) => `${take.id}@${at}`).join()
  const partials = (n: number): { readonly picked: Picked; readonly due: number; readonly end: boolean }[] =>
    all(n).filter((picked) => startOf(picked) >= kept && !gone.has(nameOf(picked))).flatMap((picked) => {
      const ways = open(picked, n).filter(({ end: last }) => !(last && ended.has(nameOf(picked))))
      if (ways.length === 0) return []
      const limit = timeOf(startOf(picked)) + withinMs
      const last = ways.filter((way) => way.end).map(({ until }) => until)
      const due = last.length > 0 ? Math.min(...last) : Math.max(...ways.map(({ until }) => until))
      return [{ picked, due: Math.min(limit, due), end: last.length > 0 }]
    })

  const precedes = (a: readonly number[], b: readonly number[]): number => {
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const difference = (a[i] ?? Infinity) - (b[i] ?? Infinity)
      if (!Number.isNaN(difference) && difference !== 0) return difference
    }
    return 0
  }
  const finish = (fresh: typeof complete, n: number, time: number): void => {
    if (spec.skip.kind !== 'none') {
      fresh.forEach((a, i) => fresh.slice(i + 1).forEach((b) => {
        if (startOf(a.picked) === startOf(b.picked) && precedes(a.parent, b.parent) === 0) throw new Ambiguous()
      }))
    }
    complete.push(...fresh.sort((a, b) => precedes(a.parent, b.parent)))
    complete = complete.map((each, i) => ({ each, i }))
      .sort((a, b) => startOf(a.each.picked) - startOf(b.each.picked) || a.i - b.i).map(({ each }) => each)
    for (let first = complete[0]; first !== undefined; first = complete[0]) {
      const { picked } = first
      if (spec.skip.kind !== 'none' && partials(n).some((each) => startOf(each.picked) < startOf(picked))) return
      complete.shift()
      outputs.push({ tag: 'main', time, records: recordsOf(picked) })
      kept = Math.max(kept, keptAfter(picked))
      complete = complete.filter((each) => startOf(each.picked) >= kept)
    }
  }
  const keptAfter = (picked: Picked): number => {
    const { skip } = spec
    if (skip.kind === 'none') return 0
    if (skip.kind === 'to-next') return startOf(picked) + 1
    if (skip.kind === 'past-last' || !('step' in skip)) return lastOf(picked) + 1
    const places = picked.filter(({ take }) => take.name === skip.step).map(({ at }) => at)
    return (skip.kind === 'to-first' ? places[0] : places.at(-1)) ?? 0
  }
  const indexes = (picked: Picked): number[] => picked.map(({ at }) => at)

  const passTime = (n: number, time: number): void => {
    for (;;) {
      const due = Math.min(Infinity, ...partials(n).map((each) => each.due))
      if (due > time || due === Infinity) return
      const fresh: typeof complete = []
      for (const { picked, due: own, end: atEnd } of partials(n)) {
        if (own !== due) continue
        // No record tells matches apart that time alone completes: those of one start are ambiguous.
        if (atEnd) fresh.push({ picked, parent: [] })
        else if (!accepted(picked)) outputs.push({ tag: 'timed-out', time: due, records: recordsOf(picked) })
        ended.add(nameOf(picked))
        if (!atEnd || due >= timeOf(startOf(picked)) + withinMs) gone.add(nameOf(picked))
      }
      finish(fresh, n, due)
    }
  }
  const accepted = (picked: Picked): boolean => {
    const on = ends(picked)
    return on !== undefined && !waits(on)
  }

  events.forEach(({ time }, n) => {
    passTime(n - 1, time)
    const settled = partials(n - 1).filter(({ picked, end: atEnd }) => {
      const on = ends(picked)
      return atEnd && on !== undefined && !settledByTime(on) && lastOf(picked) === n - 1 &&
        gapHolds(absencesOnly(on), picked, n)
    })
    const fresh = [
      ...all(n).filter((picked) => lastOf(picked) === n && startOf(picked) >= kept && accepted(picked))
        .map((picked) => ({ picked, parent: indexes(picked).slice(0, -1) })),
      ...settled.map(({ picked }) => ({ picked, parent: indexes(picked) })),
    ]
    finish(fresh, n, time)
  })
  passTime(events.length - 1, end)
  return outputs
}
