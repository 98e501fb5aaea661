/**
 * `tidemark run`: loads a job, runs it to its end or until a signal, says what happened.
 *
 * Owns the pid file, the signal handlers and the choice between lines for people and lines for
 * programs. Called by app.ts; calls host/run.ts, which does everything else.
 *
 * Invariants
 *   RC-1  The pid file is there before the job file is imported, if the state directory is known.
 *   RC-2  With --json stdout carries one JSON object a line and the last one is the outcome.
 */
import { join } from 'node:path'
import { buildGraph } from '../api/build.ts'
import type { Job } from '../api/job.ts'
import { reportOf } from '../base/errors.ts'
import { resolvePlace } from '../host/places.ts'
import { startJob, type JobEvent, type RunOutcome } from '../host/run.ts'
import { E095_COMMAND_LINE } from './errors.ts'
import { EXIT, exitCodeOf, exitCodeOfSignal, type ExitCode } from './exit-codes.ts'
import { loadJob, parseAddress, type JobAddress } from '../host/load/load-job.ts'
import { PidFile } from './pid-file.ts'
import { reportProgress } from './progress.ts'
import { renderError, stackOf } from './render-error.ts'
import { eventLine, outcomeLines, startLines } from './run-lines.ts'
import { parseSettings, refuseUnread, type Config } from './settings.ts'
import { onStopSignals } from './signals.ts'
import type { Terminal } from './terminal.ts'
import { engineVersion } from '../host/version.ts'

export interface RunFlags {
  readonly state?: string
  readonly parallelism?: number
  readonly workers?: number
  readonly config?: readonly string[]
  readonly fresh: boolean
  readonly from?: string
  /** What is begun from stays as it is; so without either of the two. */
  readonly copy: boolean
  /** The savepoint becomes the job's own. */
  readonly claim: boolean
  readonly allowDropped?: readonly string[]
  readonly takeOver: boolean
  readonly json: boolean
}

export async function runCommand(file: string, flags: RunFlags, terminal: Terminal): Promise<ExitCode> {
  const config = parseSettings(flags.config ?? [])
  if (flags.from !== undefined && flags.fresh) {
    throw E095_COMMAND_LINE({
      problem: '--from and --fresh exclude each other.', hints: ['--from begins with state, --fresh without any'],
    })
  }
  if (flags.claim && (flags.copy || flags.from === undefined)) {
    throw E095_COMMAND_LINE({
      problem: flags.copy ? '--claim and --copy exclude each other.' : '--claim is for what --from names.',
      hints: ['--from PATH --claim makes a savepoint the job\'s own, --from PATH alone copies it'],
    })
  }
  let pidFile: PidFile | undefined
  const announce = (directory: string): PidFile => {
    const created = new PidFile(directory)
    created.announce()
    return created
  }
  try {
    if (flags.state !== undefined) pidFile = announce(resolvePlace(flags.state))
    const address = parseAddress(file, process.cwd())
    const job = await loadJob(address)
    const { graph, configRead } = buildGraph(job, { config })
    refuseUnread(config, configRead)
    const stateDirectory = resolvePlace(flags.state ?? join('.tidemark', job.name))
    pidFile ??= announce(stateDirectory)
    return await runToEnd({ job, address, config, flags, stateDirectory, terminal, pidFile, guarantee: graph.guarantee })
  } finally {
    pidFile?.remove()
  }
}

interface Run {
  readonly job: Job
  readonly address: JobAddress
  readonly config: Config
  readonly flags: RunFlags
  readonly stateDirectory: string
  readonly terminal: Terminal
  readonly pidFile: PidFile
  readonly guarantee: string
}

async function runToEnd(run: Run): Promise<ExitCode> {
  const { job, address, config, flags, stateDirectory, terminal, pidFile } = run
  const startedMs = performance.now()
  const handle = startJob(job, {
    stateDirectory, config, fresh: flags.fresh, takeOver: flags.takeOver,
    ...(flags.from === undefined ? {} : { from: flags.from, claim: flags.claim }),
    ...(flags.allowDropped === undefined ? {} : { allowDropped: flags.allowDropped }),
    ...(flags.parallelism === undefined ? {} : { parallelism: flags.parallelism }),
    workers: flags.workers ?? 1,
    module: address,
    onEvent: (event) => showEvent(run, event),
    print: (operator, subtask, text, replayed) => {
      if (flags.json) terminal.data(JSON.stringify({ kind: 'print', operator, subtask, text, replayed }))
      else terminal.data(`${text}${replayed ? '  (replayed)' : ''}`)
    },
  })
  const removeSignals = onStopSignals({
    stop: () => {
      terminal.problem('\n  Stopping with a final checkpoint … again to stop at once, ' +
        'and then the next run repeats what came after the last checkpoint.')
      handle.stop()
    },
    now: (signal) => {
      terminal.problem('  Stopped at once. The same command goes on from the last checkpoint.')
      pidFile.remove()
      process.exit(exitCodeOfSignal(signal))
    },
  })
  const endProgress = reportProgress({ status: () => handle.status(), terminal, json: flags.json })
  try {
    const outcome = await handle.done
    endProgress()
    return showOutcome(run, outcome, performance.now() - startedMs)
  } finally {
    endProgress()
    removeSignals()
  }
}

function showEvent(run: Run, event: JobEvent): void {
  const { terminal, flags } = run
  if (event.kind === 'started') run.pidFile.claim()
  if (flags.json) {
    terminal.data(JSON.stringify(event))
    return
  }
  if (event.kind === 'started') {
    const facts = {
      version: engineVersion(), guarantee: run.guarantee, parallelism: flags.parallelism ?? 1,
      // Since the process began: what a person waited for.
      readyMs: performance.now(),
    }
    for (const line of startLines(event, facts, terminal)) terminal.note(line)
    return
  }
  const line = eventLine(event, terminal)
  if (line !== undefined) terminal.problem(line)
}

function showOutcome(run: Run, outcome: RunOutcome, tookMs: number): ExitCode {
  const { terminal, flags, job } = run
  if (outcome.kind === 'failed') {
    const report = reportOf(outcome.error)
    if (flags.json) terminal.data(JSON.stringify({ kind: 'failed', error: report }))
    else terminal.problem(renderError(report, terminal, stackOf(outcome.error)))
    return exitCodeOf(outcome.error)
  }
  if (flags.json) terminal.data(JSON.stringify(outcome))
  else for (const line of outcomeLines(outcome, job.name, tookMs, terminal)) terminal.note(line)
  return EXIT.ok
}
