/**
 * `tidemark replay`: runs the records between two checkpoints again, and says whether the state is the same.
 *
 * Called by line-commands.ts. host/replay.ts does it; this file says what it does, and opens the inspector before the
 * first record. Records of a watched key and the result go to stdout, talk to stderr.
 */
import { open as openInspector } from 'node:inspector'
import { join } from 'node:path'
import { buildGraph } from '../api/build.ts'
import type { EntryChange } from '../checkpoint/inspection/diff-groups.ts'
import type { EntryView } from '../checkpoint/inspection/entry-view.ts'
import { formatKey, parseKey } from '../checkpoint/inspection/key-text.ts'
import type { Key } from '../graph/key.ts'
import { loadJob, parseAddress } from '../host/load/load-job.ts'
import { resolvePlace, shownPlace } from '../host/places.ts'
import { realStorage } from '../host/real-storage.ts'
import {
  replay, type KeyHistory, type ReplayDifference, type ReplayPlan, type ReplayReport, type ShownRecord,
} from '../host/replay.ts'
import { counted, entryPlace } from './entry-lines.ts'
import { EXIT, exitCodeOfSignal, type ExitCode } from './exit-codes.ts'
import { formatAge, formatCount, formatInstant } from './format.ts'
import { stateDirectory } from './place.ts'
import { savepointPorts } from './savepoint.ts'
import { parseSettings, refuseUnread } from './settings.ts'
import { onStopSignals, type StopSignal } from './signals.ts'
import type { Terminal } from './terminal.ts'

export interface ReplayFlags {
  readonly state?: string
  readonly from?: string
  readonly to: string
  readonly key?: string
  readonly inspect: boolean
  readonly keep?: string
  readonly limit: number
  readonly config?: readonly string[]
  readonly json: boolean
}

export async function replayCommand(file: string, flags: ReplayFlags, terminal: Terminal): Promise<ExitCode> {
  const config = parseSettings(flags.config ?? [])
  const key = flags.key === undefined ? undefined : parseKey(flags.key)
  const job = await loadJob(parseAddress(file, process.cwd()))
  const { graph, configRead } = buildGraph(job, { config })
  refuseUnread(config, configRead)
  const directory = stateDirectory(flags.state ?? join('.tidemark', job.name))
  const stopped = new AbortController()
  let signal: StopSignal | undefined
  const stop = (by: StopSignal): void => {
    signal = by
    stopped.abort()
  }
  const watchSignals = (): (() => void) =>
    onStopSignals({ stop, now: (by) => process.exit(exitCodeOfSignal(by)) })
  let removeSignals = watchSignals()
  try {
    const outcome = await replay(realStorage(), {
      graph, config, directory, to: flags.to, limit: flags.limit, ports: savepointPorts(), signal: stopped.signal,
      ...(flags.from === undefined ? {} : { from: flags.from }),
      ...(flags.keep === undefined ? {} : { keep: resolvePlace(flags.keep) }),
      ...(key === undefined ? {} : { key }),
      log: (level, message) => terminal.note(`  ${level}: ${message}`),
      begins: (plan) => {
        if (!flags.json) showPlan(plan, terminal)
        if (!flags.inspect) return
        // Nobody would run the handlers of a thread that waits for its debugger: Ctrl-C is to end it there, too.
        removeSignals()
        waitForDebugger(file, terminal)
        removeSignals = watchSignals()
      },
      entering: (record) => {
        if (!flags.json) terminal.data(enteringLine(record, terminal))
      },
    })
    if (outcome.kind === 'cancelled') {
      terminal.problem('  Ended before it had come to its checkpoint: there is nothing to compare.')
      return exitCodeOfSignal(signal ?? 'SIGINT')
    }
    const { report } = outcome
    if (flags.json) terminal.data(JSON.stringify(report))
    else show(report, key, terminal)
    return report.verdict === 'differs' ? EXIT.differences : EXIT.ok
  } finally {
    removeSignals()
  }
}

/** On the loopback address alone: whoever can speak to an inspector can run any code. */
function waitForDebugger(file: string, terminal: Terminal): void {
  terminal.problem(`  Nothing has been read yet: it waits for a debugger, at the address below.
    In an editor: attach to a Node.js process at that port. In Chrome: chrome://inspect, Configure, that address.
    Set breakpoints in ${file}, or write debugger; there, and let it go on.`)
  openInspector(0, '127.0.0.1', true)
}

