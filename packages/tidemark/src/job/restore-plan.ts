/**
 * How much of a checkpoint a thread reads: all of it, what its subtasks own, or only what there is.
 *
 * Called by restore.ts. Lists are read by everybody: which items are whose is known when all are there.
 *
 *   SGR-1  'own': of keyed state nothing is missing that belongs to a subtask of the thread, whatever the parallelism was.
 *   SGR-2  'described': every operator, state and list is there, and no entry. How many entries a state has is then
 *         the sum of what its segments say: too many, if keys were set again or removed.
 */
import type { StateSegment } from '../base/protocol.ts'
import type { Manifest } from '../checkpoint/manifest.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import { descriptionOf } from '../state/snapshot.ts'
import { isKeyedKind, type DecodedSegment } from '../state/snapshot-format.ts'

export type RestorePlan =
  | { readonly kind: 'all' }
  /** `owns`: some subtask of this thread has some of these key groups of that operator, by its name in the checkpoint. */
  | { readonly kind: 'own'; readonly owns: (operator: string, groups: KeyGroupRange) => boolean }
  | { readonly kind: 'described' }

/** Those that have to be read, in their order. */
export function segmentsToRead(segments: readonly StateSegment[], plan: RestorePlan): readonly StateSegment[] {
  if (plan.kind === 'all') return segments
  // Lists are those of the last segment of a chain, and the newest description of a state counts.
  const known = new Set<string>()
  return segments.toReversed().filter((segment) => {
    const chain = chainOf(segment)
    const news = [chain, ...plan.kind === 'own' ? [] : segment.states.map(({ name }) => `${chain}/${name}`)].filter((id) => !known.has(id))
    for (const id of news) known.add(id)
    return news.length > 0 || (plan.kind === 'own' && ownsSome(plan.owns, segment))
  }).reverse()
}

/** What of a segment is kept in memory. `owned`: key groups of its chain, of which segments may have been left out. */
export function kept(decoded: DecodedSegment, plan: RestorePlan, owned: KeyGroupRange | undefined): DecodedSegment {
  const { keyed, lists } = decoded.snapshot
  const segment = owned === undefined ? decoded : { ...decoded, keyGroups: owned }
  if (plan.kind === 'all' || keyed.length === 0) return segment
  if (plan.kind === 'own') {
    const { keyGroups } = segment
    return keyGroups === undefined || plan.owns(segment.operator, keyGroups) ? segment : { ...segment, snapshot: { keyed: [], lists } }
  }
  const described = keyed.map((state) => ({ ...descriptionOf(state), groups: [] }))
  return { ...segment, snapshot: { keyed: described, lists } }
}

/** By subtask and operator; of chains that have some. */
export function groupsOfChains(segments: readonly StateSegment[]): (of: Pick<StateSegment, 'subtask' | 'operator'>) => KeyGroupRange | undefined {
  const owned = new Map(segments.flatMap(({ subtask, operator, keyGroups }) =>
    (keyGroups === undefined ? [] : [[chainOf({ subtask, operator }), keyGroups] as const])))
  return (segment) => owned.get(chainOf(segment))
}

const chainOf = ({ subtask, operator }: Pick<StateSegment, 'subtask' | 'operator'>): string => `${subtask} ${operator}`

/** SGR-2. */
export function entriesSaid(manifest: Manifest): (operator: string, state: string) => number | undefined {
  return (operator, state) => manifest.segments
    .filter((segment) => segment.operator === operator)
    .flatMap(({ states }) => states.filter(({ name, kind }) => name === state && isKeyedKind(kind)))
    .reduce((sum, { entries }) => sum + entries, 0)
}

const ownsSome = (owns: (operator: string, groups: KeyGroupRange) => boolean, { operator, keyGroups }: StateSegment): boolean =>
  keyGroups !== undefined && owns(operator, keyGroups)
