/**
 * From the last acknowledgement to a checkpoint that stands, or to the reason why not.
 *
 * Called by the coordinator, once a checkpoint; owns nothing. The laws are CM-1 to CM-4 (commit-manifest.ts).
 */
import type { Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { buildManifest } from './build-manifest.ts'
import { commitManifest, markCompleted, type CommitOutcome } from './commit-manifest.ts'
import type { CoordinatorHost, JobSummary } from './coordinator-host.ts'
import { newestHolder } from './epochs.ts'
import type { Manifest } from './manifest.ts'
import type { OpenedDirectory } from './open.ts'
import type { PendingCheckpoint } from './pending-checkpoint.ts'

export type NotCommitted = Exclude<CommitOutcome, { kind: 'committed' }>
export type Finalised = { readonly kind: 'committed'; readonly manifest: Manifest } | NotCommitted

export interface Finalising {
  readonly ports: Ports
  readonly opened: OpenedDirectory
  readonly host: Pick<CoordinatorHost, 'seal'>
  readonly job: JobSummary
  readonly pending: PendingCheckpoint
  /** The sources were told to end (stop --drain). */
  readonly draining: boolean
  /** The lineage has its mark of a completed checkpoint. */
  readonly marked: boolean
}

export function* finalise(from: Finalising): Io<Finalised> {
  const { ports, opened } = from
  try {
    return yield* underline(from)
  } catch (error) {
    // A successor may have cleared our files away: then that is what happened, not a broken disk.
    const { epoch: newest, holder } = yield* newestHolder(ports.storage, opened.directory)
    if (newest !== opened.epoch) return { kind: 'fenced', newest, holder }
    throw error
  }
}

function* underline({ ports, opened, host, job, pending, draining, marked }: Finalising): Io<Finalised> {
  const files = yield* host.seal(pending.id)
  const { clock } = ports
  const built = buildManifest({
    pending, files, opened, job, completedAtMs: clock.wallMs(), tookMs: clock.monotonicMs() - pending.startedMs,
  })
  const manifest: Manifest = draining && pending.finished ? { ...built, drained: true } : built
  const outcome = yield* commitManifest(ports, opened.directory, manifest)
  if (outcome.kind !== 'committed') return outcome
  opened.known.manifests.set(manifest.checkpoint, manifest)
  if (marked) return { kind: 'committed', manifest }
  try {
    yield* markCompleted(ports, opened.directory, manifest)
  } catch (error) {
    // The manifest stands, but its commits must not begin before losing it can be noticed.
    return { kind: 'unknown', error }
  }
  return { kind: 'committed', manifest }
}
