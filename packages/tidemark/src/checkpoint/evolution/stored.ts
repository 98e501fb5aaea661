/**
 * What operators and states a checkpoint holds, as its own files say it: one side of compare.ts.
 *
 * Made of decoded segments, part by part, so that whoever reads large state need not hold it all.
 */
import { descriptionOf } from '../../state/snapshot.ts'
import type { KeyedStateSnapshot, ListStateSnapshot, StoredDescription } from '../../state/snapshot.ts'
import type { DecodedSegment } from '../../state/snapshot-format.ts'
import type { Manifest } from '../manifest.ts'

export interface StoredList {
  readonly name: string
  readonly items: number
  /** What was on its way to the operator. */
  readonly inFlight?: true
}

export interface StoredKeyed extends StoredDescription {
  readonly entries: number
}

export interface StoredOperator {
  readonly name: string
  /** Of the operator, e.g. `process`; undefined: the manifest does not say. */
  readonly kind: string | undefined
  readonly keyed: readonly StoredKeyed[]
  /** List state: positions, watermarks, pending output. */
  readonly lists: readonly StoredList[]
}

interface Draft {
  readonly keyed: Map<string, { state: KeyedStateSnapshot; entries: number }>
  readonly lists: Map<string, StoredList>
}

export class StoredOperators {
  readonly #drafts = new Map<string, Draft>()
  readonly #elsewhere: (operator: string, state: string) => number | undefined

  /** `elsewhere`: how many entries a keyed state has that are in no segment that is added. */
  constructor(elsewhere: (operator: string, state: string) => number | undefined = () => undefined) {
    this.#elsewhere = elsewhere
  }

  /** One segment an operator and subtask: chains are put together before (state/segment-chain.ts). */
  add({ operator, snapshot }: Pick<DecodedSegment, 'operator' | 'snapshot'>): void {
    const draft = this.#drafts.get(operator) ?? { keyed: new Map(), lists: new Map() }
    this.#drafts.set(operator, draft)
    for (const state of snapshot.keyed) {
      const known = draft.keyed.get(state.name) ?? { state, entries: 0 }
      known.entries += state.groups.reduce((sum, { entries }) => sum + entries, 0)
      draft.keyed.set(state.name, known)
    }
    for (const { name, items, redistribute } of snapshot.lists as readonly ListStateSnapshot[]) {
      const before = draft.lists.get(name)?.items ?? 0
      const inFlight = redistribute === 'in-flight' ? { inFlight: true } as const : {}
      draft.lists.set(name, { name, items: before + items.length, ...inFlight })
    }
  }

  /** In the order in which they were added. */
  of(manifest: Pick<Manifest, 'vertices'>): readonly StoredOperator[] {
    const kinds = new Map(manifest.vertices.flatMap(({ operators }) => operators.map(({ name, kind }) => [name, kind])))
    return [...this.#drafts].map(([name, { keyed, lists }]) => ({
      name,
      kind: kinds.get(name),
      keyed: [...keyed.values()].map(({ state, entries }) =>
        ({ ...descriptionOf(state), entries: this.#elsewhere(name, state.name) ?? entries })),
      lists: [...lists.values()],
    }))
  }
}
