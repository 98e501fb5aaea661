/**
 * `tidemark state list | get | query | export`: looks inside the state of a job, live or dead, without its code.
 *
 * Called by inspect-commands.ts; reads through checkpoint/inspection and changes nothing in a state directory.
 *
 *   SY-1  stdout carries what was asked for; which checkpoint it is from, and that there is more, is on stderr.
 */
import type { Io } from '../base/io.ts'
import { E149_BAD_QUERY } from '../checkpoint/inspection/errors.ts'
import { exportState, type ExportChoice, type ExportSummary } from '../checkpoint/inspection/export-state.ts'
import { parseKey } from '../checkpoint/inspection/key-text.ts'
import {
  listStates, type OperatorLine, type StateLine, type StateList,
} from '../checkpoint/inspection/list-states.ts'
import { withCheckpoints } from '../checkpoint/inspection/open.ts'
import type { OpenCheckpoint } from '../checkpoint/inspection/operator-parts.ts'
import {
  countState, getState, queryState, type Filter, type StateAnswer,
} from '../checkpoint/inspection/query-state.ts'
import { describeShape, shapeIn } from '../graph/aggregate-shape.ts'
import { keptFormIn } from '../graph/kept-states.ts'
import { realStorage } from '../host/real-storage.ts'
import { finished } from './checkpoint.ts'
import { countCells, counted, entryLines, entryPlace } from './entry-lines.ts'
import { E095_COMMAND_LINE } from './errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatBytes, formatCount, formatTable } from './format.ts'
import { OutputFile } from './output-file.ts'
import { placeOf, type CheckpointPlace } from './place.ts'
import type { Terminal } from './terminal.ts'

export interface StateFlags {
  readonly at?: string
  readonly json: boolean
}

const over = <T>(place: CheckpointPlace, body: (opened: OpenCheckpoint) => Io<T>): Promise<T> =>
  finished(withCheckpoints(realStorage(), [place], (opened) => body(opened as NonNullable<typeof opened>)))

export async function stateListCommand(given: string, flags: StateFlags, terminal: Terminal): Promise<ExitCode> {
  const list = await over(placeOf(given, flags.at), listStates)
  if (flags.json) terminal.data(JSON.stringify(list))
  else for (const line of listLines(list, terminal)) terminal.data(line)
  return EXIT.ok
}

function listLines(list: StateList, terminal: Terminal): string[] {
  const head = `${list.job}, checkpoint #${list.checkpoint}, ${list.maxParallelism} key groups`
  const linesOf = (operator: OperatorLine): string[] => ['', operatorLine(operator, terminal), ...stateLines(operator)]
  return [head, ...list.operators.flatMap(linesOf)]
}

function operatorLine({ operator, subtasks, keyGroups }: OperatorLine, terminal: Terminal): string {
  const ranges = keyGroups.map(({ start, end }) => (end < start ? 'none' : `${start}–${end}`)).join(', ')
  return `${terminal.style('bold', operator)}  ${counted(subtasks, 'subtask', 'subtasks')}` +
    `${ranges === '' ? '' : `, key groups ${ranges}`}`
}

const stateLines = ({ states }: OperatorLine): string[] =>
  formatTable(states.map((state) => [
    `  ${state.name}`, state.kind, ...countCells(state),
    formatBytes(state.bytes), declaredLine(state),
  ]), [2, 4])

const declaredLine = ({ version, ttl, clock, jsonSchema }: StateLine): string => [
  ...(version === undefined || version === 1 ? [] : [`version ${version}`]),
  ...(ttl === true ? [clock === 'event' ? 'ttl of event time' : 'ttl'] : []),
  ...(jsonSchema === undefined ? [] : [contents(jsonSchema)]),
].join(', ')

/** What the engine says of values that it keeps, in words; else the schema of the job. */
function contents(jsonSchema: unknown): string {
  const shape = shapeIn(jsonSchema)
  if (shape !== undefined) return `accumulators ${describeShape(shape)}`
  return keptFormIn(jsonSchema) ?? `schema ${JSON.stringify(jsonSchema)}`
}

export async function stateGetCommand(
  [given, operator, state, key]: readonly [string, string, string, string], flags: StateFlags, terminal: Terminal,
): Promise<ExitCode> {
  const parsed = parseKey(key)
  const answer = await over(placeOf(given, flags.at), (opened) => getState(opened, operator, state, parsed))
  if (flags.json) {
    terminal.data(JSON.stringify({ schema: 'tidemark.state.get/1', ...answer }))
    return EXIT.ok
  }
  sayWhere(answer, terminal)
  const [first, ...others] = answer.entries
  const alone = first !== undefined && others.length === 0 && entryPlace(first).length === 1
  if (alone) terminal.data(JSON.stringify(first.value))
  else for (const line of entryLines(answer.entries)) terminal.data(line)
  return EXIT.ok
}

