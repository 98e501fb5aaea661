/**
 * `tidemark checkpoint list | show | verify`: looks into a state directory, also of a job that is dead.
 *
 * Called by app.ts; reads through checkpoint/inspect.ts and never writes.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { start, type Io } from '../base/io.ts'
import {
  listCheckpoints, showCheckpoint, verifyCheckpoint, type CheckpointDetails, type CheckpointLine, type OperatorState,
} from '../checkpoint/inspect.ts'
import { nodeStorage } from '../host/node-storage.ts'
import { E099_NOT_FOUND } from '../host/load/errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatAge, formatBytes, formatCount, formatTable } from './format.ts'
import { renderError } from './render-error.ts'
import type { Terminal } from './terminal.ts'

export interface CheckpointFlags {
  readonly state: string
  readonly json: boolean
}

export async function listCommand(flags: CheckpointFlags, terminal: Terminal): Promise<ExitCode> {
  const directory = stateDirectory(flags.state)
  const list = await finished(listCheckpoints(nodeStorage(), directory, Date.now()))
  if (flags.json) {
    terminal.data(JSON.stringify(list))
    return EXIT.ok
  }
  if (list.checkpoints.length === 0) {
    terminal.note(`  No checkpoint has completed in ${directory} yet.`)
    return EXIT.ok
  }
  const rows = list.checkpoints.map((line) => [`#${line.id}`, kindOf(line), ...lineCells(line), remarkOf(line)])
  const head = ['', 'kind', 'age', 'took', 'size', 'entries', '']
  for (const line of formatTable([head, ...rows], [2, 3, 4, 5])) terminal.data(line)
  return EXIT.ok
}

export async function showCommand(ref: string, flags: CheckpointFlags, terminal: Terminal): Promise<ExitCode> {
  const directory = stateDirectory(flags.state)
  const details = await finished(showCheckpoint(nodeStorage(), directory, ref, Date.now()))
  if (flags.json) terminal.data(JSON.stringify(details))
  else for (const line of detailLines(details, terminal)) terminal.data(line)
  return EXIT.ok
}

export async function verifyCommand(ref: string, flags: CheckpointFlags, terminal: Terminal): Promise<ExitCode> {
  const directory = stateDirectory(flags.state)
  const result = await finished(verifyCheckpoint(nodeStorage(), directory, ref))
  if (flags.json) {
    terminal.data(JSON.stringify(result))
  } else if (result.ok) {
    terminal.data(`#${result.id} is whole: ${result.files} files, ${result.segments} segments, ${formatBytes(result.bytes)}`)
  } else {
    for (const problem of result.problems) terminal.problem(`${renderError(problem, terminal)}\n`)
    terminal.data(`#${result.id} is damaged: ${result.problems.length} ` +
      `${result.problems.length === 1 ? 'problem' : 'problems'}`)
  }
  return result.ok ? EXIT.ok : EXIT.stateIncompatible
}

/** Of an argument; throws E099 where there is none. */
export function stateDirectory(given: string): string {
  const path = resolve(given)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path
  throw E099_NOT_FOUND({
    what: 'state directory', path,
    hints: ['give the directory that `tidemark run` was given as --state', 'its default is .tidemark/<job>'],
  })
}

/** The one place where the command line waits for the core's I/O. */
export function finished<T>(io: Io<T>): Promise<T> {
  return new Promise((done, fail) => {
    start(io, (outcome) => {
      if (outcome.ok) done(outcome.value)
      // Whatever was thrown is passed on as it is.
      else fail(outcome.error as Error)
    })
  })
}

function kindOf(line: CheckpointLine): string {
  return line.finished === true ? 'finished' : line.kind
}

function lineCells(line: CheckpointLine): string[] {
  const shown = <T>(value: T | undefined, format: (value: T) => string): string =>
    value === undefined ? '–' : format(value)
  return [
    shown(line.ageMs, formatAge), shown(line.tookMs, formatAge), shown(line.bytes, formatBytes),
    shown(line.entries, formatCount),
  ]
}

function remarkOf(line: CheckpointLine): string {
  if (line.error !== undefined) return `${line.error.code} ${line.error.what}`
  if (!line.reachable) return 'of a process that had been succeeded: never restored'
  return line.latest ? '← the next run goes on from here' : ''
}

function detailLines(details: CheckpointDetails, terminal: Terminal): string[] {
  const { restoredFrom, parallelism, maxParallelism } = details
  const facts = [
    ['job', details.job],
    ['kind', kindOf(details)],
    ['age', formatAge(details.ageMs ?? 0)],
    ['took', formatAge(details.tookMs ?? 0)],
    ['size', `${formatBytes(details.bytes ?? 0)} in ${details.files.length} files`],
    ['parallelism', `${parallelism} of at most ${maxParallelism}`],
    ['term', `${details.epoch}${restoredFrom === null ? '' : `, went on from #${restoredFrom}`}`],
    ['written by', `tidemark ${details.engine}`],
  ]
  return [
    terminal.style('bold', `checkpoint #${details.id}`),
    ...formatTable(facts.map(([name = '', value = '']) => [`  ${name}`, value])),
    ...details.operators.flatMap((operator) => operatorLines(operator, terminal)),
  ]
}

function operatorLines(operator: OperatorState, terminal: Terminal): string[] {
  const groups = operator.keyGroups === undefined ? '' : `, ${operator.keyGroups} key groups`
  const head = `${terminal.style('bold', operator.operator)}  ${formatBytes(operator.bytes)}, ` +
    `${operator.subtasks} ${operator.subtasks === 1 ? 'subtask' : 'subtasks'}${groups}`
  const states = operator.states.map((state) => [
    `  ${state.name}`, state.kind, formatCount(state.entries), state.entries === 1 ? 'entry' : 'entries',
    formatBytes(state.bytes),
  ])
  const items = (operator.lists ?? []).flatMap(({ name, subtask, items: shown }) =>
    shown.map((item) => `    ${name}[${subtask}]  ${cut(JSON.stringify(item), terminal.options.columns - 12)}`))
  return ['', head, ...formatTable(states, [2, 4]), ...items]
}

const cut = (text: string, length: number): string =>
  text.length <= Math.max(length, 40) ? text : `${text.slice(0, Math.max(length, 40) - 1)}…`
