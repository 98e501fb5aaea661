/**
 * The state of one operator as a test wants to see it: keys, values by state name, timers.
 *
 * Read from snapshots, without the job's code. Made by the harness.
 */
import { unreachable } from '../base/assert.ts'
import type { Key } from '../graph/key.ts'
import { readEntries } from '../state/snapshot-format.ts'
import type { KeyedStateSnapshot, OperatorSnapshot } from '../state/snapshot.ts'
import { encodeKeyText } from './canonical.ts'
import { E122_NOT_IN_THE_JOB } from './errors.ts'

export interface StateEntry {
  readonly key: Key
  /** For windows: [start, end) in milliseconds. */
  readonly window?: { readonly start: number; readonly end: number }
  readonly value: unknown
}

export interface StateTimer {
  readonly key: Key
  readonly time: number
  readonly domain: 'event' | 'processing'
}

/** Timers have a view of their own. */
const TIMERS = 'timers/'

export class OperatorState {
  readonly operator: string
  readonly #keyed: ReadonlyMap<string, readonly KeyedStateSnapshot[]>
  readonly #lists = new Map<string, unknown[]>()

  constructor(operator: string, snapshots: readonly OperatorSnapshot[]) {
    this.operator = operator
    const keyed = new Map<string, KeyedStateSnapshot[]>()
    for (const snapshot of snapshots) {
      for (const state of snapshot.keyed) keyed.set(state.name, [...(keyed.get(state.name) ?? []), state])
      for (const { name, items } of snapshot.lists) {
        this.#lists.set(name, [...(this.#lists.get(name) ?? []), ...items])
      }
    }
    this.#keyed = keyed
  }

  /** Names of keyed states; a window's contents are the state 'window'. */
  get names(): readonly string[] {
    return [...this.#keyed.keys()].filter((name) => !name.startsWith(TIMERS))
  }

  /** Every key that has state here, each once. */
  keys(): readonly Key[] {
    return [...new Set(this.names.flatMap((name) => this.entries(name).map(({ key }) => key)))]
  }

  entries(name: string): readonly StateEntry[] {
    const states = this.#keyed.get(name)
    if (states === undefined) {
      throw E122_NOT_IN_THE_JOB({ what: `state of "${this.operator}"`, name, known: this.names })
    }
    return states.flatMap((state) => [...entriesOf(state)])
  }

  /** Value of a key, undefined if there is none; of a window the newest one. */
  get(name: string, key: Key): unknown {
    const wanted = encodeKeyText(key)
    return this.entries(name).findLast((entry) => encodeKeyText(entry.key) === wanted)?.value
  }

  /** By time. */
  timers(): readonly StateTimer[] {
    return (['event', 'processing'] as const)
      .flatMap((domain) => (this.#keyed.get(`${TIMERS}${domain}`) ?? []).flatMap((state) =>
        [...entriesOf(state)].map(({ key, value }) => ({ key, time: value as number, domain }))))
      .toSorted((a, b) => a.time - b.time)
  }

  /** Operator state that belongs to no key, such as the positions of a source. */
  list(name: string): readonly unknown[] {
    return this.#lists.get(name) ?? []
  }
}

function* entriesOf(state: KeyedStateSnapshot): Generator<StateEntry> {
  for (const group of state.groups) {
    for (const { key, namespace, value } of readEntries(group)) {
      const plain = state.stamped === true ? withoutStamps(state.kind, value) : value
      if (namespace === undefined || namespace === null) yield { key, value: plain }
      else {
        const [start, end] = namespace as [number, number]
        yield { key, window: { start, end }, value: plain }
      }
    }
  }
}

/** Of states with a TTL: [stamp, value] without the first. */
function withoutStamps(kind: KeyedStateSnapshot['kind'], stored: unknown): unknown {
  const bare = (pair: unknown): unknown => (pair as [number, unknown])[1]
  switch (kind) {
    case 'list':
      return (stored as unknown[]).map(bare)
    case 'map':
      return new Map([...(stored as Map<unknown, unknown>)].map(([key, pair]) => [key, bare(pair)]))
    case 'value': case 'reducing': case 'aggregating':
      return bare(stored)
    case 'timers': case 'window':
      return unreachable('the engine does not stamp its own states')
  }
}
