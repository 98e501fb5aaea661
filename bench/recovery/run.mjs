/**
 * npm run bench -- recovery [--pairs N] [--quick] [--json]
 *
 * From the death of a worker thread, and from the start of a process after kill -9, to the first record that was
 * never processed before. bench/README.md says what exactly. Called by bench/run.mjs.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runSide } from '../lib/pairs.mjs'
import { nowMs } from '../lib/scheduled.mjs'
import { mostWithin } from '../lib/verdicts.mjs'
import { KEYS } from './shape.mjs'

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const SIDE = path('side.mjs')
const JOB = path('job.mjs')
const CLI = path('../../packages/tidemark/bin/tidemark.mjs')

const DEFAULT_ROUNDS = 20
const QUICK_ROUNDS = 3
/** Records a second. */
const RATE = 10_000
/** Time from one death to the next, if nothing is late: enough for the recovery and some checkpoints. */
const THREADS_APART_MS = 1500
/** Long enough for a spare thread, too, which the engine starts when all others have run for three seconds. */
const SPARE_APART_MS = 6000
const PROCESSES_APART_MS = 3000
/** The job is to be running when its first record falls due. */
const LEAD_MS = 2000
const WORKER_TARGET_MS = 300
const PROCESS_TARGET_MS = 1000

export async function recovery({ rounds, quick, note }) {
  const deaths = rounds ?? (quick ? QUICK_ROUNDS : DEFAULT_ROUNDS)
  const rows = []
  note(`recovery: ${deaths} deaths of a worker thread`)
  rows.push(...await inDirectory((directory) => threads(directory, deaths, 'worker thread', SPARE_APART_MS)))
  note(`recovery: ${deaths} deaths of a worker thread, too soon for a spare`)
  rows.push(...await inDirectory((directory) => threads(directory, deaths, 'without a spare', THREADS_APART_MS)))
  for (const workers of [1, 2]) {
    note(`recovery: ${deaths} times kill -9, ${workers} thread${workers === 1 ? '' : 's'}`)
    rows.push(...await inDirectory((directory) => processes(directory, deaths, workers)))
  }
  return { deaths, rows }
}

async function inDirectory(use) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-recovery-'))
  try {
    return await use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function settingsOf(directory, deaths, apartMs, how) {
  const apart = (RATE * apartMs) / 1000
  return {
    marks: join(directory, 'marks'), out: join(directory, 'out'), how, deaths: String(deaths), rate: String(RATE),
    apart: String(apart), count: String(apart * (deaths + 1)), startMs: String(Math.ceil(nowMs() + LEAD_MS)),
  }
}

async function threads(directory, deaths, name, apartMs) {
  const settings = settingsOf(directory, deaths, apartMs, 'thread')
  const { restarts } = await runSide(SIDE, [directory, JSON.stringify(settings)])
  requireExact(directory)
  const { death, built, reads, fresh } = marksOf(directory, deaths)
  const noticed = death.map((at) => restarts.find((restart) => restart.at >= at))
  const part = (what, to) => ({ what: `${name}: death to ${what}`, ...withoutTarget(differences(death, to)) })
  return [
    {
      what: `${name}: death to first new record`, ...mostWithin(differences(death, fresh), WORKER_TARGET_MS),
      delayed: noticed.filter(({ delayMs }) => delayMs > 0).length,
    },
    part('the decision to restart', noticed.map(({ at }) => at)),
    // A spare had built it before, and the next one does so later.
    ...(apartMs === SPARE_APART_MS ? [] : [part('job built in a new thread', built)]),
    part('first record read there', reads),
  ]
}

async function processes(directory, deaths, workers) {
  const settings = settingsOf(directory, deaths, PROCESSES_APART_MS, 'process')
  const starts = []
  for (;;) {
    starts.push(nowMs())
    const signal = await runToDeath(directory, settings, workers)
    if (signal === undefined) break
    if (signal !== 'SIGKILL') throw new Error(`the job was ended by ${signal}`)
    if (starts.length > deaths) throw new Error('the job died more often than it was told to')
  }
  requireExact(directory)
  const { death, built, reads, fresh } = marksOf(directory, deaths)
  const again = starts.slice(1)
  const name = `process on ${workers} thread${workers === 1 ? '' : 's'}`
  const part = (what, from, to) => ({ what: `${name}: ${what}`, ...withoutTarget(differences(from, to)) })
  return [
    { what: `${name}: start to first new record`, ...mostWithin(differences(again, fresh), PROCESS_TARGET_MS) },
    part('kill -9 to start', death, again),
    part('start to job built', again, built),
    part('start to first record read', again, reads),
  ]
}

/** The signal that ended the process; undefined if it ended by itself, with the input. */
function runToDeath(directory, settings, workers) {
  const args = [
    CLI, 'run', `${JOB}#recovery`, '--state', join(directory, 'state'), '--json',
    '--parallelism', String(workers), '--workers', String(workers),
    ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { output = (output + text).slice(-4000) })
    }
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0) resolve(undefined)
      else if (signal !== null) resolve(signal)
      else reject(new Error(`the job ended with exit code ${code}\n${output}`))
    })
  })
}

/** When each death was, and after it: the job built anew, the first record read again, the first new one. */
function marksOf(directory, deaths) {
  const marks = readFileSync(join(directory, 'marks'), 'utf8').trim().split('\n').map((line) => {
    const [what, number, at] = line.split(' ')
    return { what, number: Number(number), at: Number(at) }
  })
  const earliest = (wanted, number) => {
    const found = Math.min(...marks.filter(wanted).map(({ at }) => at))
    if (found === Infinity) throw new Error(`death ${number} or the recovery from it was not noted`)
    return found
  }
  const numbers = Array.from({ length: deaths }, (_, i) => i + 1)
  const death = numbers.map((number) => earliest((mark) => mark.what === 'death' && mark.number === number, number))
  const after = (kind) => numbers.map((number, i) =>
    earliest(({ what, at }) => what === kind && at > death[i], number))
  const fresh = numbers.map((number) => earliest((mark) => mark.what === 'new' && mark.number === number, number))
  return { death, built: after('built'), reads: after('reads'), fresh }
}

/** A recovery that loses or repeats records would be worth nothing. */
function requireExact(directory) {
  const out = join(directory, 'out')
  const lines = readdirSync(out).flatMap((name) => readFileSync(join(out, name), 'utf8').trim().split('\n'))
  if (lines.length !== KEYS) throw new Error(`${lines.length} keys have all of their records, and should be ${KEYS}`)
}

const differences = (from, to) => from.map((at, i) => to[i] - at)

function withoutTarget(values) {
  const { median, p90, max, n } = mostWithin(values, 0)
  return { median, p90, max, n }
}

export function shownRecovery({ rows }) {
  return rows.map(({ what, target, verdict, median, p90, max, n, delayed }) => {
    const goal = target === undefined ? '' : `  target ${target}: ${verdict}`
    return `  ${what.padEnd(48)} median ${median.toFixed(0)}  p90 ${p90.toFixed(0)}  max ${max.toFixed(0)} ms  (${n})${goal}` +
      `${delayed > 0 ? `  ${delayed} after a back-off` : ''}`
  }).join('\n')
}
