/** What a checkpoint says of one keyed state that is to be changed. Called by edit-state.ts and import-state.ts. */
import type { Io } from '../../base/io.ts'
import type { KeyedStateSnapshot } from '../../state/snapshot.ts'
import { E181_NOT_EDITABLE } from '../inspection/errors.ts'
import { findState } from '../inspection/open.ts'
import { partsOf, readPart, type OpenCheckpoint, type Part } from '../inspection/operator-parts.ts'

export type Description = Omit<KeyedStateSnapshot, 'groups' | 'extent'>

/** Throws E145, and E181 for what belongs to the engine. */
export function* describeState(opened: OpenCheckpoint, operator: string, state: string): Io<Description> {
  const { keyed, kind } = findState(opened.manifest, operator, state)
  const refuse = (problem: string, hint: string): Error =>
    E181_NOT_EDITABLE({ operator, state, problem, hints: [hint, 'see all states: tidemark state list DIR'] })
  if (!keyed) {
    throw refuse('it is list state of subtasks, positions and pending output among it', 'change keyed state only')
  }
  if (kind === 'timers') {
    throw refuse('timers belong to what set them', 'change the state that the timer reads when it fires')
  }
  for (const part of partsOf(opened.manifest, operator)) {
    const { snapshot } = yield* readPart(opened, part)
    const found = snapshot.keyed.find(({ name }) => name === state)
    if (found === undefined) continue
    const { groups: _groups, extent: _extent, ...description } = found
    return description
  }
  throw refuse('no part of the checkpoint describes it', 'take a savepoint after the job has written to it once')
}

/** The part that owns a key group; throws E181 if none does. */
export function partOwning(opened: OpenCheckpoint, operator: string, state: string, group: number): Part {
  const owner = partsOf(opened.manifest, operator).find(({ keyGroups }) =>
    keyGroups !== undefined && keyGroups.start <= group && group <= keyGroups.end)
  if (owner !== undefined) return owner
  throw E181_NOT_EDITABLE({
    operator, state, problem: `no part of the checkpoint holds key group ${group}`,
    hints: ['take a savepoint while all subtasks of the operator run'],
  })
}
