/**
 * What a replay has come to, against the checkpoint it was to reach: keyed state, entry by entry.
 *
 * Called by the host of a replay when its last checkpoint is complete. What sinks and enumerators hold is no part of
 * it: a replay writes nothing, and discovers only what had been discovered.
 *
 *   RPL-10  A difference that the clock alone makes is told apart, never left out: when a value with a TTL by it was
 *           written, timers of processing time, windows by the clock of the machine.
 *   RPL-11  With a key, only its entries are shown; those of other keys are counted, and count for the verdict.
 *
 * Source: checkpoint/inspection/diff.ts, of which this is a reading.
 */
import type { Io } from '../../base/io.ts'
import { diffCheckpoints } from '../../checkpoint/inspection/diff.ts'
import type { EntryChange, StateDiff } from '../../checkpoint/inspection/diff-groups.ts'
import type { EntryView } from '../../checkpoint/inspection/entry-view.ts'
import { formatKey } from '../../checkpoint/inspection/key-text.ts'
import { operatorsIn, statesIn } from '../../checkpoint/inspection/open.ts'
import type { OpenCheckpoint } from '../../checkpoint/inspection/operator-parts.ts'
import { eachEntry } from '../../checkpoint/inspection/query-state.ts'
import type { Key } from '../../graph/key.ts'
import type { LogicalGraph } from '../../graph/logical-graph.ts'
import { goesByClock } from './clock-notes.ts'

/** One state that differs. `before` of an entry is what the replay came to, `after` what the checkpoint holds. */
export interface ReplayDifference {
  readonly operator: string
  readonly state: string
  readonly kind: string
  /** In the checkpoint alone. */
  readonly added: number
  /** In the replay alone. */
  readonly removed: number
  readonly changed: number
  /** Of the changes so many are only of when a value was written; they are among the entries last. */
  readonly onlyWritten: number
  /** All of it is a matter of the clock. */
  readonly byClock: boolean
  /** With a key: changes of other keys. */
  readonly otherKeys?: number
  /** The first ones; with a key, of that key. */
  readonly entries: readonly EntryChange[]
}

export type ReplayVerdict = 'equal' | 'equal but for the clock' | 'differs'

export interface Comparison {
  readonly verdict: ReplayVerdict
  readonly differences: readonly ReplayDifference[]
}

/** `limit`: entries of each state. */
export function* compareWith(
  reached: OpenCheckpoint, wanted: OpenCheckpoint, graph: LogicalGraph,
  choice: { readonly limit: number; readonly key?: Key },
): Io<Comparison> {
  const { limit, key } = choice
  const differences: ReplayDifference[] = []
  const { states } = yield* diffCheckpoints(reached, wanted, { limit: Math.max(1, limit) })
  for (const found of states) {
    const all = key === undefined && !found.entries.some(isStamped) ? found : yield* whole(reached, wanted, found)
    differences.push(read(all, goesByClock(graph, found), limit, key))
  }
  const verdict = differences.length === 0
    ? 'equal'
    : differences.every(({ byClock }) => byClock) ? 'equal but for the clock' : 'differs'
  return { verdict, differences }
}

/** With all of its entries: what is written again without a change must be told from what has changed. */
function* whole(reached: OpenCheckpoint, wanted: OpenCheckpoint, { operator, state }: StateDiff): Io<StateDiff> {
  const again = yield* diffCheckpoints(reached, wanted, { operator, state, limit: Number.POSITIVE_INFINITY })
  return again.states.find((one) => one.operator === operator && one.state === state) as StateDiff
}

function read(diff: StateDiff, clock: boolean, limit: number, key: Key | undefined): ReplayDifference {
  const { operator, state, kind, added, removed, changed, entries } = diff
  const onlyWritten = entries.filter(isWrittenAgain).length
  const ours = key === undefined ? entries : entries.filter((entry) => entry.key === formatKey(key))
  const shown = [...ours.filter((entry) => !isWrittenAgain(entry)), ...ours.filter(isWrittenAgain)].slice(0, limit)
  return {
    operator, state, kind, added, removed, changed, onlyWritten,
    byClock: clock || onlyWritten === added + removed + changed,
    ...(key === undefined ? {} : { otherKeys: entries.length - ours.length }),
    entries: shown,
  }
}

const isStamped = ({ before, after }: EntryChange): boolean => (before ?? after)?.writtenAtMs !== undefined

const isWrittenAgain = ({ before, after }: EntryChange): boolean =>
  before?.writtenAtMs !== undefined && after !== undefined &&
  JSON.stringify(before.value) === JSON.stringify(after.value)

/** What one key holds in one state: where the replay began, where it ended, and in the checkpoint it was to reach. */
export interface KeyHistory {
  readonly operator: string
  readonly state: string
  readonly kind: string
  readonly from: readonly EntryView[]
  readonly reached: readonly EntryView[]
  readonly to: readonly EntryView[]
}

/** Of every keyed state that holds something for the key in one of the three. */
export function* historyOf(
  key: Key, from: OpenCheckpoint, reached: OpenCheckpoint, to: OpenCheckpoint,
): Io<readonly KeyHistory[]> {
  const histories: KeyHistory[] = []
  const places = new Map([from, reached, to].flatMap(({ manifest }) => operatorsIn(manifest).flatMap((operator) =>
    statesIn(manifest, operator).filter(({ keyed }) => keyed)
      .map(({ name: state, kind }) => [JSON.stringify([operator, state]), { operator, state, kind }] as const))))
  for (const place of places.values()) {
    const history = {
      ...place,
      from: yield* entriesOf(from, place, key),
      reached: yield* entriesOf(reached, place, key),
      to: yield* entriesOf(to, place, key),
    }
    if (history.from.length + history.reached.length + history.to.length > 0) histories.push(history)
  }
  return histories
}

function* entriesOf(
  opened: OpenCheckpoint, { operator, state }: { readonly operator: string; readonly state: string }, key: Key,
): Io<readonly EntryView[]> {
  const present = operatorsIn(opened.manifest).includes(operator) &&
    statesIn(opened.manifest, operator).some(({ name, keyed }) => keyed && name === state)
  if (!present) return []
  const entries: EntryView[] = []
  yield* eachEntry(opened, operator, state, { key }, (entry) => {
    entries.push(entry)
    return true
  })
  return entries
}
