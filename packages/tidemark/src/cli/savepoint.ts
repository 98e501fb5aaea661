/**
 * `tidemark savepoint`: asks the running job for one, or copies a checkpoint of a dead one.
 *
 * Called by app.ts. The job writes it where the path given here leads, so that the path is made absolute first.
 */
import { randomBytes } from 'node:crypto'
import { resolvePlace } from '../host/places.ts'
import type { ErrorReport } from '../base/errors.ts'
import { restorableOf } from '../checkpoint/savepoint.ts'
import { takeSavepoint, type SavepointPorts, type TakenSavepoint } from '../checkpoint/write-savepoint.ts'
import type { Io } from '../base/io.ts'
import { giveOrder, type OrderAnswer, type OrderOutcome } from '../host/control-socket.ts'
import { E156_ORDER_REFUSED, E199_ORDER_LOST } from '../host/errors.ts'
import { realStorage } from '../host/real-storage.ts'
import { engineVersion } from '../host/version.ts'
import { finished } from './checkpoint.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { formatBytes } from './format.ts'
import { placeOf } from './place.ts'
import { renderError } from './render-error.ts'
import type { Terminal } from './terminal.ts'

export interface SavepointFlags {
  readonly to?: string
  readonly at?: string
  readonly json: boolean
}

/** A running job has so long to say that it has understood. */
export const TAKEN_WITHIN_MS = 5_000

export async function savepointCommand(given: string, flags: SavepointFlags, terminal: Terminal): Promise<ExitCode> {
  const { directory, ref } = placeOf(given, flags.at)
  const to = resolvePlace(flags.to ?? `${directory}-savepoints/${stamp(new Date())}`)
  const ofFiles = flags.at !== undefined || ref !== 'latest'
  const answer = ofFiles ? undefined : answerOf(await giveOrder(directory, { order: 'savepoint', to }, TAKEN_WITHIN_MS))
  if (answer?.kind === 'failed') return showFailure(answer.error, flags.json, terminal)
  const live = answer !== undefined
  const savepoint = answer?.kind === 'savepoint' ? answer.savepoint : await finished(copyOf(directory, ref, to))
  const { path, checkpoint, bytes } = savepoint
  const committed = live || (savepoint as TakenSavepoint).committed
  if (flags.json) {
    const report = { schema: 'tidemark.savepoint/1', kind: 'savepoint', path, checkpoint, bytes, live, committed }
    terminal.data(JSON.stringify(report))
    return EXIT.ok
  }
  if (!live) {
    terminal.note(`  Nobody was asked: this is checkpoint #${checkpoint} as it lies in ${directory}.`)
    if (!committed) {
      terminal.note('  Some of its output may not be committed yet; whoever begins from it commits it first.')
    }
  }
  terminal.note(`  ${terminal.style('green', '✓')} savepoint of checkpoint #${checkpoint}, ${formatBytes(bytes)}`)
  terminal.data(path)
  return EXIT.ok
}

/** UTC, as a name that sorts: 20260102T030405Z. */
const stamp = (now: Date): string => now.toISOString().replace(/[-:]|\.\d+/g, '')

function* copyOf(directory: string, ref: string, to: string): Io<TakenSavepoint> {
  const ports = savepointPorts()
  const from = yield* restorableOf(ports.storage, directory, ref)
  return yield* takeSavepoint(ports, from, to, engineVersion())
}

/** Of a command that writes a savepoint itself. */
export function savepointPorts(): SavepointPorts {
  const random = {
    uint32: () => randomBytes(4).readUInt32LE(),
    below: (bound: number) => randomBytes(4).readUInt32LE() % bound,
    chance: () => false,
  }
  const clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() }
  return { storage: realStorage(), random, clock }
}

/** Undefined: nobody runs the job. Throws E156, E199. */
export function answerOf(outcome: OrderOutcome): OrderAnswer | undefined {
  switch (outcome.kind) {
    case 'answer':
      return outcome.answer
    case 'nobody':
      return undefined
    case 'silent':
      throw E156_ORDER_REFUSED({ problem: `process ${outcome.pid} runs the job and did not answer in time` })
    case 'lost':
      throw E199_ORDER_LOST({ pid: outcome.pid })
    case 'no-token':
      throw E156_ORDER_REFUSED({ problem: `${outcome.file} cannot be read` })
  }
}

export function showFailure(error: ErrorReport, json: boolean, terminal: Terminal): ExitCode {
  if (json) terminal.data(JSON.stringify({ kind: 'failed', error }))
  else terminal.problem(renderError(error, terminal))
  return exitCodeOf(error)
}
