/**
 * Makes a savepoint of a completed checkpoint.
 *
 * Called by the job for a live one (live-savepoint.ts, job/job-supervisor.ts) and by the command line for the
 * checkpoint of a dead one.
 *
 *   TK-1  The target is claimed first, by a file that nobody else can create, and must be empty otherwise:
 *         two takers never write into the same directory.
 *   TK-2  Order: files, manifest, their directories, `savepoint.json` by link, the claim goes. At no instant
 *         is there a `savepoint.json` beside something that is not durable (SV-1).
 *   TK-3  After a failure before the link everything that was written is removed; from the link on nothing is,
 *         since it is not known whether the savepoint stands. A crash leaves a directory that is refused as
 *         a savepoint and as a target.
 *   TK-4  The original is only read.
 */
import { crc32 } from '../base/crc32.ts'
import { describeThrown, isStreamError } from '../base/errors.ts'
import { makeDurableDirectory } from '../base/durable-directory.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Ports, Storage } from '../base/ports.ts'
import { E056_FILE_EXISTS } from '../base/storage-errors.ts'
import { copyFiles } from './copy-files.ts'
import { claim, encodeDocument, quietly, writeDurably } from './document.ts'
import { E116_SAVEPOINT_FAILED, E117_TARGET_IN_USE } from './errors-savepoint.ts'
import {
  checkpointDirectory, checkpointFile, checkpointsDirectory, manifestFile, parseCheckpointDirectory, parseTemporary,
  savepointFile, takingFile, temporaryName,
} from './layout.ts'
import { fullBytes } from './manifest.ts'
import type { Restorable, SavepointDocument } from './savepoint.ts'

export type SavepointPorts = Pick<Ports, 'storage' | 'random' | 'clock'>

/** A savepoint that stands. */
export interface TakenSavepoint {
  readonly path: string
  readonly checkpoint: CheckpointId
  readonly bytes: number
  /** Everything that it carries for sinks is committed by the job it was taken from (SV-4). */
  readonly committed: boolean
}

/** TK-1. Throws E117, or the error of the disk. The path is absolute; its parents are made. */
export function* claimTarget(storage: Storage, path: string): Io<void> {
  const inUse = (names: readonly string[]): Error =>
    E117_TARGET_IN_USE({ path, holds: names.includes('savepoint.json') ? 'a savepoint' : `${names[0] ?? 'something'}` })
  const before = (yield* storage.list(path)) ?? []
  if (before.length > 0) throw inUse(before)
  yield* makeDurableDirectory(storage, path)
  try {
    yield* storage.close(yield* storage.create(takingFile(path)))
  } catch (error) {
    if (isStreamError(error) && error.code === E056_FILE_EXISTS.definition.code) throw inUse(['.taking'])
    throw error
  }
  const others = ((yield* storage.list(path)) ?? []).filter((name) => name !== '.taking')
  if (others.length === 0) return
  yield* quietly(storage.unlink(takingFile(path)))
  throw inUse(others)
}

/** Of a target that was claimed and is not needed: an empty directory that we made goes, too. */
export function* releaseTarget(storage: Storage, path: string): Io<void> {
  yield* quietly(removeWritten(storage, path))
}

function* removeWritten(storage: Storage, path: string): Io<void> {
  const checkpoints = checkpointsDirectory(path)
  for (const name of (yield* storage.list(checkpoints)) ?? []) {
    const id = parseCheckpointDirectory(name)
    if (id === undefined) {
      yield* storage.unlink(`${checkpoints}/${name}`)
      continue
    }
    const directory = checkpointDirectory(path, id)
    for (const file of (yield* storage.list(directory)) ?? []) yield* storage.unlink(checkpointFile(path, id, file))
    yield* storage.removeDirectory(directory)
  }
  yield* storage.removeDirectory(checkpoints)
  for (const name of (yield* storage.list(path)) ?? []) {
    if (parseTemporary(name) !== undefined) yield* storage.unlink(`${path}/${name}`)
  }
  yield* storage.unlink(takingFile(path))
  yield* storage.removeDirectory(path)
}

/** Into a claimed target. Throws E116 with its cause; the target is then released, unless it may stand (TK-3). */
export function writeSavepoint(
  ports: SavepointPorts, from: Restorable, path: string, engine: string, goOn?: () => void,
): Io<TakenSavepoint> {
  const fill = function* (): Io<Restorable> {
    const { directory, manifest } = from
    const copying = { from: directory, to: path, epoch: manifest.epoch, ...(goOn === undefined ? {} : { goOn }) }
    yield* copyFiles(ports, manifest, copying)
    return from
  }
  return fillSavepoint(ports, { path, engine, checkpoint: from.manifest.checkpoint }, fill, goOn)
}

/**
 * The same with other contents: `fill` writes the files of the checkpoint, makes them and their directory entries
 * durable, and says what stands there.
 */
export function* fillSavepoint(
  ports: SavepointPorts, at: { readonly path: string; readonly engine: string; readonly checkpoint: CheckpointId },
  fill: () => Io<Pick<Restorable, 'manifest' | 'bytes' | 'resources' | 'committed'>>, goOn?: () => void,
): Io<TakenSavepoint> {
  const { storage } = ports
  const { path, engine, checkpoint: id } = at
  let linking = false
  try {
    yield* storage.makeDirectory(checkpointsDirectory(path))
    const from = yield* fill()
    yield* writeDurably(storage, manifestFile(path, id), from.bytes)
    yield* storage.syncDirectory(checkpointsDirectory(path))
    const document: SavepointDocument = {
      checkpoint: id, takenAtMs: ports.clock.wallMs(), engine,
      manifest: { length: from.bytes.length, crc32: crc32(from.bytes) },
      committed: from.committed, resources: from.resources,
    }
    const place = {
      directory: path, path: savepointFile(path),
      temporary: temporaryName(from.manifest.epoch, 'savepoint', ports.random.uint32()),
    }
    goOn?.()
    // The names of the directory itself, before anything says that they are all there.
    yield* storage.syncDirectory(path)
    yield* claim(storage, place, encodeDocument('savepoint', document), { linking: () => void (linking = true) })
    yield* quietly(storage.unlink(takingFile(path)))
    yield* quietly(storage.syncDirectory(path))
    return { path, checkpoint: id, bytes: fullBytes(from.manifest), committed: from.committed }
  } catch (error) {
    if (!linking) yield* releaseTarget(storage, path)
    // What is to be copied is damaged: another attempt would find it so, too.
    if (isStreamError(error) && error.kind === 'corrupt') throw error
    const problem = describeThrown(error).replace(/\.$/, '')
    throw E116_SAVEPOINT_FAILED({ path, problem }, { cause: error, place: { checkpoint: id } })
  }
}

/** Both at once: for a job that is dead, or at its end. */
export function* takeSavepoint(
  ports: SavepointPorts, from: Restorable, path: string, engine: string,
): Io<TakenSavepoint> {
  yield* claimTarget(ports.storage, path)
  return yield* writeSavepoint(ports, from, path, engine)
}
