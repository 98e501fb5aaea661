/** `origin.json` of a state directory that began elsewhere: from what, and whether that became its own. */
import { isStreamError } from '../base/errors.ts'
import { checkpointId, type CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { E055_FILE_MISSING } from '../base/storage-errors.ts'
import { parseDocument } from './document.ts'
import { originFile } from './layout.ts'
import { Shape } from './shape.ts'

/** Of a savepoint the very checkpoint, of a state directory the one that was named, or null: whatever is its newest. */
export interface Origin {
  /** The path that was given, for messages and for a repetition after it is gone. */
  readonly from: string
  readonly jobId: string
  readonly checkpoint: CheckpointId | null
  /** As it was named, if it was. What that means was settled when this was written. */
  readonly ref?: string
  /** The savepoint is this directory's own: what its `claimed.json` has to say for that (own-savepoint.ts). */
  readonly claim?: string
}

/** Undefined if the directory began by itself. Throws E050, E059, or the error of the disk. */
export function* readOrigin(storage: Storage, directory: string): Io<Origin | undefined> {
  const path = originFile(directory)
  const bytes = yield* readIfThere(storage, path)
  if (bytes === undefined) return undefined
  const shape = new Shape(parseDocument('origin', bytes, path), path)
  const checkpoint = shape.raw('checkpoint') === null ? null : checkpointId(shape.integer('checkpoint', 1))
  const ref = shape.raw('ref') === undefined ? {} : { ref: shape.string('ref') }
  const claim = shape.raw('claim') === undefined ? {} : { claim: shape.string('claim') }
  return { from: shape.string('from'), jobId: shape.string('jobId'), checkpoint, ...ref, ...claim }
}

export function* readIfThere(storage: Storage, path: string): Io<Uint8Array | undefined> {
  try {
    return yield* storage.readWhole(path)
  } catch (error) {
    if (isStreamError(error) && error.code === E055_FILE_MISSING.definition.code) return undefined
    throw error
  }
}
