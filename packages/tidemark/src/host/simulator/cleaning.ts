/**
 * `checkpoint gc` and `checkpoint prune` between two processes of a simulated job, killed on the way or not.
 *
 * Called by story.ts. The law that is checked is that of checkpoint/clean.ts, by what lies on the disk:
 *
 *   CZ-1  After each, however it ended, the checkpoint that a start would go on from is there; examiner.ts and
 *         savepoints.ts look at the rest.
 *   CZ-2  After one that was carried through no state file is left that no checkpoint names, no temporary file, and
 *         nothing for a second one to do.
 *   CZ-3  It is refused only where a start would be.
 */
import { isStreamError } from '../../base/errors.ts'
import type { Io } from '../../base/io.ts'
import type { Prng } from '../../base/prng.ts'
import type { Ports } from '../../base/ports.ts'
import { clean, planCleaning, type Cleaning, type CleaningReport } from '../../checkpoint/clean.ts'
import { E177_NOTHING_TO_CLEAN, E178_NOT_CLEANED } from '../../checkpoint/errors-clean.ts'
import {
  checkpointDirectory, checkpointsDirectory, epochsDirectory, jobFile, manifestFile, parseCheckpointDirectory,
  parseEpochFile, parseManifestFile, parseStateFile, parseTemporary,
} from '../../checkpoint/layout.ts'
import { parseManifest, writerOf } from '../../checkpoint/manifest.ts'
import { byHand } from './by-hand.ts'
import { ERRNOS } from './faults.ts'
import { SimulatedDirectory, SimulatedFile } from './inodes.ts'
import { describeError, isDamage, isStorageError } from './judge.ts'
import { OK, type Fate, type SimulatedDisk } from './storage.ts'

export interface CleaningPlace {
  readonly disk: SimulatedDisk
  readonly directory: string
  readonly random: Prng
  /** One in so many operations fails; 0: none. */
  readonly ioErrorOneIn: number
  readonly flipped: boolean
  /** The directory was perhaps not begun to its end. */
  readonly begins: boolean
  /** The newest complete checkpoint. */
  readonly newest: number | undefined
}

export interface Cleaned {
  readonly what: string
  readonly died: boolean
  readonly wrong?: string
}

/** Of a crash on the way: at which operation. */
const OPERATIONS = 40

export function cleanOnce(place: CleaningPlace, mayDie: boolean): Cleaned {
  const { disk, directory, random, ioErrorOneIn, newest } = place
  const cleaning: Cleaning = random.chance(2, 3) ? { kind: 'gc' } : { kind: 'prune', keep: 1 + random.below(3) }
  let left = mayDie ? 1 + random.below(OPERATIONS) : 0
  let failed = false
  const fate = (): Fate => {
    if (left > 0 && --left === 0) return { kind: random.pick(['crash-before', 'crash-after'] as const) }
    if (ioErrorOneIn === 0 || !random.chance(1, ioErrorOneIn)) return OK
    failed = true
    return { kind: 'fail', errno: random.pick(ERRNOS) }
  }
  const result = byHand(disk, random, (ports): Io<CleaningReport> => clean(ports, directory, cleaning), fate)
  const died = result === 'died'
  const ended = died ? 'killed' : result.ok ? `${result.value.files.length} files removed` : describeError(result.error)
  const wrong = lostNewest(disk, directory, newest) ??
    (result === 'died' ? undefined : result.ok ? leftOver(place, result.value, failed) : refusal(place, result.error, failed))
  return { what: `${cleaning.kind} of ${directory}: ${ended}`, died, ...(wrong === undefined ? {} : { wrong }) }
}

/** CZ-1. */
function lostNewest(disk: SimulatedDisk, directory: string, newest: number | undefined): string | undefined {
  if (newest === undefined) return undefined
  // One whose name was linked in the moment of a crash may have survived it, and is the newest then.
  const ids = namesIn(disk, checkpointsDirectory(directory)).map((name) => parseManifestFile(name) ?? 0)
  if (Math.max(0, ...ids) >= newest) return undefined
  return `cleaning took checkpoint ${newest}, the newest`
}

/** CZ-2. */
function leftOver(place: CleaningPlace, { foreign }: CleaningReport, failed: boolean): string | undefined {
  const { disk, directory, random, flipped } = place
  if (foreign.length > 0) return `cleaning does not know ${foreign[0]?.path}`
  // What could not be announced to be over stays until the next one; what is damaged is not known to be unused.
  if (failed || flipped) return undefined
  const unused = unusedFile(disk, directory)
  if (unused !== undefined) return `cleaning left ${unused}`
  const again = byHand(disk, random, ({ storage }: Ports): Io<CleaningReport> => planCleaning(storage, directory, { kind: 'gc' }, false))
  if (again === 'died' || !again.ok) return 'what was cleaned cannot be cleaned again'
  const [file] = again.value.files
  return file === undefined ? undefined : `cleaning left ${file.path} to the next one: ${file.why}`
}

/** CZ-3. */
function refusal({ disk, directory, flipped, begins }: CleaningPlace, error: unknown, failed: boolean): string | undefined {
  if (isStreamError(error)) {
    const unused = disk.lookup(jobFile(directory)) === undefined ||
      !namesIn(disk, epochsDirectory(directory)).some((name) => parseEpochFile(name) !== undefined)
    if (error.code === E177_NOTHING_TO_CLEAN.definition.code && unused) return undefined
    if (error.code === E178_NOT_CLEANED.definition.code && (flipped || begins || failed)) return undefined
    if (failed && isStorageError(error)) return undefined
    if (flipped && isDamage(error)) return undefined
  }
  return `cleaning failed: ${describeError(error)}`
}

const namesIn = (disk: SimulatedDisk, path: string): readonly string[] => {
  const found = disk.lookup(path)
  return found instanceof SimulatedDirectory ? found.names : []
}

/** A temporary file, or a state file that no manifest names. */
function unusedFile(disk: SimulatedDisk, directory: string): string | undefined {
  const checkpoints = checkpointsDirectory(directory)
  const used = new Set<string>()
  for (const name of namesIn(disk, checkpoints)) {
    const id = parseManifestFile(name)
    if (id === undefined) continue
    const path = manifestFile(directory, id)
    const file = disk.lookup(path)
    if (!(file instanceof SimulatedFile)) continue
    const manifest = parseManifest(file.read(0, file.length), path, id)
    for (const entry of manifest.files) used.add(`${writerOf(manifest, entry)}/${entry.name}`)
  }
  for (const name of namesIn(disk, checkpoints)) {
    const id = parseCheckpointDirectory(name)
    if (id === undefined) continue
    const unused = namesIn(disk, checkpointDirectory(directory, id))
      .find((file) => parseStateFile(file) !== undefined && !used.has(`${id}/${file}`))
    if (unused !== undefined) return `${id}/${unused}, which no checkpoint names`
  }
  return [directory, checkpoints, epochsDirectory(directory)].flatMap((path) => namesIn(disk, path))
    .find((name) => parseTemporary(name) !== undefined)
}
