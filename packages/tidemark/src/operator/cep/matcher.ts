/**
 * The matching itself: one record, or the passing of time, against the partial matches of one key.
 *
 * Called by the match operator with the matches of a key, in order of event time; knows neither keys nor
 * watermarks. What comes of it goes to the two functions of the target.
 *
 *   PM-1  Partial matches are kept in order of their first record; of those that begin alike, the one that
 *         took the earlier next record comes first, and what goes on from a partial match comes before it.
 *   PM-2  A partial match ends when no edge is open any more, when its time is over, or when a match takes
 *         it away by the skip strategy. Only the second is reported, and not if it was put out as a match.
 *   PM-3  Time goes before records: a record at the very end of a duration is outside it.
 *   PM-4  With a skip strategy a match is put out only when no partial match that began before it is left,
 *         so what is taken away does not depend on which match was found first.
 *
 * Source: Flink NFA (doProcess, advanceTime, processMatchesAccordingToSkipStrategy). Flink keeps a partial
 * match once for each state it may be in; here it is kept once, with its open edges.
 */
import type { SkipSpec } from '../../graph/pattern-spec.ts'
import type { Automaton, Edge } from './compile.ts'
import { Conditions } from './conditions.ts'
import { takenBy, type Complete, type Link, type Partial, type Taken } from './matched.ts'

/** All matches of one key; the matcher changes it in place. */
export interface Matches {
  /** Number of the next record. */
  seq: number
  partial: Partial[]
  complete: Complete[]
}

export interface MatchTarget {
  onMatch(link: Link, time: number): void
  onTimeout(link: Link, time: number): void
}

export class Matcher {
  readonly #automaton: Automaton
  readonly #skip: SkipSpec
  readonly #target: MatchTarget
  readonly #conditions: Conditions
  /** Becomes the partial matches of a key when a record was looked at; theirs take its place. */
  #scratch: Partial[] = []
  #event: Taken | undefined
  #value: unknown
  #time = 0
  #seq = 0

  constructor(automaton: Automaton, skip: SkipSpec, target: MatchTarget, operator: string) {
    this.#automaton = automaton
    this.#skip = skip
    this.#target = target
    this.#conditions = new Conditions(automaton, operator)
  }

