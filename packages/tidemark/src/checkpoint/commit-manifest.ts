/**
 * Makes a checkpoint complete: the underlining of the number in the book.
 *
 * Called by the coordinator when every part is acknowledged and all files are sealed.
 *
 *   CM-1  The manifest is written to a temporary name, fsynced, claimed by link(), and the directory
 *         fsynced, before 'committed' is returned: only then may anything be committed outside.
 *   CM-2  The newest epoch is read after the link: a writer that was succeeded learns it here, and
 *         its manifest is not reachable (EP-2).
 *   CM-3  An error from the link on leaves the outcome unknown: 'unknown' is not failure, and nothing
 *         of that checkpoint may be deleted.
 *   CM-4  The first completion of a lineage leaves a mark outside checkpoints/, so that losing that
 *         directory is noticed (F27).
 *
 * Source: decisions D7, D8; Flink CheckpointCoordinator.completePendingCheckpoint.
 */
import type { Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { claim, encodeDocument } from './document.ts'
import { newestHolder, stillMine } from './epochs.ts'
import { completedFile, checkpointsDirectory, finishedFile, manifestFile, temporaryName } from './layout.ts'
import { encodeManifest, type Manifest } from './manifest.ts'

export type CommitOutcome =
  | { readonly kind: 'committed' }
  /** Somebody without the right to it used this number. We go on with the next one. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'fenced'; readonly newest: number; readonly holder: string }
  | { readonly kind: 'unknown'; readonly error: unknown }

export type CommitPorts = Pick<Ports, 'storage' | 'probe' | 'random'>

export function* commitManifest(ports: CommitPorts, directory: string, manifest: Manifest): Io<CommitOutcome> {
  const { storage, probe } = ports
  const id = manifest.checkpoint
  const at = {
    directory: checkpointsDirectory(directory),
    temporary: temporaryName(manifest.epoch, `manifest-${id}`, ports.random.uint32()),
    path: manifestFile(directory, id),
  }
  let unknown = false
  try {
    const outcome = yield* claim(storage, at, encodeManifest(manifest), {
      created: () => probe('cp.manifest.tmp'),
      written: () => probe('cp.manifest.fsynced'),
      linking: () => {
        unknown = true
      },
      linked: () => probe('cp.manifest.linked'),
    })
    if (!(yield* stillMine(storage, directory, manifest.epoch))) {
      const { epoch: newest, holder } = yield* newestHolder(storage, directory)
      return { kind: 'fenced', newest, holder }
    }
    if (outcome === 'exists') return { kind: 'taken' }
    probe('cp.manifest.dirsynced')
    return { kind: 'committed' }
  } catch (error) {
    if (unknown) return { kind: 'unknown', error }
    throw error
  }
}

/** CM-4; finding the mark there already is as good. */
export function* markCompleted(
  ports: CommitPorts, directory: string, mine: Pick<Manifest, 'epoch' | 'lineage'>,
): Io<void> {
  yield* mark(ports, directory, mine, completedFile(directory, mine.lineage), 'completed')
}

/** The job has ended and everything up to `checkpoint` is committed: the next start has nothing to do. */
export function* markFinished(
  ports: CommitPorts, directory: string, mine: Pick<Manifest, 'epoch' | 'lineage' | 'checkpoint'>,
): Io<void> {
  yield* mark(ports, directory, mine, finishedFile(directory, mine.lineage, mine.checkpoint), 'finished')
}

function* mark(
  ports: CommitPorts, directory: string, mine: Pick<Manifest, 'epoch' | 'lineage'>, path: string, what: string,
): Io<void> {
  const at = { directory, temporary: temporaryName(mine.epoch, what, ports.random.uint32()), path }
  yield* claim(ports.storage, at, encodeDocument('mark', { mark: what, epoch: mine.epoch, lineage: mine.lineage }))
}
