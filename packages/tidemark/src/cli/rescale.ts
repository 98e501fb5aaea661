/**
 * `tidemark rescale`: what a start at another parallelism would do to the state; with `--live` the running job is moved.
 *
 * Called by care-commands.ts.
 */
import { withCheckpoints } from '../checkpoint/inspection/open.ts'
import { reportRescale, type OperatorRescale, type RescaleReport, type Share } from '../checkpoint/inspection/rescale.ts'
import { giveOrder, type OrderAnswer } from '../host/control-socket.ts'
import { realStorage } from '../host/real-storage.ts'
import { finished } from './checkpoint.ts'
import { counted } from './entry-lines.ts'
import { E095_COMMAND_LINE, E157_NOBODY_RUNS } from './errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatAge, formatBytes, formatCount, formatTable } from './format.ts'
import { placeOf, stateDirectory } from './place.ts'
import { answerOf, showFailure, TAKEN_WITHIN_MS } from './savepoint.ts'
import type { Terminal } from './terminal.ts'

export interface RescaleFlags {
  readonly to: number
  readonly at?: string
  readonly live: boolean
  readonly json: boolean
}

export async function rescaleCommand(given: string, flags: RescaleFlags, terminal: Terminal): Promise<ExitCode> {
  if (flags.live) return await rescaleLive(given, flags, terminal)
  const place = placeOf(given, flags.at)
  const report = await finished(withCheckpoints(realStorage(), [place], (opened) =>
    reportRescale(opened as NonNullable<typeof opened>, flags.to, () => performance.now())))
  if (flags.json) terminal.data(JSON.stringify(report))
  else show(report, terminal)
  return EXIT.ok
}

async function rescaleLive(given: string, { to, at, json }: RescaleFlags, terminal: Terminal): Promise<ExitCode> {
  if (at !== undefined) {
    throw E095_COMMAND_LINE({
      problem: '--live and --at exclude each other: a running job is moved from where it is.', hints: ['leave one away'],
    })
  }
  const directory = stateDirectory(given)
  const answer = answerOf(await giveOrder(directory, { order: 'rescale', to }, TAKEN_WITHIN_MS))
  if (answer === undefined) throw E157_NOBODY_RUNS({ directory })
  if (answer.kind === 'failed') return showFailure(answer.error, json, terminal)
  if (answer.kind !== 'rescaled') throw new Error('a change of the parallelism is answered by what it came to')
  const { kind: _kind, ...rescaled } = answer
  if (json) terminal.data(JSON.stringify({ schema: 'tidemark.rescaled/1', ...rescaled }))
  else terminal.note(`  ${terminal.style('green', '✓')} ${said(answer)}`)
  return EXIT.ok
}

function said({ from, to, workers, checkpoint, tookMs }: Extract<OrderAnswer, { kind: 'rescaled' }>): string {
  if (from === to) return `it runs at parallelism ${to}: nothing was done`
  const on = workers === 1 ? 'one thread' : `${workers} threads`
  return `parallelism ${from} → ${to} on ${on}, from checkpoint #${checkpoint} on, in ${formatAge(tookMs)}. ` +
    `The next run needs --parallelism ${to} to stay there.`
}

function show(report: RescaleReport, terminal: Terminal): void {
  const { job, checkpoint, from, to, maxParallelism, operators, restore } = report
  terminal.data(`${job}, checkpoint #${checkpoint}, ${from} → ${counted(to, 'subtask', 'subtasks')} ` +
    `of at most ${maxParallelism}`)
  for (const operator of operators) for (const line of operatorLines(operator, terminal)) terminal.data(line)
  const { bytes, measuredMs, bytesPerSecond } = restore
  terminal.data('')
  terminal.data(`Reading it back takes about ${formatAge(measuredMs)}: ${formatBytes(bytes)} at ` +
    `${formatBytes(Math.round(bytesPerSecond))} a second, as measured just now on one thread.`)
  terminal.note('  Nothing was changed. A start with --parallelism does it, or --live while the job runs.')
}

function operatorLines(operator: OperatorRescale, terminal: Terminal): string[] {
  const { from, to, keyGroups, entries, bytes, items, itemsForAll, largest } = operator
  const share = (name: string, { moved, stayed }: Share, format: (n: number) => string): string[][] =>
    moved + stayed === 0 ? [] : [[`  ${name}`, format(moved), 'move', format(stayed), 'stay']]
  const rows = [
    ...share('key groups', keyGroups, formatCount), ...share('entries', entries, formatCount),
    ...share('bytes', bytes, formatBytes), ...share('items', items, formatCount),
  ]
  return [
    '', `${terminal.style('bold', operator.operator)}  ${from === to ? `${from}, as before` : `${from} → ${to}`}`,
    ...formatTable(rows, [1, 3]),
    ...(itemsForAll === 0 ? [] : [`  ${counted(itemsForAll, 'item goes', 'items go')} to every subtask`]),
    ...(largest === undefined ? [] : [
      `  largest: subtask ${largest.subtask}, ${counted(largest.entries, 'entry', 'entries')}, ` +
        `${formatBytes(largest.bytes)}, ${largest.factor.toFixed(2)}× the mean`,
    ]),
  ]
}
