/**
 * `tidemark checkpoint gc | prune`: removes what a state directory does not need, or says what that is.
 *
 * Called by care-commands.ts; what goes is decided in checkpoint/clean.ts.
 *
 *   EZ-1  Removing takes the lock of the directory, as a job does; a dry run takes none and writes nothing.
 *   EZ-2  The lock of a directory in object storage keeps out only this machine. There it is removed only if the
 *         last writer ran on this machine too, and is dead: what it had on its way would look like garbage.
 */
import { hostname } from 'node:os'
import { isStreamError } from '../base/errors.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { clean, planCleaning, requireStateDirectory, type Cleaning, type CleaningReport } from '../checkpoint/clean.ts'
import { newestEpoch, readClaim } from '../checkpoint/epochs.ts'
import { E051_STATE_LOCKED } from '../checkpoint/errors.ts'
import { E179_JOB_AT_WORK } from '../checkpoint/errors-clean.ts'
import { lockDirectory, type DirectoryLock } from '../host/directory-lock.ts'
import { askMetrics } from '../host/metrics-socket.ts'
import { isRemote } from '../host/places.ts'
import { realStorage } from '../host/real-storage.ts'
import { finished } from './checkpoint.ts'
import { counted } from './entry-lines.ts'
import { E095_COMMAND_LINE } from './errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatBytes, formatTable } from './format.ts'
import { isAlive } from './pid-file.ts'
import { stateDirectory } from './place.ts'
import type { Terminal } from './terminal.ts'

export interface CleanFlags {
  readonly dryRun: boolean
  readonly json: boolean
}

export interface PruneFlags extends CleanFlags {
  readonly keep?: number
  /** Ms. */
  readonly olderThan?: number
}

const ANSWER_WITHIN_MS = 1_000

export const gcCommand = (given: string, flags: CleanFlags, terminal: Terminal): Promise<ExitCode> =>
  cleanCommand(given, { kind: 'gc' }, flags, terminal)

export function pruneCommand(given: string, flags: PruneFlags, terminal: Terminal): Promise<ExitCode> {
  return cleanCommand(given, cleaningOf(flags), flags, terminal)
}

function cleaningOf({ keep, olderThan }: PruneFlags): Cleaning {
  if (keep !== undefined && olderThan === undefined) return { kind: 'prune', keep }
  if (keep === undefined && olderThan !== undefined) return { kind: 'prune', before: Date.now() - olderThan }
  throw E095_COMMAND_LINE({
    problem: keep === undefined ? 'It is not said what is to be kept.' : '--keep and --older-than exclude each other.',
    hints: ['keep so many of the newest: --keep 3', 'remove those that are older: --older-than 30d'],
  })
}

async function cleanCommand(
  given: string, cleaning: Cleaning, flags: CleanFlags, terminal: Terminal,
): Promise<ExitCode> {
  const directory = stateDirectory(given)
  await finished(requireStateDirectory(realStorage(), directory))
  const report = flags.dryRun ? await plan(directory, cleaning) : await underLock(directory, cleaning)
  if (flags.json) terminal.data(JSON.stringify(report))
  else show(report, terminal)
  return EXIT.ok
}

async function plan(directory: string, cleaning: Cleaning): Promise<CleaningReport> {
  const storage = realStorage()
  const running = (await askMetrics(directory, ANSWER_WITHIN_MS)).kind !== 'nobody' ||
    (await finished(writerElsewhere(storage, directory))) !== undefined
  return await finished(planCleaning(storage, directory, cleaning, running))
}

async function underLock(directory: string, cleaning: Cleaning): Promise<CleaningReport> {
  const lock = await locked(directory)
  const storage = realStorage()
  try {
    const writer = await finished(writerElsewhere(storage, directory))
    if (writer !== undefined) {
      const problem = `its last writer is ${writer}, and nobody here knows whether that has ended: ` +
        'run the command there'
      throw E179_JOB_AT_WORK({ directory, problem })
    }
    return await finished(clean({ storage, probe: () => {} }, directory, cleaning))
  } finally {
    await lock.release()
  }
}

/** EZ-2: who it is, if it may live. */
function* writerElsewhere(storage: Storage, directory: string): Io<string | undefined> {
  const newest = isRemote(directory) ? yield* newestEpoch(storage, directory) : undefined
  if (newest === undefined) return undefined
  const { host, pid } = yield* readClaim(storage, directory, newest)
  const isDead = host === hostname() && (pid === process.pid || !isAlive(pid))
  return isDead ? undefined : `process ${pid} on ${host}`
}

async function locked(directory: string): Promise<DirectoryLock> {
  try {
    return await lockDirectory(directory)
  } catch (error) {
    if (!isStreamError(error) || error.code !== E051_STATE_LOCKED.definition.code) throw error
    throw E179_JOB_AT_WORK({ directory, problem: error.message.replace(/\.$/, '') }, { cause: error })
  }
}

function show(report: CleaningReport, terminal: Terminal): void {
  const { files, foreign, dryRun, running, bytes, checkpoints } = report
  const rows = files.map(({ path, bytes: size, why }) => [path, formatBytes(size), why])
  const strangers = foreign.map(({ path, bytes: size }) => [path, formatBytes(size), 'foreign: left alone'])
  for (const line of formatTable([...rows, ...strangers], [1])) terminal.data(line)
  const kept = report.kept.map(({ id, labels }) => [`#${id}`, ...labels.map((label) => `@${label}`)].join(' '))
  terminal.note(`  ${kept.length === 0 ? 'There is no checkpoint.' : `Kept: ${kept.join(', ')}.`}`)
  if (running) terminal.note('  The job runs: what it may be writing is not counted, and it cleans up after itself.')
  if (files.length === 0) terminal.note('  Nothing is superfluous.')
  else {
    const whose = checkpoints.length === 0 ? '' : `, of ${counted(checkpoints.length, 'checkpoint', 'checkpoints')}`
    terminal.note(`  ${dryRun ? 'Would remove' : 'Removed'} ${counted(files.length, 'file', 'files')}, ` +
      `${formatBytes(bytes)}${whose}.`)
  }
}
