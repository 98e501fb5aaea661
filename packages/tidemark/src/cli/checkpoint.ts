/**
 * `tidemark checkpoint list | show | verify`: looks into a state directory, also of a job that is dead.
 *
 * Called by app.ts; reads through checkpoint/inspect.ts and never writes.
 */
import { start, type Io } from '../base/io.ts'
import {
  listCheckpoints, showCheckpoint, verifyCheckpoint, type CheckpointDetails, type CheckpointLine, type CheckpointVerification,
  type OperatorState,
} from '../checkpoint/inspect.ts'
import { fullBytes } from '../checkpoint/manifest.ts'
import { isSavepoint, verifySavepoint } from '../checkpoint/savepoint.ts'
import { realStorage } from '../host/real-storage.ts'
import { countCells, counted } from './entry-lines.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatAge, formatBytes, formatCount, formatTable } from './format.ts'
import { directoryFrom, placeFrom } from './place.ts'
import { renderError } from './render-error.ts'
import type { Terminal } from './terminal.ts'

export { stateDirectory } from './place.ts'

export interface CheckpointFlags {
  readonly state?: string
  readonly json: boolean
}

export async function listCommand(
  given: string | undefined, flags: CheckpointFlags, terminal: Terminal,
): Promise<ExitCode> {
  const directory = directoryFrom(given, flags.state)
  const list = await finished(listCheckpoints(realStorage(), directory, Date.now()))
  if (flags.json) {
    terminal.data(JSON.stringify(list))
    return EXIT.ok
  }
  if (list.checkpoints.length === 0 && list.jobId === undefined) {
    terminal.note(`  There is no job in ${directory}: give what tidemark run was given as --state, or a savepoint.`)
    return EXIT.notFound
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

function* verify(directory: string, ref: string): Io<CheckpointVerification> {
  const storage = realStorage()
  const whole = ref === 'latest' && (yield* isSavepoint(storage, directory))
  return yield* whole ? verifySavepoint(storage, directory) : verifyCheckpoint(storage, directory, ref)
}

type Given = readonly [string | undefined, string | undefined]

export async function showCommand(given: Given, flags: CheckpointFlags, terminal: Terminal): Promise<ExitCode> {
  const { directory, ref } = placeFrom(...given, flags.state)
  const details = await finished(showCheckpoint(realStorage(), directory, ref, Date.now()))
  if (flags.json) terminal.data(JSON.stringify(details))
  else for (const line of detailLines(details, terminal)) terminal.data(line)
  return EXIT.ok
}

export async function verifyCommand(given: Given, flags: CheckpointFlags, terminal: Terminal): Promise<ExitCode> {
  const { directory, ref } = placeFrom(...given, flags.state)
  const result = await finished(verify(directory, ref))
  if (flags.json) {
    terminal.data(JSON.stringify(result))
  } else if (result.ok) {
    terminal.data(`#${result.id} is whole: ${counted(result.files, 'file', 'files')}, ` +
      `${counted(result.segments, 'segment', 'segments')}, ${formatBytes(result.bytes)}`)
  } else {
    for (const problem of result.problems) terminal.problem(`${renderError(problem, terminal)}\n`)
    terminal.data(`#${result.id} is damaged: ${counted(result.problems.length, 'problem', 'problems')}`)
    for (const line of otherLines(result.others ?? [])) terminal.data(line)
  }
  return result.ok ? EXIT.ok : EXIT.stateIncompatible
}

/** Increments share files, so that one damage may cost several checkpoints. */
function otherLines(others: NonNullable<CheckpointVerification['others']>): string[] {
  const named = (ok: boolean): string => others.filter((other) => other.ok === ok).map(({ id }) => `#${id}`).join(', ')
  const lines = [['lost, too: ', named(false)], ['whole: ', named(true)]] as const
  return lines.flatMap(([what, which]) => (which === '' ? [] : [`${what}${which}`]))
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
  const labels = (line.labels ?? []).map((label) => `@${label}`).join(' ')
  return [labels, statusOf(line)].filter((part) => part !== '').join('  ')
}

function statusOf(line: CheckpointLine): string {
  if (line.error !== undefined) return `${line.error.code} ${line.error.what}`
  if (!line.reachable) return 'of a process that had been succeeded: never restored'
  if (line.savepoint === true) return 'a savepoint: tidemark run FILE --from begins here'
  return line.latest ? '← the next run goes on from here' : ''
}

function detailLines(details: CheckpointDetails, terminal: Terminal): string[] {
  const { restoredFrom, parallelism, maxParallelism } = details
  const facts = [
    ['job', details.job],
    ['kind', kindOf(details)],
    ['age', formatAge(details.ageMs ?? 0)],
    ['took', formatAge(details.tookMs ?? 0)],
    ['size', `${formatBytes(fullBytes(details))} in ${counted(details.files.length, 'file', 'files')}, ` +
      `${formatBytes(details.bytes ?? 0)} of them written by it`],
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
    `  ${state.name}`, state.kind, ...countCells(state),
    formatBytes(state.bytes),
  ])
  const items = (operator.lists ?? []).flatMap(({ name, subtask, items: shown }) =>
    shown.map((item) => `    ${name}[${subtask}]  ${cut(JSON.stringify(item), terminal.options.columns - 12)}`))
  return ['', head, ...formatTable(states, [2, 4]), ...items]
}

const cut = (text: string, length: number): string =>
  text.length <= Math.max(length, 40) ? text : `${text.slice(0, Math.max(length, 40) - 1)}…`
