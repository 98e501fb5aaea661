/**
 * Epochs: one writer's term on a state directory, claimed by link().
 *
 * A term begins in two steps. The claim shuts out every earlier writer. Only then does the new one
 * look for the newest checkpoint and write down from which one it goes on: looked up before the
 * claim, it could miss one that the old writer completed, and committed, in between.
 *
 * Called by open.ts (claim, start) and around every completion and commit (stillMine, requireMine).
 *
 *   EP-1  Only the owner of the highest claimed number may complete checkpoints and commit.
 *   EP-2  The chain leads from the highest started epoch to the checkpoint it went on from, to the
 *         epoch that wrote that one, and so on. A checkpoint is reachable iff its epoch is on the
 *         chain and its number is not above the one the chain passed it at: what an older writer
 *         completed after it was succeeded is ignored, and so is what a rewind left behind.
 *   EP-3  Claim and start are durable (file and directory entry) before their owner does anything.
 *
 * Source: DESIGN §7, decision D8; leases with fencing tokens (Gray and Cheriton 1989).
 */
import { isStreamError } from '../base/errors.ts'
import { checkpointId, epoch, type CheckpointId, type Epoch } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { claim, encodeDocument, parseDocument } from './document.ts'
import { E046_FENCED } from './errors.ts'
import {
  ascending, epochFile, epochsDirectory, epochStartFile, parseEpochFile, temporaryName,
} from './layout.ts'
import { Shape } from './shape.ts'

/** What a source reads or a sink writes, resolved; compared with the next start (E035). */
export interface ResourceUse {
  readonly operator: string
  readonly role: 'source' | 'sink'
  readonly resource: string
}

export interface EpochClaim {
  readonly epoch: Epoch
  readonly engine: string
  readonly pid: number
  readonly host: string
  readonly claimedAtMs: number
}

export interface EpochStart {
  readonly epoch: Epoch
  /** The checkpoint this term went on from, and who wrote it; null: it started empty. */
  readonly restored: { readonly checkpoint: CheckpointId; readonly epoch: Epoch } | null
  /** Epoch in which this line of checkpoints began. */
  readonly lineage: Epoch
  /** Started empty on purpose (--fresh). */
  readonly fresh: boolean
  /** It did nothing but bring a checkpoint in from elsewhere (begin-from.ts); only its sources are compared. */
  readonly brought?: true
  readonly job: string
  readonly maxParallelism: number
  readonly resources: readonly ResourceUse[]
}

/** The highest claimed number. */
export function* newestEpoch(storage: Storage, directory: string): Io<Epoch | undefined> {
  return ascending(((yield* storage.list(epochsDirectory(directory))) ?? []).map(parseEpochFile)).at(-1)
}

/** The fence: true while nobody has claimed a later epoch. */
export function* stillMine(storage: Storage, directory: string, mine: Epoch): Io<boolean> {
  return (yield* newestEpoch(storage, directory)) === mine
}

/** The fence of commits: throws E046 once somebody has claimed a later epoch (SI-5). */
export function* requireMine(storage: Storage, directory: string, mine: Epoch): Io<void> {
  if (yield* stillMine(storage, directory, mine)) return
  const { epoch: newest, holder } = yield* newestHolder(storage, directory)
  throw E046_FENCED({ directory, mine, newest, holder })
}

/**
 * What belongs to the start of `mine`, its claim included. If it fails after a later epoch was claimed,
 * that is the reason (E046): the successor's collection may have swept files from under it.
 */
export function* asTerm<T>(storage: Storage, directory: string, mine: Epoch, io: Io<T>): Io<T> {
  try {
    return yield* io
  } catch (error) {
    // Not `stillMine`: a claim that failed has left no record, so that the newest epoch is an older one.
    const { epoch: newest, holder } = yield* newestHolder(storage, directory)
    throw newest > mine ? E046_FENCED({ directory, mine, newest, holder }) : error
  }
}

