/**
 * Values of the job inside states that the engine keeps (graph/kept-states.ts), from one version of the job to the next:
 * accumulators of windows, records of windows, joins and patterns.
 *
 * Called by operator/create.ts, so that no operator knows of versions, and by checkpoint/evolution.
 *
 *   EA-2  What an operator restores is of its present version, by the rules of migrate.ts (EV-1 to EV-5) for each value.
 *   EA-3  A snapshot says of such a state whether it holds accumulators or records, of which version, and what
 *         accumulators are made of. One of before it did so is taken to be of version 1 and as it is now.
 *   EA-4  Accumulators are never read as records or the reverse: a checkpoint that has any of the other is refused (E194).
 */
import { assertNever } from '../../base/assert.ts'
import type { StreamError } from '../../base/errors.ts'
import { shapeSchema } from '../../graph/aggregate-shape.ts'
import { keptFormIn, keptSchema, type KeptForm, type KeptState } from '../../graph/kept-states.ts'
import type { Key } from '../../graph/key.ts'
import { E194_KEPT_CHANGED } from '../errors.ts'
import type { KeyedEntry, KeyedStateSnapshot, OperatorSnapshot, RestoredOperator, StoredDescription } from '../snapshot.ts'
import { changeOf, migrationOf, type Migration, type StateChange } from './migrate.ts'

export type KeptStates = Readonly<Record<string, KeptState>>

/** They were never anything else. */
const ALWAYS_ACCUMULATORS: ReadonlySet<string> = new Set(['panes', 'sessions/open'])

const formOf = ({ spec }: KeptState): KeptForm => (spec.kind === 'aggregating' ? 'accumulators' : 'records')

const storedForm = ({ name, jsonSchema }: StoredDescription): KeptForm | undefined =>
  (ALWAYS_ACCUMULATORS.has(name) ? 'accumulators' : keptFormIn(jsonSchema))

/** What becomes of a stored state that holds anything. */
export function keptChangeOf(stored: StoredDescription, operator: string, kept: KeptState): StateChange {
  const [before, now] = [storedForm(stored) ?? formOf(kept), formOf(kept)]
  if (before !== now) return { kind: 'refused', error: otherForm(stored, operator, before, now) }
  return changeOf(asOneValue(stored, kept), { operator, name: stored.name, spec: kept.spec })
}

const otherForm = ({ name }: StoredDescription, operator: string, stored: KeptForm, now: KeptForm): StreamError =>
  E194_KEPT_CHANGED({ operator, state: name, stored, now }, { place: { operator } })

/** What was on its way to a window whose accumulators change is of the version before, and says of no version. */
export const inFlightOf = (operator: string, state: string): StreamError => E194_KEPT_CHANGED({
  operator, state, inFlight: true,
  stored: 'accumulators of the version before, some of them in flight,', now: 'those of another',
}, { place: { operator } })

/** An entry holds several values in a form of the engine's; of each it is as if it were a state. */
const asOneValue = (stored: StoredDescription, { spec }: KeptState): StoredDescription => ({ ...stored, kind: spec.kind })

/** Of one entry. Undefined: entries are taken as they are. Throws what refuses the state. */
export function keptMigrationOf(stored: StoredDescription, operator: string, kept: KeptState): Migration | undefined {
  const change = keptChangeOf(stored, operator, kept)
  if (change.kind === 'none') return undefined
  if (change.kind === 'refused') throw change.error
  const of = (spec: KeptState['spec']): Migration =>
    migrationOf(asOneValue(stored, kept), { operator, name: stored.name, spec }) ?? ((_, value) => value)
  return inLayout(kept, of(kept.spec), of(kept.right ?? kept.spec))
}

type Timed = readonly [time: number, value: unknown, ...rest: readonly unknown[]]
type Tagged = readonly [time: number, element: readonly [side: 0 | 1, record: unknown]]
type Session = readonly [start: number, end: number, waits: boolean, accumulator?: unknown]
type Event = readonly [time: number, seq: number, value: unknown]
type Matches = readonly [seq: number, events: readonly Event[], ...rest: readonly unknown[]]

function inLayout({ layout }: KeptState, one: Migration, right: Migration): Migration {
  switch (layout) {
    case 'value':
      return one
    case 'timed':
      return (key, held) => (held as readonly Timed[]).map(([time, value, ...rest]) => [time, one(key, value), ...rest])
    case 'tagged':
      return (key, held) => (held as readonly Tagged[]).map(([time, [side, record]]) =>
        [time, [side, (side === 0 ? one : right)(key, record)]])
    case 'sessions':
      return (key, held) => (held as readonly Session[]).map((session) => {
        const [start, end, waits, accumulator] = session
        return session.length === 3 ? session : [start, end, waits, one(key, accumulator)]
      })
    case 'matches':
      return (key, held) => {
        const [seq, events, ...rest] = held as Matches
        return [seq, events.map(([time, number, value]) => [time, number, one(key, value)]), ...rest]
      }
    default:
      return assertNever(layout, 'layout of kept values')
  }
}

/** EA-2. What is refused is thrown when there is an entry of it. */
export function withPresentValues(
  restored: RestoredOperator | undefined, operator: string, kept: KeptStates,
): RestoredOperator | undefined {
  if (restored === undefined) return undefined
  const changed = restored.keyedStates.filter(({ name }) => Object.hasOwn(kept, name))
    .filter((stored) => keptChangeOf(stored, operator, kept[stored.name] as KeptState).kind !== 'none')
  if (changed.length === 0) return restored
  return {
    ...restored,
    keyed: (name) => {
      const stored = changed.find((state) => state.name === name)
      const entries = restored.keyed(name)
      return stored === undefined ? entries : migrated(entries, stored, operator, kept[name] as KeptState)
    },
  }
}

/** Iterated anew, it is migrated anew: entries are decoded anew, too. */
function migrated(
  entries: Iterable<KeyedEntry>, stored: StoredDescription, operator: string, kept: KeptState,
): Iterable<KeyedEntry> {
  return {
    * [Symbol.iterator]() {
      let migrate: ((key: Key, value: unknown) => unknown) | undefined
      for (const { key, namespace, value } of entries) {
        migrate ??= keptMigrationOf(stored, operator, kept)
        yield { key, namespace, value: migrate === undefined ? value : migrate(key, value) }
      }
    },
  }
}

/** EA-3. */
export function describeKept({ keyed, lists, slices }: OperatorSnapshot, kept: KeptStates): OperatorSnapshot {
  const described = (states: readonly KeyedStateSnapshot[]): KeyedStateSnapshot[] =>
    states.map((state) => (Object.hasOwn(kept, state.name) ? describeOne(state, kept[state.name] as KeptState) : state))
  if (slices === undefined) return { keyed: described(keyed), lists }
  return {
    keyed: described(keyed), lists,
    slices: {
      get onto() { return slices.onto },
      advance: (entries) => slices.advance(entries),
      get ready() { return slices.ready },
      take: () => described(slices.take()),
    },
  }
}

function describeOne(state: KeyedStateSnapshot, kept: KeptState): KeyedStateSnapshot {
  const { spec } = kept
  const made = spec.kind === 'aggregating' ? shapeSchema(spec.aggregate) : {}
  return { ...state, version: spec.version, jsonSchema: { ...keptSchema(formOf(kept)), ...made } }
}
