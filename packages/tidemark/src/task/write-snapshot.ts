/**
 * Writes what a chain cut at a barrier into the state file of the checkpoint, one segment an operator.
 *
 * Called by the subtask, beside its processing; the cut is done when this begins (OP-3). States that an
 * operator still has to wait for (a sink that makes its staged output durable) settle side by side.
 */
import type { CheckpointId } from '../base/ids.ts'
import { settleAll, type Io } from '../base/io.ts'
import type { Probe } from '../base/ports.ts'
import type { StateSegment } from '../base/protocol.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import { encodeSegment } from '../state/snapshot-format.ts'
import type { OperatorSnapshot } from '../state/snapshot.ts'

export interface SegmentWriter {
  append(checkpoint: CheckpointId, bytes: Uint8Array): Io<{
    file: string; offset: number; length: number; crc32: number
  }>
}

export interface SnapshotPlace {
  readonly subtask: number
  readonly keyGroups: KeyGroupRange
  readonly segments: SegmentWriter
  readonly probe: Probe
}

/** One operator's part of a snapshot; undefined: after all there is nothing to write. */
export interface SnapshotPart {
  readonly operator: string
  readonly snapshot: OperatorSnapshot | Io<OperatorSnapshot | undefined>
}

/** Fails with the first error by position, after all parts have settled. */
export function* writeSnapshot(
  place: SnapshotPlace, id: CheckpointId, parts: readonly SnapshotPart[],
): Io<StateSegment[]> {
  const { subtask, segments: file, probe } = place
  const outcomes = yield* settleAll(parts.map((part) => resolved(part.snapshot)))
  const segments: StateSegment[] = []
  for (const [i, outcome] of outcomes.entries()) {
    if (!outcome.ok) throw outcome.error
    if (outcome.value === undefined) continue
    const { operator } = parts[i] as SnapshotPart
    const keyGroups = outcome.value.keyed.length > 0 ? { keyGroups: place.keyGroups } : {}
    const encoded = encodeSegment({ operator, subtask, snapshot: outcome.value, ...keyGroups })
    probe('task.snapshot.write')
    const written = yield* file.append(id, encoded.bytes)
    segments.push({ operator, subtask, ...written, states: encoded.states, ...keyGroups })
  }
  return segments
}

export function* resolved(snapshot: SnapshotPart['snapshot']): Io<OperatorSnapshot | undefined> {
  return 'keyed' in snapshot ? snapshot : yield* snapshot
}