/** Who holds the newest epoch, for E046; a damaged record is no reason to fail here. */
export function* newestHolder(storage: Storage, directory: string): Io<{ epoch: number; holder: string }> {
  const newest = yield* newestEpoch(storage, directory)
  if (newest === undefined) return { epoch: 0, holder: 'nobody: the records are gone' }
  try {
    const { pid, host } = yield* readClaim(storage, directory, newest)
    return { epoch: newest, holder: `process ${pid} on ${host}` }
  } catch (error) {
    if (!isStreamError(error)) throw error
    return { epoch: newest, holder: 'another process' }
  }
}

export function claimEpoch(
  storage: Storage, directory: string, record: EpochClaim, salt: number,
): Io<'claimed' | 'exists'> {
  const at = {
    directory: epochsDirectory(directory),
    temporary: temporaryName(record.epoch, 'claim', salt),
    path: epochFile(directory, record.epoch),
  }
  return claim(storage, at, encodeDocument('epoch', record))
}

export function startEpoch(
  storage: Storage, directory: string, record: EpochStart, salt: number,
): Io<'claimed' | 'exists'> {
  const at = {
    directory: epochsDirectory(directory),
    temporary: temporaryName(record.epoch, 'start', salt),
    path: epochStartFile(directory, record.epoch),
  }
  return claim(storage, at, encodeDocument('start', record))
}

export function* readClaim(storage: Storage, directory: string, n: Epoch): Io<EpochClaim> {
  const path = epochFile(directory, n)
  const shape = new Shape(parseDocument('epoch', yield* storage.readWhole(path), path), path)
  return {
    epoch: numbered(shape, n),
    engine: shape.string('engine'),
    pid: shape.integer('pid'),
    host: shape.string('host'),
    claimedAtMs: shape.number('claimedAtMs'),
  }
}

export function* readStart(storage: Storage, directory: string, n: Epoch): Io<EpochStart> {
  const path = epochStartFile(directory, n)
  const shape = new Shape(parseDocument('start', yield* storage.readWhole(path), path), path)
  const restored = shape.raw('restored') === null ? null : shape.object('restored')
  return {
    epoch: numbered(shape, n),
    restored: restored && {
      checkpoint: checkpointId(restored.integer('checkpoint', 1)), epoch: epoch(restored.integer('epoch', 1)),
    },
    lineage: epoch(shape.integer('lineage', 1)),
    fresh: shape.boolean('fresh'),
    ...(shape.has('brought') && shape.boolean('brought') ? { brought: true as const } : {}),
    job: shape.string('job'),
    maxParallelism: shape.integer('maxParallelism', 1),
    resources: shape.list('resources', readResource),
  }
}

export const readResource = (item: Shape): ResourceUse => ({
  operator: item.string('operator'), role: item.oneOf('role', ['source', 'sink']), resource: item.string('resource'),
})

/** A record copied under another number would bend the chain. */
function numbered(shape: Shape, n: Epoch): Epoch {
  if (shape.integer('epoch', 1) !== n) shape.fail('epoch', `is not ${n}, the number in the file's name`)
  return n
}

/** EP-2: for each epoch on the chain the highest number that counts. `starts` in any order. */
export function chainLimits(starts: readonly EpochStart[]): ReadonlyMap<Epoch, number> {
  const byEpoch = new Map(starts.map((start) => [start.epoch, start]))
  const limits = new Map<Epoch, number>()
  let at = starts.toSorted((a, b) => a.epoch - b.epoch).at(-1)?.epoch
  let limit = Number.MAX_SAFE_INTEGER
  while (at !== undefined && !limits.has(at)) {
    limits.set(at, limit)
    const restored = byEpoch.get(at)?.restored
    limit = Math.min(limit, restored?.checkpoint ?? 0)
    at = restored?.epoch
  }
  return limits
}

export const isReachable = (
  limits: ReadonlyMap<Epoch, number>,
  manifest: { readonly epoch: Epoch; readonly checkpoint: CheckpointId },
): boolean => manifest.checkpoint <= (limits.get(manifest.epoch) ?? 0)
