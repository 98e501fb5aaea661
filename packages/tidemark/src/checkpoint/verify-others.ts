/**
 * Which checkpoints a damage concerns: increments go on top of files that others rest on, too.
 *
 * Called by inspect.ts when one checkpoint of a state directory is not whole. Reads only; every file once.
 */
import { isStreamError } from '../base/errors.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { checkpointFile } from './layout.ts'
import type { FileEntry } from './manifest.ts'
import type { Facts } from './read.ts'

/** Reads a file of a checkpoint; throws if it is not what the manifest says. */
export type CheckFile = (path: string, entry: FileEntry) => Io<void>

/** All completed checkpoints but `id`, ascending. */
export function* verifyOthers(
  storage: Storage, directory: string, facts: Facts, id: number, check: CheckFile,
): Io<{ readonly id: number; readonly ok: boolean }[]> {
  const known = new Map<string, boolean>()
  const others: { id: number; ok: boolean }[] = []
  for (const fact of facts.manifests) {
    if (fact.id === id) continue
    const manifest = fact.kind === 'readable' ? fact.manifest : undefined
    let ok = manifest !== undefined
    for (const entry of manifest?.files ?? []) {
      const path = checkpointFile(directory, entry.checkpoint ?? fact.id, entry.name)
      const whole = known.get(path) ?? (yield* isWhole(storage, path, entry, check))
      known.set(path, whole)
      ok &&= whole
    }
    others.push({ id: fact.id, ok })
  }
  return others
}

function* isWhole(storage: Storage, path: string, entry: FileEntry, check: CheckFile): Io<boolean> {
  if ((yield* storage.stat(path))?.sizeBytes !== entry.length) return false
  try {
    yield* check(path, entry)
    return true
  } catch (error) {
    if (isStreamError(error)) return false
    throw error
  }
}
