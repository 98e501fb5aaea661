/**
 * Makes a savepoint the own of the job that begins from it: nobody else begins from it, and it goes when it is not
 * needed any more (`run --from PATH --claim`).
 *
 * Called by begin-from.ts, which claims, and by the job (job/claimed-savepoint.ts), which removes.
 *
 *   origin.json (with a token) ─▶ SAVEPOINT/claimed.json (the same) ─▶ files copied, manifest linked ─▶ a checkpoint of
 *   the job's own completes ─▶ savepoint.json goes ─▶ files go ─▶ claimed.json goes ─▶ the directory goes
 *
 *   ON-1  `claimed.json` is linked before the first file is copied: of two that claim one savepoint the second is
 *         refused, and so is a start from it, by copy or by claim, of anybody but the owner.
 *   ON-2  Nothing of it is removed before a checkpoint of the owner's own has completed: until then its state directory
 *         could be thrown away and begun again. What was brought in is in its files whole by then, byte for byte.
 *   ON-3  `savepoint.json` goes first, durably: half a savepoint is none (SV-1). `claimed.json` goes when everything
 *         else has gone, durably: until then whoever finds it goes on.
 *   ON-4  Only what bears the token of this state directory is removed, and only what a savepoint holds: another
 *         savepoint at the same path is not touched, nor is a file that somebody put there.
 *   ON-5  A start from nothing (`--fresh`) gives a savepoint that is still whole back: its state may never have been
 *         brought in.
 *
 * Cut off anywhere, the next start or its first checkpoint goes on; cut off at the very last step, an empty directory
 * stays. The tokens are random, not paths, so that a state directory may be moved.
 * Source: Flink's claim mode CLAIM (FLIP-193), where the files themselves are taken over; own design.
 */
import { isStreamError } from '../base/errors.ts'
import type { Io } from '../base/io.ts'
import type { Ports, Storage } from '../base/ports.ts'
import { claim, encodeDocument, parseDocument, quietly } from './document.ts'
import { E186_OTHER_OWNER } from './errors-savepoint.ts'
import {
  checkpointDirectory, checkpointFile, checkpointsDirectory, claimedFile, parseCheckpointDirectory, parseManifestFile,
  parseStateFile, parseTemporary, savepointFile, temporaryName,
} from './layout.ts'
import { readIfThere, readOrigin, type Origin } from './origin.ts'
import { Shape } from './shape.ts'

/** What `claimed.json` says. */
interface Owner {
  readonly token: string
  /** Its state directory when it claimed, for messages. */
  readonly directory: string
}

/** ON-1. Throws E186 if somebody else owns it. `directory`: the owner's. */
export function* claimSavepoint(
  ports: Pick<Ports, 'storage' | 'random'>, path: string, owner: Owner,
): Io<void> {
  const { storage, random } = ports
  const at = { directory: path, path: claimedFile(path), temporary: temporaryName(0, 'claimed', random.uint32()) }
  if ((yield* readOwner(storage, path)) === undefined) yield* claim(storage, at, encodeDocument('claim', owner))
  yield* requireFree(storage, path, owner.token)
  // It may have been linked by a start that was cut off before the name was durable.
  yield* storage.syncDirectory(path)
}

/** Throws E186 if somebody else than `token` owns it. */
export function* requireFree(storage: Storage, path: string, token?: string): Io<void> {
  const owner = yield* readOwner(storage, path)
  if (owner !== undefined && owner.token !== token) throw E186_OTHER_OWNER({ path, owner: owner.directory })
}

/** ON-2 to ON-4: after a completed checkpoint. True: a savepoint was removed, or the rest of one. */
export function* removeOwnSavepoint(storage: Storage, directory: string): Io<boolean> {
  const origin = yield* readOrigin(storage, directory)
  if (origin === undefined || !(yield* isOwn(storage, origin))) return false
  const { from: path } = origin
  yield* storage.unlink(savepointFile(path))
  yield* storage.syncDirectory(path)
  const checkpoints = checkpointsDirectory(path)
  for (const name of (yield* storage.list(checkpoints)) ?? []) {
    const id = parseCheckpointDirectory(name)
    if (id !== undefined) yield* removeFiles(storage, path, id)
    else if (parseManifestFile(name) !== undefined || parseTemporary(name) !== undefined) {
      yield* storage.unlink(`${checkpoints}/${name}`)
    }
  }
  if ((yield* storage.list(checkpoints)) !== undefined) {
    yield* storage.syncDirectory(checkpoints)
    yield* removeEmpty(storage, checkpoints)
  }
  yield* storage.syncDirectory(path)
  yield* storage.unlink(claimedFile(path))
  for (const name of (yield* storage.list(path)) ?? []) {
    if (parseTemporary(name) !== undefined) yield* storage.unlink(`${path}/${name}`)
  }
  yield* storage.syncDirectory(path)
  // It stays if somebody keeps something of theirs in it.
  yield* quietly(storage.removeDirectory(path))
  return true
}

/** ON-5. */
export function* giveBackSavepoint(storage: Storage, directory: string): Io<void> {
  const origin = yield* readOrigin(storage, directory)
  if (origin === undefined || !(yield* isOwn(storage, origin))) return
  if ((yield* storage.stat(savepointFile(origin.from))) === undefined) return
  yield* storage.unlink(claimedFile(origin.from))
  yield* storage.syncDirectory(origin.from)
}

function* isOwn(storage: Storage, { from, claim: token }: Origin): Io<boolean> {
  return token !== undefined && (yield* readOwner(storage, from))?.token === token
}

function* readOwner(storage: Storage, path: string): Io<Owner | undefined> {
  const file = claimedFile(path)
  const bytes = yield* readIfThere(storage, file)
  if (bytes === undefined) return undefined
  const shape = new Shape(parseDocument('claim', bytes, file), file)
  return { token: shape.string('token'), directory: shape.string('directory') }
}

function* removeFiles(storage: Storage, path: string, id: number): Io<void> {
  const directory = checkpointDirectory(path, id)
  for (const name of (yield* storage.list(directory)) ?? []) {
    if (parseStateFile(name) !== undefined) yield* storage.unlink(checkpointFile(path, id, name))
  }
  yield* storage.syncDirectory(directory)
  yield* removeEmpty(storage, directory)
}

/** It stays if something of somebody's is in it. Any other failure is thrown: `claimed.json` must not go before it. */
function* removeEmpty(storage: Storage, directory: string): Io<void> {
  try {
    yield* storage.removeDirectory(directory)
  } catch (error) {
    if (!isStreamError(error) || !FILLED.has((error.details as { readonly errno?: string } | undefined)?.errno ?? '')) throw error
  }
}

const FILLED: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST'])
