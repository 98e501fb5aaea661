/**
 * `tidemark top`: what a running job does now, asked of its process; live on a terminal, JSON for programs.
 *
 * Called by app.ts. Two samples make one picture; a job that is not there, or does not answer, is told apart.
 *
 *   TO-1  With --json stdout carries one object a line; they are complete also if the reader leaves early.
 *   TO-2  Off a terminal nothing is written over: one picture, or JSON lines.
 *   TO-3  A job that ends while it is looked at is no error.
 */
import { listCheckpoints, type CheckpointList } from '../checkpoint/inspect.ts'
import { askMetrics } from '../host/metrics-socket.ts'
import { realStorage } from '../host/real-storage.ts'
import { bottleneckOf, eventTimeOf, nameOf } from '../observe/diagnosis.ts'
import {
  E120_NO_JOB_HERE, E121_JOB_NOT_RUNNING, E135_JOB_DOES_NOT_ANSWER, E136_UNKNOWN_METRICS,
} from '../observe/errors.ts'
import { SAMPLE_SCHEMA, type JobSample } from '../observe/job-sample.ts'
import { ratesBetween, type JobRates } from '../observe/rates.ts'
import { finished, stateDirectory } from './checkpoint.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatAge } from './format.ts'
import type { Terminal } from './terminal.ts'
import { topLines, type Paper } from './top-lines.ts'
import { onLeave, Screen } from './top-screen.ts'

export interface TopFlags {
  readonly json: boolean
  readonly once: boolean
  /** Milliseconds between two pictures. */
  readonly interval: number
}

/** A process that is busy elsewhere for longer is told as one that does not answer. */
const ANSWER_WITHIN_MS = 2_000
/** The first picture does not wait for a long interval. */
const FIRST_INTERVAL_MS = 1_000

export async function topCommand(given: string, flags: TopFlags, terminal: Terminal): Promise<ExitCode> {
  const directory = stateDirectory(given)
  const first = await sampleOf(directory)
  if (first === undefined) throw await absent(directory)
  const live = !flags.once && !flags.json && process.stdout.isTTY === true && terminal.options.interactive
  const view = live ? liveView() : undefined
  const leaving = new Leaving()
  const giveBack = onLeave(live && process.stdin.isTTY === true ? process.stdin : undefined, () => leaving.now())
  const paper: Paper = {
    // A file has no edge.
    get columns() {
      return process.stdout.isTTY === true ? process.stdout.columns : Number.POSITIVE_INFINITY
    },
    style: (style, text) => (process.stdout.isTTY === true ? terminal.style(style, text) : text),
  }
  const show = (rates: JobRates): void => {
    if (flags.json) terminal.data(JSON.stringify(jsonOf(rates)))
    else if (view !== undefined) view.show([...topLines(rates, paper), '', paper.style('dim', 'q leaves')])
    else for (const line of topLines(rates, paper)) terminal.data(line)
  }
  try {
    for (let before = first, pause = Math.min(flags.interval, FIRST_INTERVAL_MS); ; pause = flags.interval) {
      await leaving.after(pause)
      if (leaving.begun) return EXIT.ok
      const now = await sampleOf(directory)
      if (now === undefined) {
        terminal.note(`  ${before.job} has ended: ${lastOf(await checkpointsOf(directory))}.`)
        return EXIT.ok
      }
      show(ratesBetween(before, now))
      if (flags.once || (!live && !flags.json)) return EXIT.ok
      before = now
    }
  } finally {
    giveBack()
    view?.close()
  }
}

function liveView(): Screen {
  const { stdout } = process
  return new Screen({ write: (text) => void stdout.write(text) }, () => stdout.rows ?? 24)
}

/** Lets a wait end early. */
class Leaving {
  begun = false
  #wake: () => void = () => {}

  now(): void {
    this.begun = true
    this.#wake()
  }

  after(ms: number): Promise<void> {
    if (this.begun) return Promise.resolve()
    return new Promise((done) => {
      const timer = setTimeout(done, ms)
      this.#wake = () => {
        clearTimeout(timer)
        done()
      }
    })
  }
}

/** One line of --json: rates, and the two sentences of the head as data. */
function jsonOf(rates: JobRates): unknown {
  const bottleneck = bottleneckOf(rates)
  const time = eventTimeOf(rates)
  return {
    schema: 'tidemark.top/1',
    ...rates,
    bottleneck: bottleneck?.kind === 'held-up'
      ? { subtask: nameOf(bottleneck.by), waiting: nameOf(bottleneck.waiting) }
      : null,
    eventTime: time === undefined
      ? null
      : { watermark: time.watermark, subtask: nameOf(time.subtask), heldBy: time.heldBy ?? null },
  }
}

/** Undefined: nobody runs the job. Throws E135 or E136. */
async function sampleOf(directory: string): Promise<JobSample | undefined> {
  const answer = await askMetrics(directory, ANSWER_WITHIN_MS)
  if (answer.kind === 'nobody') return undefined
  if (answer.kind === 'silent') {
    throw E135_JOB_DOES_NOT_ANSWER({ directory, pid: answer.pid, withinMs: ANSWER_WITHIN_MS })
  }
  const sample = parsed(answer.text)
  if (sample?.schema === SAMPLE_SCHEMA) return sample
  const said = answer.text.length > 40 ? `${answer.text.slice(0, 40)}…` : answer.text
  throw E136_UNKNOWN_METRICS({ directory, given: sample?.schema ?? JSON.stringify(said), expected: SAMPLE_SCHEMA })
}

function parsed(text: string): JobSample | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'schema' in value ? (value as JobSample) : undefined
  } catch {
    return undefined
  }
}

async function absent(directory: string): Promise<Error> {
  const list = await checkpointsOf(directory)
  if (list.job === undefined) return E120_NO_JOB_HERE({ directory })
  return E121_JOB_NOT_RUNNING({ directory, job: list.job, last: lastOf(list) })
}

function lastOf({ checkpoints }: CheckpointList): string {
  const last = checkpoints.findLast(({ latest }) => latest) ?? checkpoints.at(-1)
  if (last === undefined) return 'it has completed no checkpoint'
  const age = last.ageMs === undefined ? '' : `, ${formatAge(last.ageMs)} ago`
  if (last.finished === true) return `it is finished, with checkpoint #${last.id}${age}`
  return `its last checkpoint is #${last.id}${age}`
}

const checkpointsOf = (directory: string): Promise<CheckpointList> =>
  finished(listCheckpoints(realStorage(), directory, Date.now()))