function showPlan({ job, from, to, directory, parallelism }: ReplayPlan, terminal: Terminal): void {
  const way = `#${from.checkpoint} → #${to.checkpoint}`
  const apart = formatAge(Math.max(0, to.completedAtMs - from.completedAtMs))
  const facts = `${way} of ${shownPlace(directory)}, ${apart} of the job, at parallelism ${parallelism}`
  terminal.note(`  ${terminal.style('bold', job)}  ${facts}`)
}

const enteringLine = ({ operator, record, eventTimeMs }: ShownRecord, terminal: Terminal): string => {
  const time = eventTimeMs === undefined ? '' : `  ${formatInstant(eventTimeMs)}`
  return `${terminal.style('dim', `→ ${operator}${time}`)}  ${JSON.stringify(record)}`
}

function show(report: ReplayReport, key: Key | undefined, terminal: Terminal): void {
  const { sources, to, tookMs, verdict, differences, notes } = report
  const print = (line: string): void => terminal.data(line)
  if (report.key !== undefined && report.key.entered > report.key.records.length) {
    print(`  … ${formatCount(report.key.entered - report.key.records.length)} more, see --limit`)
  }
  for (const { operator, records } of sources) print(`  ${operator}  ${counted(records, 'record', 'records')}`)
  if (key !== undefined) for (const line of historyLines(key, report, terminal)) print(line)
  for (const line of differences.flatMap((one) => differenceLines(one, to.checkpoint, terminal))) print(line)
  print(`  ${verdictLine(verdict, to.checkpoint, terminal)}, after ${formatAge(tookMs)}`)
  if (verdict !== 'equal' || key !== undefined) for (const note of notes) terminal.note(`  ! ${note}`)
  if (report.kept !== undefined) terminal.note(`  Its own state is kept in ${report.kept}`)
}

function verdictLine(verdict: ReplayReport['verdict'], checkpoint: number, terminal: Terminal): string {
  switch (verdict) {
    case 'equal':
      return `${terminal.style('green', '✓')} the state is that of checkpoint #${checkpoint}`
    case 'equal but for the clock':
      return `${terminal.style('green', '✓')} the state is that of checkpoint #${checkpoint}, but for what the clock decides`
    case 'differs':
      return `${terminal.style('red', '✗')} the state is not that of checkpoint #${checkpoint}`
  }
}

function differenceLines(difference: ReplayDifference, checkpoint: number, terminal: Terminal): string[] {
  const { operator, state, kind, added, removed, changed, onlyWritten, byClock, otherKeys, entries } = difference
  const counts = [
    [changed - onlyWritten, 'with another value'], [added, `only in #${checkpoint}`], [removed, 'only in the replay'],
    [onlyWritten, 'equal, but written at another time'],
  ] as const
  const facts = counts.filter(([count]) => count > 0).map(([count, what]) => `${formatCount(count)} ${what}`)
  const more = `${otherKeys === undefined ? '' : `; ${formatCount(otherKeys)} of that of other keys`}` +
    `${byClock ? '  (a matter of the clock)' : ''}`
  const left = added + removed + changed - (otherKeys ?? 0) - entries.length
  return [
    `  ${terminal.style('bold', `${operator} / ${state}`)}  ${kind}  ${facts.join(', ')}${more}`,
    ...entries.map((entry) => `    ${changeLine(entry, checkpoint, terminal)}`),
    ...(left > 0 ? [`    … ${formatCount(left)} more, see --limit`] : []),
  ]
}

function changeLine(entry: EntryChange, checkpoint: number, terminal: Terminal): string {
  const { before, after } = entry
  const text = (side: EntryChange['before']): string => (side === undefined ? 'nothing' : JSON.stringify(side.value))
  return `${entryPlace(entry).join('  ')}  ${terminal.style('red', `replay ${text(before)}`)}, ` +
    terminal.style('green', `#${checkpoint} ${text(after)}`)
}

function historyLines(key: Key, { key: watched, from, to }: ReplayReport, terminal: Terminal): string[] {
  if (watched === undefined) return []
  const entered = counted(watched.entered, 'record', 'records')
  const head = terminal.style('bold', `  key ${formatKey(key)}: ${entered} entered keyed operators`)
  const held = (entries: readonly EntryView[]): string => (entries.length === 0
    ? 'nothing'
    : entries.map((entry) => [...entryPlace(entry).slice(1), JSON.stringify(entry.value)].join('  ')).join(' · '))
  return [head, ...watched.states.flatMap((history: KeyHistory) => [
    `    ${history.operator} / ${history.state}  ${history.kind}`,
    `      #${from.checkpoint}  ${held(history.from)}`,
    `      replay  ${held(history.reached)}`,
    `      #${to.checkpoint}  ${held(history.to)}`,
  ])]
}
