/**
 * Makes a directory whose path survives a crash from its root down to it.
 *
 * Called before the first durable file is written below a directory, by the checkpoint store and by the
 * file sink; at every start, since an earlier one may have died between making and syncing.
 *
 *   DD-1  Missing directories are made from the outside in, and the entry of each is durable before the
 *         next one is made: where a directory exists, all but its own entry are durable already.
 *   DD-2  The entry of the innermost one that exists is synced again, as far as this user may do that.
 */
import { isStreamError } from './errors.ts'
import type { Io } from './io.ts'
import type { Access, Storage } from './ports.ts'
import { E054_NO_PERMISSION } from './storage-errors.ts'

export function* makeDurableDirectory(storage: Storage, path: string, access?: Access): Io<void> {
  const missing: string[] = []
  let at = path
  while (at !== '/' && (yield* storage.stat(at)) === undefined) {
    missing.push(at)
    at = parentOf(at)
  }
  if (at !== '/') yield* syncIfAllowed(storage, parentOf(at))
  for (const directory of missing.toReversed()) {
    yield* storage.makeDirectory(directory, access)
    yield* storage.syncDirectory(parentOf(directory))
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 1))

/** A directory that somebody else owns and made long ago may be closed to us. */
function* syncIfAllowed(storage: Storage, directory: string): Io<void> {
  try {
    yield* storage.syncDirectory(directory)
  } catch (error) {
    if (!isStreamError(error) || error.code !== E054_NO_PERMISSION.definition.code) throw error
  }
}
