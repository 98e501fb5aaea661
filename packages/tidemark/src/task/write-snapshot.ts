/**
 * Writes what a chain cut at a barrier into the state file of the checkpoint.
 *
 * Called by the subtask, beside its processing; the cut is done when this begins (OP-3). States that an
 * operator still has to wait for (a sink that makes its staged output durable) settle side by side.
 *
 *   WN-1  An operator writes one segment, or several: those of its slices first, and last the one with its list
 *         states (XM-2).
 *   WN-2  Between two slices the subtask has its turn.
 */
import { isStreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { settleAll, type Io } from '../base/io.ts'
import type { Probe } from '../base/ports.ts'
import type { StateSegment } from '../base/protocol.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import { encodeSegment } from '../state/snapshot-format.ts'
import type { OperatorSnapshot, SnapshotSlices } from '../state/snapshot.ts'
import type { TaskOptions } from './options.ts'

const SLICE_ENTRIES = 1000
const SEGMENT_BYTES = 2 ** 20

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
  readonly options: Pick<TaskOptions, 'sliceEntries' | 'segmentBytes'>
}

/** One operator's part of a snapshot; undefined: after all there is nothing to write. */
export interface SnapshotPart {
  readonly operator: string
  readonly snapshot: OperatorSnapshot | Io<OperatorSnapshot | undefined>
}

/** What one operator wrote for a checkpoint, and what of an earlier one it goes on top of. */
export interface WrittenPart {
  readonly operator: string
  readonly segments: readonly StateSegment[]
  readonly onto: SnapshotSlices['onto']
}

/** Fails with the first error by position, after all parts have settled. `pause` ends in the next step. */
export function* writeSnapshot(
  place: SnapshotPlace, id: CheckpointId, parts: readonly SnapshotPart[], pause: () => Io<void>,
): Io<WrittenPart[]> {
  const outcomes = yield* settleAll(parts.map((part) => resolved(part.snapshot)))
  const written: WrittenPart[] = []
  for (const [i, outcome] of outcomes.entries()) {
    if (!outcome.ok) throw outcome.error
    if (outcome.value === undefined) continue
    const { operator } = parts[i] as SnapshotPart
    try {
      const segments = yield* writeOne(place, id, operator, outcome.value, pause)
      written.push({ operator, segments, onto: outcome.value.slices?.onto })
    } catch (error) {
      throw isStreamError(error) ? error.withPlace({ operator }) : error
    }
  }
  return written
}

function* writeOne(
  place: SnapshotPlace, id: CheckpointId, operator: string, { keyed, lists, slices }: OperatorSnapshot,
  pause: () => Io<void>,
): Io<StateSegment[]> {
  const segments: StateSegment[] = []
  if (slices !== undefined) yield* writeSlices(place, id, operator, slices, segments, pause)
  const rest = slices?.take() ?? []
  segments.push(yield* writeSegment(place, id, operator, { keyed: [...keyed, ...rest], lists }))
  return segments
}

/** All but the last of them, which goes into the last segment. */
function* writeSlices(
  place: SnapshotPlace, id: CheckpointId, operator: string, slices: SnapshotSlices, segments: StateSegment[],
  pause: () => Io<void>,
): Io<void> {
  const { sliceEntries = SLICE_ENTRIES, segmentBytes = SEGMENT_BYTES } = place.options
  while (slices.advance(sliceEntries)) {
    if (slices.ready < segmentBytes) {
      yield* pause()
      continue
    }
    const keyed = slices.take()
    if (keyed.length > 0) segments.push(yield* writeSegment(place, id, operator, { keyed, lists: [] }))
    yield* pause()
  }
}

function* writeSegment(
  { subtask, segments, probe, keyGroups: owned }: SnapshotPlace, id: CheckpointId, operator: string,
  snapshot: OperatorSnapshot,
): Io<StateSegment> {
  const keyGroups = snapshot.keyed.length > 0 ? { keyGroups: owned } : {}
  const { bytes, states } = encodeSegment({ operator, subtask, snapshot, ...keyGroups })
  probe('task.snapshot.write')
  const written = yield* segments.append(id, bytes)
  return { operator, subtask, ...written, states, ...keyGroups }
}

export function* resolved(snapshot: SnapshotPart['snapshot']): Io<OperatorSnapshot | undefined> {
  return 'keyed' in snapshot ? snapshot : yield* snapshot
}
