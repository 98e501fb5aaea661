/**
 * `tidemark check`: can this version of the job go on from that checkpoint, and what becomes of its state?
 *
 * Called by line-commands.ts. The job is loaded and its graph built as `run` would; nothing of it runs, nothing is
 * written. The verdict is that of checkpoint/evolution, which the start asks, too.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildGraph } from '../api/build.ts'
import { reportOf, type StreamError } from '../base/errors.ts'
import { checkAgainst, type Check, type CheckedState } from '../checkpoint/evolution/check.ts'
import type { OperatorFate, Verdict } from '../checkpoint/evolution/compare.ts'
import { withCheckpoints } from '../checkpoint/inspection/open.ts'
import { isReference } from '../checkpoint/references.ts'
import { loadJob, parseAddress } from '../host/load/load-job.ts'
import { realStorage } from '../host/real-storage.ts'
import { finished } from './checkpoint.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatCount, formatTable } from './format.ts'
import { placeIn, placeOf, stateDirectory, type CheckpointPlace } from './place.ts'
import { renderError } from './render-error.ts'
import { parseSettings, refuseUnread } from './settings.ts'
import type { Style, Terminal } from './terminal.ts'

export interface CheckFlags {
  /** `DIR`, `DIR#REF`, or a reference into `state`. */
  readonly against: string
  readonly state?: string
  readonly allowDropped?: readonly string[]
  readonly config?: readonly string[]
  readonly json: boolean
}

export async function checkCommand(file: string, flags: CheckFlags, terminal: Terminal): Promise<ExitCode> {
  const config = parseSettings(flags.config ?? [])
  const job = await loadJob(parseAddress(file, process.cwd()))
  const { graph, configRead } = buildGraph(job, { config })
  refuseUnread(config, configRead)
  const place = against(flags, job.name)
  const storage = realStorage()
  const check = await finished(withCheckpoints(storage, [place], (opened) =>
    checkAgainst(storage, opened as NonNullable<typeof opened>, graph, flags.allowDropped ?? [])))
  if (flags.json) terminal.data(JSON.stringify(reportFor(job.name, place.directory, check)))
  else show(job.name, place.directory, check, terminal)
  return check.fits ? EXIT.ok : EXIT.stateIncompatible
}

/** A reference alone is one into the state directory that `run` would use. */
function against(flags: CheckFlags, job: string): CheckpointPlace {
  if (flags.state !== undefined) return placeIn(stateDirectory(flags.state), flags.against)
  if (!isReference(flags.against) || existsSync(flags.against)) return placeOf(flags.against)
  return placeIn(stateDirectory(join('.tidemark', job)), flags.against)
}

function reportFor(job: string, directory: string, { checkpoint, fits, misfit, operators, unused }: Check): object {
  const plain = <T extends { readonly problem?: StreamError }>({ problem, ...rest }: T): object =>
    ({ ...rest, ...(problem === undefined ? {} : { problem: reportOf(problem) }) })
  return {
    schema: 'tidemark.check/1', job, directory, checkpoint, fits,
    ...(misfit === undefined ? {} : { problem: reportOf(misfit) }),
    operators: operators.map((operator) => ({ ...plain(operator), states: operator.states.map(plain) })),
    unused,
  }
}

const COLOURS: Readonly<Record<Verdict, Style>> = {
  kept: 'dim', migrated: 'cyan', new: 'green', dropped: 'yellow', incompatible: 'red',
}

function show(job: string, directory: string, check: Check, terminal: Terminal): void {
  terminal.data(terminal.style('bold', `${job} against #${check.checkpoint} of ${directory}`))
  terminal.data('')
  const rows = check.operators.flatMap((operator) => [
    { verdict: operator.verdict, cells: [operator.verdict, operator.operator, operator.kind, notesOf(operator)] },
    ...operator.states.filter((state) => tells(operator, state)).map((state) => ({
      verdict: state.verdict, cells: [`  ${state.verdict}`, `  ${state.state}`, state.kind, stateNotes(state)],
    })),
  ])
  const lines = formatTable(rows.map(({ cells }) => cells))
  rows.forEach(({ verdict }, i) => terminal.data(`  ${terminal.style(COLOURS[verdict], lines[i] as string)}`))
  terminal.data('')
  for (const name of check.unused) terminal.note(`  --allow-dropped ${name}: nothing of that name would be dropped.`)
  const problems = problemsOf(check)
  for (const problem of problems) terminal.problem(`${renderError(reportOf(problem), terminal)}\n`)
  const verdict = check.fits
    ? `${terminal.style('green', '✓')} this job can go on from checkpoint #${check.checkpoint}`
    : `${terminal.style('red', '✗')} this job cannot go on from checkpoint #${check.checkpoint}`
  terminal.data(`  ${verdict}`)
}

/** Of what comes or goes as a whole, and of what is kept and empty or only positions, the states are not listed. */
const tells = ({ verdict }: OperatorFate, state: CheckedState): boolean =>
  verdict !== 'dropped' && verdict !== 'new' &&
  !(state.verdict === 'kept' && (state.kind === 'operator-list' || state.entries === 0))

function notesOf({ was, verdict, allowed, suggestion }: OperatorFate): string {
  return [
    ...(was === undefined ? [] : [`was "${was}"`]),
    ...(verdict === 'dropped' ? [allowed === true ? 'as allowed' : 'not allowed'] : []),
    ...(suggestion === undefined ? [] : [suggestion]),
  ].join('; ')
}

const HOW = { schema: 'its schema has changed', kind: 'by fromKind', aggregates: 'its aggregates have changed' } as const

function stateNotes({ was, verdict, from, to, by, entries, tried, allowed, suggestion }: CheckedState): string {
  const versions = from !== undefined && to !== undefined && from !== to ? [`version ${from} → ${to}`] : []
  const how = by === undefined || by === 'upgrade' ? [] : [HOW[by]]
  return [
    ...versions, ...how,
    ...(was === undefined ? [] : [`was "${was}"`]),
    ...(verdict === 'new' ? [] : [`${formatCount(entries)} ${entries === 1 ? 'key' : 'keys'}`]),
    ...(tried === undefined ? [] : [`${formatCount(tried)} tried`]),
    ...(verdict === 'dropped' ? [allowed === true ? 'as allowed' : 'not allowed'] : []),
    ...(suggestion === undefined ? [] : [suggestion]),
  ].join('; ')
}

const problemsOf = ({ misfit, operators }: Check): readonly StreamError[] =>
  [misfit, ...operators.flatMap(({ problem, states }) => [problem, ...states.map((state) => state.problem)])]
    .filter((problem) => problem !== undefined)
