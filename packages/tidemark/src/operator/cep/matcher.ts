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
import { NONE, type Automaton, type Edge } from './compile.ts'
import { Conditions } from './conditions.ts'
import { takenBy, type Complete, type Link, type Partial, type Taken } from './matched.ts'

/** All matches of one key; the matcher changes it in place. */
export interface Matches {
  /** The first of its partial matches; undefined: nothing is in progress. */
  first: Partial | undefined
  /** Number of the next record. */
  seq: number
  /** Undefined: none. */
  complete: Complete[] | undefined
}

/** `matches`: those that the matcher was given. */
export interface MatchTarget<M extends Matches> {
  onMatch(matches: M, link: Link, time: number): void
  onTimeout(matches: M, link: Link, time: number): void
}

export class Matcher<M extends Matches> {
  readonly #automaton: Automaton
  readonly #start: readonly Edge[]
  readonly #skip: SkipSpec
  readonly #target: MatchTarget<M>
  readonly #conditions: Conditions
  /** The last partial match that stays so far; undefined: none. */
  #last: Partial | undefined
  #changed = false
  #event: Taken | undefined
  #time = 0
  #seq = 0

  constructor(automaton: Automaton, skip: SkipSpec, target: MatchTarget<M>, operator: string) {
    this.#automaton = automaton
    this.#start = automaton.start
    this.#skip = skip
    this.#target = target
    this.#conditions = new Conditions(automaton, operator)
  }