export interface QueryFlags extends StateFlags {
  readonly key?: string
  readonly prefix?: string
  readonly from?: string
  readonly to?: string
  readonly group?: { readonly start: number; readonly end: number }
  readonly limit: number
  readonly count: boolean
  readonly sql?: string
}

export async function stateQueryCommand(
  [given, operator, state]: readonly [string, string, string | undefined], flags: QueryFlags, terminal: Terminal,
): Promise<ExitCode> {
  const filter = filterOf(flags)
  const place = placeOf(given, flags.at)
  if (flags.sql !== undefined) {
    const { sqlQuery } = await import('./state-sql.ts')
    const { sql, json } = flags
    return await sqlQuery({ operator, state, sql, filter, json, over: (body) => over(place, body) }, terminal)
  }
  if (state === undefined) {
    throw E095_COMMAND_LINE({
      problem: '<state> is missing.',
      hints: ['see the states: tidemark state list <dir>', 'only --sql works on all states of an operator'],
    })
  }
  if (flags.count) {
    const count = await over(place, (opened) => countState(opened, operator, state, filter))
    const document = { schema: 'tidemark.state.count/1', operator, state, ...count }
    terminal.data(flags.json ? JSON.stringify(document) : String(count.entries))
    return EXIT.ok
  }
  const answer = await over(place, (opened) => queryState(opened, operator, state, filter, flags.limit))
  if (flags.json) terminal.data(JSON.stringify({ schema: 'tidemark.state.query/1', ...answer }))
  else showAnswer(answer, terminal)
  return EXIT.ok
}

function filterOf({ key, prefix, from, to, group }: QueryFlags): Filter {
  return {
    ...(key === undefined ? {} : { key: parseKey(key) }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(from === undefined ? {} : { from: parseKey(from) }),
    ...(to === undefined ? {} : { to: parseKey(to) }),
    ...(group === undefined ? {} : { groups: group }),
  }
}

function showAnswer(answer: StateAnswer, terminal: Terminal): void {
  sayWhere(answer, terminal)
  const items = (answer.items ?? []).map(({ subtask, item }) =>
    [`[${subtask < 0 ? 'enumerator' : subtask}]`, JSON.stringify(item)])
  for (const line of answer.items === undefined ? entryLines(answer.entries) : formatTable(items)) terminal.data(line)
  const shown = answer.entries.length + items.length
  if (shown === 0) terminal.note('  Nothing fits.')
  else if (answer.more) terminal.note(`  … there is more than these ${formatCount(shown)}: --limit N, or --limit all`)
}

const sayWhere = ({ operator, state, kind, checkpoint }: StateAnswer, terminal: Terminal): void =>
  terminal.note(`  ${operator} / ${state} (${kind}) in checkpoint #${checkpoint}`)

export interface ExportFlags {
  readonly at?: string
  readonly operator?: string
  readonly state?: string
  readonly lists: boolean
  readonly to: string
  readonly format: 'jsonl'
}

export async function stateExportCommand(given: string, flags: ExportFlags, terminal: Terminal): Promise<ExitCode> {
  const { operator, state, lists } = flags
  if (state !== undefined && operator === undefined) {
    throw E149_BAD_QUERY({
      problem: `--state ${state} is given without its operator.`,
      hints: [`add --operator: --operator <name> --state ${state}`],
    })
  }
  const choice: ExportChoice = {
    lists, ...(operator === undefined ? {} : { operator }), ...(state === undefined ? {} : { state }),
  }
  const place = placeOf(given, flags.at)
  const summary = flags.to === '-'
    ? await over(place, (opened) => exportState(opened, choice, (line) => terminal.data(line)))
    : await over(place, (opened) => toFile(flags.to, opened, choice))
  terminal.note(`  ${counted(summary.entries, 'entry', 'entries')} of ${counted(summary.states, 'state', 'states')}, ` +
    `checkpoint #${summary.checkpoint}`)
  if (summary.listsLeftOut > 0) {
    terminal.note(`  ${counted(summary.listsLeftOut, 'list state', 'list states')} of subtasks left out: --lists adds them`)
  }
  return EXIT.ok
}

function* toFile(path: string, opened: OpenCheckpoint, choice: ExportChoice): Io<ExportSummary> {
  const file = new OutputFile(path)
  try {
    const summary = yield* exportState(opened, choice, (line) => file.write(line))
    file.finish()
    return summary
  } finally {
    file.abandon()
  }
}
