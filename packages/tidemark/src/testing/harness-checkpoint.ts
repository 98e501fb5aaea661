/**
 * A completed checkpoint of a harness: to look into, and to start from.
 *
 * Made by the harness. State is decoded from the files of the checkpoint, not from the running job.
 */
import { checkpointId } from '../base/ids.ts'
import { assert } from '../base/assert.ts'
import { checkpointFile, manifestFile } from '../checkpoint/layout.ts'
import { ENUMERATOR_SUBTASK, parseManifest, writerOf } from '../checkpoint/manifest.ts'
import { mergeChains } from '../state/segment-chain.ts'
import { decodeSegment } from '../state/snapshot-format.ts'
import type { OperatorSnapshot } from '../state/snapshot.ts'
import type { DiskImage } from './disk-image.ts'
import { STATE } from './engine-process.ts'
import { E122_NOT_IN_THE_JOB } from './errors.ts'
import type { Recorded } from './recorder.ts'
import { OperatorState } from './state-view.ts'

/** Everything around the job at the moment of a checkpoint. */
export interface HarnessWorld {
  readonly disk: DiskImage
  readonly logs: ReadonlyMap<string, readonly unknown[]>
  readonly recorded: ReadonlyMap<string, Recorded>
}

export class HarnessCheckpoint {
  readonly id: number
  /** For `restoreFrom`; what is in it is the harness's own. */
  readonly world: HarnessWorld
  readonly #segments: ReadonlyMap<string, readonly OperatorSnapshot[]>

  constructor(id: number, world: HarnessWorld) {
    this.id = id
    this.world = world
    const path = manifestFile(STATE, id)
    const manifest = parseManifest(bytesOf(world.disk, path), path, checkpointId(id))
    const segments = new Map<string, OperatorSnapshot[]>()
    const decoded = manifest.segments.filter(({ subtask }) => subtask !== ENUMERATOR_SUBTASK).map((segment) => {
      const { offset, length } = segment
      const place = { file: checkpointFile(STATE, writerOf(manifest, segment), segment.file), offset }
      return decodeSegment(bytesOf(world.disk, place.file).subarray(offset, offset + length), place)
    })
    for (const { operator, snapshot } of mergeChains(decoded)) {
      segments.set(operator, [...(segments.get(operator) ?? []), snapshot])
    }
    this.#segments = segments
  }

  /** Names of operators that have state in it. */
  get operators(): readonly string[] {
    return [...this.#segments.keys()]
  }

  state(operator: string): OperatorState {
    const snapshots = this.#segments.get(operator)
    if (snapshots !== undefined) return new OperatorState(operator, snapshots)
    throw E122_NOT_IN_THE_JOB({ what: `operator in checkpoint #${this.id}`, name: operator, known: this.operators })
  }
}

function bytesOf(disk: DiskImage, path: string): Uint8Array {
  const bytes = disk.get(path)
  assert(bytes !== undefined, 'every file of a completed checkpoint is there')
  return bytes
}