  /** The earliest time at which a partial match ends by itself; Infinity if none does. */
  deadline({ first }: Matches): number {
    const { withinMs, stepLimits } = this.#automaton
    if (first === undefined) return Infinity
    // In order of their first record, so those of the whole pattern are in order.
    if (!stepLimits) return first.start.time + withinMs
    let earliest = Infinity
    for (let each: Partial | undefined = first; each !== undefined; each = each.next) {
      earliest = Math.min(earliest, this.#deadlineOf(each))
    }
    return earliest
  }

  /** Takes a record; false if everything is as before, which most records leave it at. */
  record(matches: M, value: unknown, time: number): boolean {
    const conditions = this.#conditions
    const { begins } = this.#automaton
    const idle = matches.first === undefined
    conditions.next()
    if (idle) {
      if (!this.#begins(value)) return false
    } else if (this.#passes(matches, value)) {
      matches.seq += 1
      return false
    }
    this.#time = time
    this.#seq = matches.seq
    this.#event = undefined
    this.#last = undefined
    this.#changed = idle
    if (!idle) this.#advanceAll(matches, value)
    const start = this.#start
    for (let i = 0; i < start.length; i++) {
      const edge = start[i] as Edge
      if ((idle && begins !== NONE) || this.#starts(edge, value)) this.#take(matches, edge, value, undefined)
    }
    this.#endAfter(matches, this.#last)
    matches.seq += 1
    if (matches.complete !== undefined) this.#release(matches, time)
    return this.#changed
  }

  /** Ends partial matches whose time is over, in order of when it was. */
  advanceTo(matches: M, time: number): void {
    for (;;) {
      const due = this.deadline(matches)
      if (due > time || due === Infinity) return
      this.#last = undefined
      for (let each = matches.first; each !== undefined;) {
        const { next } = each
        if (this.#deadlineOf(each) > due || !this.#expire(matches, each, due)) this.#keep(matches, each)
        else drop(each)
        each = next
      }
      this.#endAfter(matches, this.#last)
      if (matches.complete !== undefined) this.#release(matches, due)
    }
  }

  /** Whether no partial match takes the record or minds it, and none begins; false: perhaps. */
  #passes({ first }: M, value: unknown): boolean {
    const conditions = this.#conditions
    const { begins } = this.#automaton
    if (begins === NONE || conditions.everLooked) return false
    for (let each = first; each !== undefined; each = each.next) {
      const { awaits } = each
      if (awaits === NONE || conditions.holds(awaits, value, each.link)) return false
    }
    return !conditions.begins(value)
  }

  #begins(value: unknown): boolean {
    if (this.#automaton.begins !== NONE) return this.#conditions.begins(value)
    const start = this.#start
    for (let i = 0; i < start.length; i++) if (this.#starts(start[i] as Edge, value)) return true
    return false
  }

  #starts({ to, guards }: Edge, value: unknown): boolean {
    if (to === undefined || !this.#conditions.fits(to.test, value, undefined)) return false
    for (let i = 0; i < guards.length; i++) {
      if (this.#conditions.fits((guards[i] as Edge['guards'][number]).test, value, undefined)) return false
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
  #expire(matches: M, partial: Partial, due: number): boolean {
    const { link, start } = partial
    const { ends, accepts } = link.position
    const ended = (partial.open & ends) !== 0
    if (ended) addComplete(matches, link, start)
    else if (!accepts) this.#target.onTimeout(matches, link, due)
    partial.open &= ~ends
    return !ended || partial.open === 0 || due >= start.time + this.#automaton.withinMs
  }

  /** Goes through the list and writes only where it changes: most records change nothing. */
  #advanceAll(matches: M, value: unknown): void {
    for (let each = matches.first; each !== undefined;) {
      const { next, open } = each
      this.#advance(matches, each, value)
      if (each.open !== open) this.#changed = true
      if (each.open !== 0) this.#keep(matches, each)
      else drop(each)
      each = next
    }
  }

  #advance(matches: M, partial: Partial, value: unknown): void {
    const { link } = partial
    const { edges } = link.position
    let left = partial.open
    let open = 0
    while (left !== 0) {
      const bit = left & -left
      left ^= bit
      let index = 31 - Math.clz32(bit)
      let edge = edges[index] as Edge
      if (!edge.plain) {
        if (edge.lifts.length > 0) {
          index = this.#lifted(edges, index, value, link)
          edge = edges[index] as Edge
        }
        if (this.#closes(edge, value, link)) continue
      }
      const { to } = edge
      if (to === undefined) {
        if (edge.settledBy === 'next') addComplete(matches, link, partial.start)
        else open |= 1 << index
        continue
      }
      const takes = this.#conditions.fits(to.test, value, link)
      if (takes) this.#take(matches, edge, value, partial)
      if (edge.contiguity === 'any' || (edge.contiguity === 'relaxed' && !takes)) open |= 1 << index
    }
    if (open !== partial.open) partial.open = open
  }

  /** The edge that counts now: guards may be lifted by this very record. */
  #lifted(edges: readonly Edge[], index: number, value: unknown, link: Link): number {
    for (let at = index; ;) {
      const { lifts } = edges[at] as Edge
      const lift = lifts.find(({ conditions }) => this.#conditions.anyHolds(conditions, value, link))
      if (lift === undefined) return at
      at = lift.edge
    }
  }

  #closes({ withinMs, guards }: Edge, value: unknown, link: Link): boolean {
    if (withinMs !== Infinity && this.#time - link.event.time >= withinMs) return true
    for (let i = 0; i < guards.length; i++) {
      const guard = guards[i] as Edge['guards'][number]
      if (guard.scope === 'next' && link.event.seq + 1 !== this.#seq) continue
      if (this.#conditions.fits(guard.test, value, link)) return true
    }
    return false
  }

  #take(matches: M, { to }: Edge, value: unknown, from: Partial | undefined): void {
    if (to === undefined) return
    this.#event ??= { value, time: this.#time, seq: this.#seq }
    const event = this.#event
    const link: Link = { position: to, event, before: from?.link }
    const start = from?.start ?? event
    this.#changed = true
    if (to.accepts) addComplete(matches, link, start)
    if (to.open !== 0) this.#keep(matches, { link, start, open: to.open, awaits: to.awaits, next: undefined })
  }

  /** The next one of the list that is being made anew. */
  #keep(matches: M, partial: Partial): void {
    const last = this.#last
    this.#last = partial
    if (last !== undefined) {
      if (last.next !== partial) last.next = partial
    } else if (matches.first !== partial) matches.first = partial
  }

  #endAfter(matches: M, last: Partial | undefined): void {
    if (last === undefined) matches.first = undefined
    else if (last.next !== undefined) last.next = undefined
  }

  /** Puts out what waits for nothing any more; `complete` is there. */
  #release(matches: M, time: number): void {
    const complete = matches.complete ?? []
    if (this.#skip.kind === 'none') {
      matches.complete = undefined
      for (let i = 0; i < complete.length; i++) {
        this.#target.onMatch(matches, (complete[i] as Complete).link, time)
      }
      return
    }
    for (;;) {
      const found = complete[0]
      if (found === undefined) break
      if (matches.first !== undefined && matches.first.start.seq < found.start.seq) return
      complete.shift()
      this.#target.onMatch(matches, found.link, time)
      const from = firstKept(this.#skip, found)
      // Both are in order of their first record.
      for (let { first } = matches; first !== undefined && first.start.seq < from; first = matches.first) {
        matches.first = first.next
        drop(first)
      }
      while (complete[0] !== undefined && complete[0].start.seq < from) complete.shift()
      this.#changed = true
    }
    matches.complete = undefined
  }
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

/** Of what came after it, too: garbage that has grown old would keep that until the next full collection. */
function drop(partial: Partial): void {
  partial.next = undefined
}

/** By first record; those that begin alike in the order in which they were found. */
function addComplete(matches: Matches, link: Link, start: Taken): void {
  const complete = matches.complete ??= []
  let at = complete.length
  while (at > 0 && (complete[at - 1] as Complete).start.seq > start.seq) at -= 1
  if (at === complete.length) complete.push({ link, start })
  else complete.splice(at, 0, { link, start })
}
