/**
 * The place of one key: its partial matches, and complete ones that wait for them.
 *
 * Owned by the match operator, which makes one when the first record of a key comes and lets go of those
 * that have nothing in progress once there are many of them.
 *
 *   KP-1  `store` then `restore` gives the same matches, and stores each record that they have in common
 *         once.
 */
import { assert } from '../../base/assert.ts'
import type { Key } from '../../graph/key.ts'
import type { Slot } from '../../state/change-log.ts'
import type { Automaton } from './compile.ts'
import type { Complete, Link, Partial, Taken } from './matched.ts'
import type { Matches } from './matcher.ts'

/** Plain data: positions and earlier parts of the list by their number. */
type Stored = readonly [
  seq: number,
  events: readonly (readonly [time: number, seq: number, value: unknown])[],
  /** Position, event, link before (-1: none). */
  links: readonly (readonly [number, number, number])[],
  partial: readonly (readonly [link: number, open: number])[],
  complete: readonly number[],
]

export class KeyMatches implements Matches, Slot {
  readonly key: Key
  /** GONE, or 0, while it is empty. */
  touched = 0
  first: Partial | undefined = undefined
  seq = 0
  complete: Complete[] | undefined = undefined
  /** The earliest entry of this key in the queue of deadlines; Infinity: none. */
  alarm = Infinity

  constructor(key: Key) {
    this.key = key
  }

  /** Complete matches wait for partial ones, so without these there is nothing. */
  get empty(): boolean {
    return this.first === undefined
  }

  store(): Stored {
    const events: [number, number, unknown][] = []
    const links: [number, number, number][] = []
    const eventNumbers = new Map<Taken, number>()
    const linkNumbers = new Map<Link, number>()
    const numberOf = (link: Link): number => {
      // From the first record on, so that a link comes after those before it; no recursion: chains are long.
      const chain: Link[] = []
      let first: Link | undefined = link
      for (; first !== undefined && !linkNumbers.has(first); first = first.before) chain.push(first)
      for (const each of chain.reverse()) {
        let event = eventNumbers.get(each.event)
        if (event === undefined) {
          const { time, seq, value } = each.event
          event = events.push([time, seq, value]) - 1
          eventNumbers.set(each.event, event)
        }
        const before = each.before === undefined ? -1 : (linkNumbers.get(each.before) ?? -1)
        linkNumbers.set(each, links.push([each.position.index, event, before]) - 1)
      }
      return linkNumbers.get(link) ?? -1
    }
    const partial: (readonly [number, number])[] = []
    for (let each = this.first; each !== undefined; each = each.next) {
      partial.push([numberOf(each.link), each.open])
    }
    const complete = (this.complete ?? []).map(({ link }) => numberOf(link))
    return [this.seq, events, links, partial, complete]
  }

  static restore(key: Key, stored: unknown, { positions }: Automaton): KeyMatches {
    const [seq, events, links, partial, complete] = stored as Stored
    const matches = new KeyMatches(key)
    matches.seq = seq
    const taken = events.map(([time, number, value]): Taken => ({ time, seq: number, value }))
    const made: Link[] = []
    const starts: Taken[] = []
    for (const [at, event, before] of links) {
      const position = positions[at]
      const own = taken[event]
      assert(position !== undefined && own !== undefined, 'a stored partial match is a path of its pattern')
      made.push({ position, event: own, before: made[before] })
      starts.push(starts[before] ?? own)
    }
    const at = (index: number): Complete => {
      const link = made[index]
      const start = starts[index]
      assert(link !== undefined && start !== undefined, 'a stored match has its last record')
      return { link, start }
    }
    // From the last on, since each points to the next.
    for (const [index, open] of partial.toReversed()) {
      const { link, start } = at(index)
      matches.first = { link, start, open, awaits: link.position.awaits, next: matches.first }
    }
    if (complete.length > 0) matches.complete = complete.map(at)
    return matches
  }
}
