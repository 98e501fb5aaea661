/**
 * Of each operator of a chain of operators the segments that a checkpoint of this attempt consists of.
 *
 * Owned by the snapshot run of a subtask. What an operator cut onto an earlier checkpoint (`onto`) is told to
 * the coordinator together with the segments of that one.
 *
 *   XG-1  What is told lists every segment that a restore needs, oldest first (state/segment-chain.ts).
 *   XG-2  Only checkpoints from the newest complete one on are kept; what was cut before that still finds those
 *         that it was cut onto (`known`).
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { StateSegment } from '../base/protocol.ts'
import type { WrittenPart } from './write-snapshot.ts'

/** What each checkpoint added, oldest first. */
type Increments = readonly (readonly StateSegment[])[]

export type KnownChains = ReadonlyMap<CheckpointId, ReadonlyMap<string, Increments>>

export class SegmentChains {
  readonly #checkpoints = new Map<CheckpointId, ReadonlyMap<string, Increments>>()

  /** As of a cut. */
  get known(): KnownChains {
    return new Map(this.#checkpoints)
  }

  /** All segments of checkpoint `id`, of which `parts` were written now. `known` as it was at the cut. */
  add(id: CheckpointId, parts: readonly WrittenPart[], known: KnownChains): StateSegment[] {
    const chains = new Map(parts.map(({ operator, segments, onto }) => {
      if (onto === undefined) return [operator, [segments]] as const
      const below = known.get(onto.checkpoint)?.get(operator)
      assert(below !== undefined && below.length >= onto.increments, 'changes go on top of what is known')
      const kept = below.slice(0, onto.increments).map((increment) =>
        increment.map((segment) => ({ ...segment, checkpoint: segment.checkpoint ?? onto.checkpoint })))
      return [operator, [...kept, segments]] as const
    }))
    this.#checkpoints.set(id, chains)
    return [...chains.values()].flat(2)
  }

  complete(id: CheckpointId): void {
    for (const known of this.#checkpoints.keys()) if (known < id) this.#checkpoints.delete(known)
  }

  abort(id: CheckpointId): void {
    this.#checkpoints.delete(id)
  }
}
