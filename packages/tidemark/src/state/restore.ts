/**
 * Spreads the segments of one operator over its new subtasks (rescale is the general case of restore).
 *
 * Called by the task before `open`, with the segments of ALL old subtasks of the operator.
 *
 *   RS-1  Each keyed entry goes to exactly one new subtask: the owner of its key group.
 *   RS-2  'split' items: number i of the concatenation in old subtask order goes to subtask i mod
 *         parallelism; every item to exactly one. 'union' and 'in-flight' items: all to every subtask, in that order.
 *         'overlap' items: to the subtasks that own a key group of their writer; if those that did have left,
 *         all to every subtask. 'broadcast' items: all those of one old subtask that has any, in turn, to every subtask.
 *   RS-3  The result depends on the segments alone, not on the order in which they were read.
 *
 * Source: Flink StateAssignmentOperation, RoundRobinOperatorStateRepartitioner.
 */
import { assert, assertNever } from '../base/assert.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import { E057_CORRUPT_STATE } from './errors.ts'
import { readEntries, type DecodedSegment } from './snapshot-format.ts'
import { descriptionOf, stampsOf } from './snapshot.ts'
import type {
  KeyedEntry, KeyedStateSnapshot, KeyGroupSnapshot, Redistribute, RestoredOperator,
} from './snapshot.ts'

export interface RestorePlace {
  readonly subtask: number
  readonly parallelism: number
  readonly keyGroups: KeyGroupRange
}

interface OwnedState {
  readonly described: KeyedStateSnapshot
  readonly groups: KeyGroupSnapshot[]
}

export function restoreOperator(segments: readonly DecodedSegment[], place: RestorePlace): RestoredOperator {
  assert(place.subtask >= 0 && place.subtask < place.parallelism, 'the subtask exists at this parallelism')
  const ordered = [...segments].sort((a, b) => a.subtask - b.subtask)
  for (let i = 1; i < ordered.length; i++) {
    assert(ordered[i]?.subtask !== ordered[i - 1]?.subtask, 'one segment of an operator per old subtask')
  }
  const keyed = collectKeyed(ordered, place.keyGroups)
  const lists = collectLists(ordered, place)
  return {
    keyed: (name) => entriesOf(keyed.get(name)?.groups ?? []),
    keyedStates: [...keyed.values()].map(({ described }) => descriptionOf(described)),
    list: (name) => lists.get(name) ?? [],
    forget: () => keyed.clear(),
  }
}

/** States that own no entry here are listed, too: whether they still exist is asked of every subtask. */
function collectKeyed(segments: readonly DecodedSegment[], range: KeyGroupRange): Map<string, OwnedState> {
  const states = new Map<string, OwnedState>()
  for (const segment of segments) {
    for (const state of segment.snapshot.keyed) {
      const owned = states.get(state.name) ?? { described: state, groups: [] }
      states.set(state.name, owned)
      const { kind, version } = owned.described
      if (kind !== state.kind || stampsOf(owned.described) !== stampsOf(state) || version !== state.version) {
        throw disagreement(segment, `state "${state.name}" is described differently by two subtasks`)
      }
      for (const group of state.groups) {
        if (group.group >= range.start && group.group <= range.end) owned.groups.push(group)
      }
    }
  }
  for (const { described, groups } of states.values()) {
    groups.sort((a, b) => a.group - b.group)
    for (let i = 1; i < groups.length; i++) {
      if (groups[i]?.group !== groups[i - 1]?.group) continue
      throw disagreement(segments[0], `key group ${groups[i]?.group} of "${described.name}" is there twice`)
    }
  }
  return states
}

function collectLists(
  segments: readonly DecodedSegment[], place: RestorePlace,
): Map<string, readonly unknown[]> {
  const all = new Map<string, { readonly redistribute: Redistribute; readonly parts: ListPart[] }>()
  for (const segment of segments) {
    for (const { name, redistribute, items } of segment.snapshot.lists) {
      const known = all.get(name) ?? { redistribute, parts: [] }
      if (known.redistribute !== redistribute) {
        throw disagreement(segment, `list "${name}" is described differently by two subtasks`)
      }
      all.set(name, known)
      known.parts.push({ items, keyGroups: segment.keyGroups })
    }
  }
  const mine = new Map<string, readonly unknown[]>()
  for (const [name, { redistribute, parts }] of all) mine.set(name, shareOf(parts, redistribute, place))
  return mine
}

interface ListPart {
  readonly items: readonly unknown[]
  /** Undefined: its writer owned none in particular. */
  readonly keyGroups: KeyGroupRange | undefined
}

function shareOf(
  parts: readonly ListPart[], redistribute: Redistribute, { subtask, parallelism, keyGroups }: RestorePlace,
): readonly unknown[] {
  const everything = (): unknown[] => parts.flatMap(({ items }) => items)
  switch (redistribute) {
    case 'split':
      return everything().filter((_, i) => i % parallelism === subtask)
    case 'union':
    case 'in-flight':
      return everything()
    case 'broadcast':
      return parts[subtask % parts.length]?.items ?? []
    case 'overlap': {
      const mine = parts.filter(({ keyGroups: of }) =>
        of === undefined || (of.start <= keyGroups.end && of.end >= keyGroups.start))
      return mine.length === 0 ? everything() : mine.flatMap(({ items }) => items)
    }
    default:
      return assertNever(redistribute, 'way to redistribute')
  }
}

function entriesOf(groups: readonly KeyGroupSnapshot[]): Iterable<KeyedEntry> {
  return {
    * [Symbol.iterator]() {
      for (const group of groups) yield* readEntries(group)
    },
  }
}

function disagreement(segment: DecodedSegment | undefined, what: string): Error {
  const operator = segment?.operator ?? ''
  return E057_CORRUPT_STATE({ what, file: '', offset: 0 }, { place: { operator } })
}
