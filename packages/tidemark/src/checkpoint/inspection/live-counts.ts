/**
 * How many entries the states of an operator have, where the manifest knows only what its files hold.
 *
 * Called by list-states.ts and inspect.ts. Only states that consist of several segments are read, and only if that
 * is not much: both commands answer at once, whatever the size of the state.
 */
import { isStreamError } from '../../base/errors.ts'
import type { Io } from '../../base/io.ts'
import { statesIn, type StateName } from './open.ts'
import { partsOf, visitGroups, type OpenCheckpoint } from './operator-parts.ts'

export interface CountedState extends StateName {
  /** `entries` is not counted, but the number of records in files: there are so many at most. */
  readonly atMost?: true
}

const MOST_BYTES_TO_COUNT = 1 << 26

/** As `statesIn`. */
export function* countedStates(opened: OpenCheckpoint, operator: string): Io<readonly CountedState[]> {
  const states = statesIn(opened.manifest, operator)
  if (states.every(({ records }) => records === undefined)) return states
  const live = yield* liveEntries(opened, operator)
  return states.map((state) => {
    if (state.records === undefined) return state
    return live === undefined ? { ...state, atMost: true } : { ...state, entries: live.get(state.name) ?? 0 }
  })
}

/** Of keyed states, by name. Undefined: too much to be read for it, or damaged, which `verify` tells. */
function* liveEntries(opened: OpenCheckpoint, operator: string): Io<ReadonlyMap<string, number> | undefined> {
  const bytes = partsOf(opened.manifest, operator).reduce((sum, { length }) => sum + length, 0)
  if (bytes > MOST_BYTES_TO_COUNT) return undefined
  const counts = new Map<string, number>()
  try {
    yield* visitGroups(opened, operator, {}, ({ name }, { entries }) => {
      counts.set(name, (counts.get(name) ?? 0) + entries)
      return true
    })
  } catch (error) {
    if (isStreamError(error)) return undefined
    throw error
  }
  return counts
}
