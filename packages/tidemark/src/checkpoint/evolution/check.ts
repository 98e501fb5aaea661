/**
 * A job held against a checkpoint without running it: what `tidemark check` says.
 *
 * Reads every part of the checkpoint, one at a time, and puts each value that would be migrated through its upgrade, so
 * that a value nobody thought of is found here and not in the night of the deployment. Writes nothing.
 *
 *   EQ-1  It says that the state fits only if a start from this checkpoint would load it (EC-3, EV-2, EV-3).
 */
import { isStreamError, type StreamError } from '../../base/errors.ts'
import type { Io } from '../../base/io.ts'
import { describedStates, keptStates } from '../../graph/kept-states.ts'
import type { LogicalGraph, LogicalOperator } from '../../graph/logical-graph.ts'
import { formerNamesOf, resourcesOf } from '../../graph/resources.ts'
import { keptMigrationOf } from '../../state/evolution/kept.ts'
import { migrationOf, storedFor, type Migration } from '../../state/evolution/migrate.ts'
import { readEntries } from '../../state/snapshot-format.ts'
import type { KeyedStateSnapshot } from '../../state/snapshot.ts'
import type { EpochStart } from '../epochs.ts'
import { operatorsIn } from '../inspection/open.ts'
import { partsOf, readPart, type OpenCheckpoint } from '../inspection/operator-parts.ts'
import { checkIdentity } from '../recover.ts'
import { restorableAt, type Restorable } from '../savepoint.ts'
import type { Storage } from '../../base/ports.ts'
import { compareStates, problemOf, type Comparison, type OperatorFate, type StateFate } from './compare.ts'
import { StoredOperators } from './stored.ts'

export interface CheckedState extends StateFate {
  /** Values that were put through the upgrade. */
  readonly tried?: number
}

export interface Check extends Comparison {
  readonly checkpoint: number
  readonly operators: readonly (Omit<OperatorFate, 'states'> & { readonly states: readonly CheckedState[] })[]
  /** About the job as a whole: another job, another input, another number of key groups. */
  readonly misfit: StreamError | undefined
  readonly fits: boolean
}

export function* checkAgainst(
  storage: Storage, opened: OpenCheckpoint, graph: LogicalGraph, allowDropped: readonly string[],
): Io<Check> {
  const { manifest, directory } = opened
  const { checkpoint } = manifest
  const restorable = yield* restorableAt(storage, directory, String(checkpoint))
  const stored = new StoredOperators()
  for (const operator of operatorsIn(manifest)) {
    for (const part of partsOf(manifest, operator)) stored.add(yield* readPart(opened, part))
  }
  const committed = manifest.origin?.committed ?? restorable.committed
  const compared = compareStates(stored.of(manifest), graph, { checkpoint, allowDropped, committed })
  const operators: OperatorFate[] = []
  for (const fate of compared.operators) operators.push(yield* tried(opened, graph, fate))
  const misfit = misfitOf(restorable, graph)
  const outcome = { operators, unused: compared.unused }
  return { ...outcome, checkpoint, misfit, fits: misfit === undefined && problemOf(outcome) === undefined }
}

/** As `run --from` would find it; where output goes may change. */
function misfitOf({ directory, manifest, resources }: Restorable, graph: LogicalGraph): StreamError | undefined {
  const { job, maxParallelism, lineage, epoch } = manifest
  const last: EpochStart = { epoch, restored: null, lineage, fresh: false, brought: true, job, maxParallelism, resources }
  const now = {
    job: graph.job, maxParallelism: graph.maxParallelism, formerNames: formerNamesOf(graph),
    resources: resourcesOf(graph).map(({ operator, kind, resource }) => ({ operator, role: kind, resource })),
  }
  return checkIdentity(directory, { job, last }, now, false)
}

function* tried(opened: OpenCheckpoint, graph: LogicalGraph, fate: OperatorFate): Io<OperatorFate> {
  if (!fate.states.some(({ verdict }) => verdict === 'migrated')) return fate
  const states: CheckedState[] = []
  for (const state of fate.states) {
    states.push(state.verdict === 'migrated' ? yield* tryValues(opened, graph, fate, state) : state)
  }
  return states.some(({ problem }) => problem !== undefined) ? { ...fate, verdict: 'incompatible', states } : { ...fate, states }
}

function* tryValues(
  opened: OpenCheckpoint, graph: LogicalGraph, { operator, was = operator }: OperatorFate, fate: StateFate,
): Io<CheckedState> {
  const described = graph.operators.find(({ name }) => name === operator)
  if (described === undefined) return fate
  let values = 0
  try {
    for (const part of partsOf(opened.manifest, was)) {
      const { keyed } = (yield* readPart(opened, part)).snapshot
      const { found, migrate } = migrationIn(keyed, described, fate.state)
      for (const group of migrate === undefined ? [] : (found?.groups ?? [])) {
        for (const { key, value } of readEntries(group)) {
          migrate?.(key, value)
          values += 1
        }
      }
    }
  } catch (error) {
    if (!isStreamError(error) || error.kind !== 'state') throw error
    return { ...fate, verdict: 'incompatible', tried: values, problem: error }
  }
  return { ...fate, tried: values }
}

interface FoundMigration {
  readonly found?: KeyedStateSnapshot | undefined
  readonly migrate?: Migration | undefined
}

/** Of a state that the job declares, or of one that the engine keeps for it. */
function migrationIn(
  keyed: readonly KeyedStateSnapshot[], { name: operator, spec: described }: LogicalOperator, state: string,
): FoundMigration {
  const spec = describedStates(described)?.[state]
  const found = storedFor(keyed, state, spec ?? {})
  if (found === undefined) return {}
  if (spec !== undefined) return { found, migrate: migrationOf(found, { operator, name: state, spec }) }
  const kept = keptStates(described)[state]
  return kept === undefined ? { found } : { found, migrate: keptMigrationOf(found, operator, kept) }
}