  /** The earliest time at which a partial match ends by itself; Infinity if none does. */
  deadline({ partial }: Matches): number {
    const { withinMs, stepLimits } = this.#automaton
    const [first] = partial
    if (first === undefined) return Infinity
    // In order of their first record, so those of the whole pattern are in order.
    if (!stepLimits) return first.start.time + withinMs
    let earliest = Infinity
    for (const each of partial) earliest = Math.min(earliest, this.#deadlineOf(each))
    return earliest
  }

  /** Whether a match may begin with this record; without, a key with nothing in progress needs no state. */
  begins(value: unknown): boolean {
    this.#conditions.about(value)
    const { start } = this.#automaton
    for (let i = 0; i < start.length; i++) if (this.#starts(start[i] as Edge)) return true
    return false
  }

  record(matches: Matches, value: unknown, time: number): void {
    this.#conditions.about(value)
    this.#value = value
    this.#time = time
    this.#seq = matches.seq
    this.#event = undefined
    if (matches.partial.length > 0) this.#advanceAll(matches)
    const { start } = this.#automaton
    for (let i = 0; i < start.length; i++) {
      const edge = start[i] as Edge
      if (this.#starts(edge)) this.#take(matches, edge, undefined, matches.partial)
    }
    matches.seq += 1
    if (matches.complete.length > 0) this.#release(matches, time)
  }

  /** Ends partial matches whose time is over, in order of when it was. */
  advanceTo(matches: Matches, time: number): void {
    for (;;) {
      const due = this.deadline(matches)
      if (due > time || due === Infinity) return
      const kept: Partial[] = []
      for (const each of matches.partial) {
        if (this.#deadlineOf(each) > due || !this.#expire(matches, each, due)) kept.push(each)
      }
      matches.partial = kept
      this.#release(matches, due)
    }
  }

  #starts({ to, guards }: Edge): boolean {
    if (to === undefined || !this.#conditions.fits(to.test, undefined)) return false
    for (let i = 0; i < guards.length; i++) {
      if (this.#conditions.fits((guards[i] as Edge['guards'][number]).test, undefined)) return false
    }
    return true
  }

  #deadlineOf({ start, link, open }: Partial): number {
    const { withinMs, stepLimits } = this.#automaton
    const whole = start.time + withinMs
    if (!stepLimits) return whole
    const { edges, ends } = link.position
    let last = 0
    let end = Infinity
    for (let i = 0; i < edges.length; i++) {
      if ((open & (1 << i)) === 0) continue
      const limit = link.event.time + (edges[i] as Edge).withinMs
      if ((ends & (1 << i)) !== 0) end = Math.min(end, limit)
      else last = Math.max(last, limit)
    }
    if (end === Infinity && (open & ends) !== 0) return whole
    return Math.min(whole, end === Infinity ? last : end)
  }

  /** False if it goes on: its absence has lasted long enough, but more records may follow. */
  #expire(matches: Matches, partial: Partial, due: number): boolean {
    const { link, start } = partial
    const { ends, accepts } = link.position
    const ended = (partial.open & ends) !== 0
    if (ended) addComplete(matches.complete, { link, start })
    else if (!accepts) this.#target.onTimeout(link, due)
    partial.open &= ~ends
    return !ended || partial.open === 0 || due >= start.time + this.#automaton.withinMs
  }

  /** Most records change nothing: then the list stays what it is. */
  #advanceAll(matches: Matches): void {
    const { partial } = matches
    const next = this.#scratch
    let moved = false
    for (let i = 0; i < partial.length; i++) {
      const each = partial[i] as Partial
      this.#advance(matches, each, next)
      if (moved) continue
      if (next.length === 1 && next[0] === each) {
        next.pop()
        continue
      }
      moved = true
      if (i > 0) next.unshift(...partial.slice(0, i))
    }
    if (!moved) return
    this.#scratch = partial
    matches.partial = next
    partial.length = 0
  }

  #advance(matches: Matches, partial: Partial, next: Partial[]): void {
    const { link } = partial
    const { edges } = link.position
    let left = partial.open
    let open = 0
    while (left !== 0) {
      const bit = left & -left
      left ^= bit
      let index = 31 - Math.clz32(bit)
      let edge = edges[index] as Edge
      if (edge.lifts.length > 0) {
        index = this.#lifted(edges, index, link)
        edge = edges[index] as Edge
      }
      if (this.#closes(edge, link)) continue
      const { to } = edge
      if (to === undefined) {
        if (edge.settledBy === 'next') addComplete(matches.complete, partial)
        else open |= 1 << index
        continue
      }
      const takes = this.#conditions.fits(to.test, link)
      if (takes) this.#take(matches, edge, partial, next)
      if (edge.contiguity === 'any' || (edge.contiguity === 'relaxed' && !takes)) open |= 1 << index
    }
    partial.open = open
    if (open !== 0) next.push(partial)
  }

  /** The edge that counts now: guards may be lifted by this very record. */
  #lifted(edges: readonly Edge[], index: number, link: Link): number {
    for (let at = index; ;) {
      const { lifts } = edges[at] as Edge
      const lift = lifts.find(({ conditions }) => this.#conditions.anyHolds(conditions, link))
      if (lift === undefined) return at
      at = lift.edge
    }
  }

  #closes({ withinMs, guards }: Edge, link: Link): boolean {
    if (withinMs !== Infinity && this.#time - link.event.time >= withinMs) return true
    for (let i = 0; i < guards.length; i++) {
      const guard = guards[i] as Edge['guards'][number]
      if (guard.scope === 'next' && link.event.seq + 1 !== this.#seq) continue
      if (this.#conditions.fits(guard.test, link)) return true
    }
    return false
  }

  #take(matches: Matches, { to }: Edge, from: Partial | undefined, into: Partial[]): void {
    if (to === undefined) return
    this.#event ??= { value: this.#value, time: this.#time, seq: matches.seq }
    const event = this.#event
    const link: Link = { position: to, event, before: from?.link }
    const start = from?.start ?? event
    if (to.accepts) addComplete(matches.complete, { link, start })
    if (to.open !== 0) into.push({ link, start, open: to.open })
  }

  #release(matches: Matches, time: number): void {
    const { complete } = matches
    if (this.#skip.kind === 'none') {
      for (const { link } of complete) this.#target.onMatch(link, time)
      complete.length = 0
      return
    }
    for (;;) {
      const first = matches.complete[0]
      if (first === undefined) return
      const [earliest] = matches.partial
      if (earliest !== undefined && earliest.start.seq < first.start.seq) return
      matches.complete.shift()
      this.#target.onMatch(first.link, time)
      const from = firstKept(this.#skip, first)
      matches.partial = matches.partial.filter(({ start }) => start.seq >= from)
      matches.complete = matches.complete.filter(({ start }) => start.seq >= from)
    }
  }
}

/** By first record; those that begin alike in the order in which they were found. */
function addComplete(complete: Complete[], { link, start }: Complete): void {
  let at = complete.length
  while (at > 0 && (complete[at - 1] as Complete).start.seq > start.seq) at -= 1
  if (at === complete.length) complete.push({ link, start })
  else complete.splice(at, 0, { link, start })
}

/** Matches that began before this record are taken away. */
function firstKept(skip: SkipSpec, { link, start }: Complete): number {
  switch (skip.kind) {
    case 'none':
      return 0
    case 'to-next':
      return start.seq + 1
    case 'past-last':
      return link.event.seq + 1
    default:
      return takenBy(skip.step, skip.kind === 'to-first' ? 'first' : 'last', link)?.seq ?? 0
  }
}
