/**
 * `tidemark stop`: the running job takes a last checkpoint, commits what it covers, and ends.
 *
 * Called by app.ts. Goes the same way as a signal does, and waits until the directory is free for the next start.
 */
import { resolvePlace } from '../host/places.ts'
import { giveOrder, type Order, type OrderAnswer } from '../host/control-socket.ts'
import { E095_COMMAND_LINE, E157_NOBODY_RUNS } from './errors.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { stateDirectory } from './place.ts'
import { renderError } from './render-error.ts'
import { answerOf, showFailure, TAKEN_WITHIN_MS } from './savepoint.ts'
import type { Terminal } from './terminal.ts'

export interface StopFlags {
  readonly drain: boolean
  readonly savepoint?: string
  readonly noSavepoint: boolean
  readonly json: boolean
}

export async function stopCommand(given: string, flags: StopFlags, terminal: Terminal): Promise<ExitCode> {
  const directory = stateDirectory(given)
  const { drain, savepoint: path } = flags
  if (path !== undefined && flags.noSavepoint) {
    throw E095_COMMAND_LINE({ problem: '--savepoint and --no-savepoint exclude each other.', hints: ['leave one away'] })
  }
  const order: Order = { order: 'stop', drain, ...(path === undefined ? {} : { savepoint: resolvePlace(path) }) }
  const answer = answerOf(await giveOrder(directory, order, TAKEN_WITHIN_MS))
  if (answer === undefined) throw E157_NOBODY_RUNS({ directory })
  if (answer.kind === 'failed') return showFailure(answer.error, flags.json, terminal)
  if (answer.kind !== 'stopped') throw new Error('a stop is answered by what it came to')
  const { savepoint, savepointError } = answer
  if (flags.json) terminal.data(JSON.stringify({ schema: 'tidemark.stop/1', drained: drain, ...answer }))
  else {
    terminal.note(`  ${terminal.style('green', '✓')} ${said(answer, drain)}`)
    if (savepoint !== undefined) terminal.data(savepoint.path)
    if (savepointError !== undefined) {
      terminal.problem(renderError(savepointError, terminal))
      terminal.problem(`  The job has stopped all the same: tidemark savepoint ${given} --to ${path}`)
    }
  }
  return savepointError === undefined ? EXIT.ok : exitCodeOf(savepointError)
}

function said({ checkpoint, finished }: Extract<OrderAnswer, { kind: 'stopped' }>, drain: boolean): string {
  if (checkpoint === undefined) return 'stopped between two attempts; the next run goes on from the last checkpoint'
  const last = `checkpoint #${checkpoint}`
  if (drain) return `drained with ${last}: all windows have fired, and the job is finished for good`
  return finished
    ? `the input had ended: the job is finished, with ${last}`
    : `stopped with ${last}; the same run command goes on from there`
}
