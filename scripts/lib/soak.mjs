/**
 * The soak: real processes of the flights job, killed again and again, and every line compared.
 *
 * Used by scripts/soak.mjs and by the end-to-end test. `soak` returns what happened and throws only
 * if the engine cannot be started at all.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compareLines, writeExtract } from './flights-extract.mjs'
import { CLI, ROOT } from './workspace.mjs'

const GIVE_UP_AFTER_STARTS = 80
const ENGINE_TIMEOUT_MS = 120_000
/** One in so many processes is killed while it starts. */
const START_UP_ONE_IN = 12
/** At first; on a busy machine a process does little in that time, so that after so many starts each one has as much again. */
const LIVES_UP_TO_MS = 1600
const LONGER_AFTER_STARTS = 20
/** Steps that only worker threads reach, if there are any: at one of them a thread leaves, while the process lives. */
const THREAD_STEPS = [
  'src.poll', 'task.barrier.first', 'task.aligned', 'task.snapshot.sync', 'task.ack.sent', 'commit.begin',
  'commit.k.before', 'commit.k.after',
]
/** The event of a thread that left; other failures are none of these. */
const THREAD_LEFT = /"kind":"restarting".*"code":"E086"/

/** A small seeded generator, so that --seed repeats the moments of death. */
export function generator(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
  return { next, between: (least, most) => least + Math.floor(next() * (most - least + 1)) }
}

/** One process of the engine; ends by itself, by `kill` (counted from spawn or from its first word) or by a failpoint. */
function runEngine({ state, out, input, rate, parallelism, workers, checkpointEvery, kill, failpoint }) {
  return new Promise((resolve, reject) => {
    const args = [
      CLI, 'run', 'examples/flights/job.ts', '--state', state, '--parallelism', String(parallelism),
      '--workers', String(workers),
      '-c', `out=${out}`, '-c', `input=${input}`, '-c', `checkpointEvery=${checkpointEvery}`, '-c', `rate=${rate}`,
      '-c', 'retain=1', '--json',
    ]
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...(failpoint === undefined ? {} : { TIDEMARK_FAILPOINTS: failpoint }) },
    })
    const output = []
    let threadDeaths = 0
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(Buffer.from(`${line}\n`))
      if (THREAD_LEFT.test(line)) threadDeaths += 1
    })
    child.stderr.on('data', (chunk) => output.push(chunk))
    const timers = [setTimeout(() => child.kill('SIGABRT'), ENGINE_TIMEOUT_MS)]
    const killIn = (ms) => timers.push(setTimeout(() => child.kill('SIGKILL'), ms))
    // One in so many dies while it starts; the others live for a while, however slow the machine is.
    if (kill?.from === 'spawn') killIn(kill.afterMs)
    else if (kill !== undefined) child.stdout.once('data', () => killIn(kill.afterMs))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      for (const timer of timers) clearTimeout(timer)
      resolve({ code, signal, killed: signal === 'SIGKILL', threadDeaths, output: Buffer.concat(output).toString().slice(-3000) })
    })
  })
}

const numbers = (names, pattern) => names.flatMap((name) => {
  const match = pattern.exec(name)
  return match === null ? [] : [Number(match[1])]
})

/** Numbers of the newest checkpoint begun and the newest one completed. */
function progress(state) {
  const directory = join(state, 'checkpoints')
  const names = existsSync(directory) ? readdirSync(directory) : []
  return {
    begun: Math.max(0, ...numbers(names, /^(\d+)$/)),
    completed: Math.max(0, ...numbers(names, /^(\d+)\.manifest$/)),
  }
}

/** When did it die? Read from what lies on the disk, compared with `before` it was started. */
function momentOf(state, out, before) {
  const { begun, completed } = progress(state)
  if (begun > Math.max(before.begun, completed)) return completed === 0 ? 'first checkpoint on its way' : 'in commit'
  if (completed === 0) return 'before the first'
  if (completed === before.completed) return 'other'
  // Staged before the manifest and still there: its commits were not finished.
  const manifestMs = statSync(join(state, 'checkpoints', `${completed}.manifest`)).mtimeMs
  const names = existsSync(out) ? readdirSync(out) : []
  const staged = names.some((name) => name.startsWith('.') && statSync(join(out, name)).mtimeMs <= manifestMs)
  return staged ? 'in commit' : 'other'
}

class Round {
  constructor(context, name) {
    this.context = context
    this.directory = join(context.directory, name)
    this.state = join(this.directory, 'state')
    this.out = join(this.directory, 'out')
    mkdirSync(this.directory, { recursive: true })
  }

  /** `threads` die at random moments where there are several. */
  start({ threads = false, ...options }) {
    const { input, random } = this.context
    const parallelism = random.between(1, 4)
    const workers = random.between(1, parallelism)
    return runEngine({
      state: this.state, out: this.out, input, parallelism, workers, checkpointEvery: '200ms',
      ...(threads && workers > 1 ? { failpoint: drawThreadDeath(random) } : {}), ...options,
    })
  }

  /** Compares, adds up and clears away; keeps the directories of a wrong round. */
  finish(report, label) {
    const result = compareLines(this.out, this.context.expected)
    report.rounds += 1
    report.lost += result.lost
    report.duplicated += result.duplicated
    report.wrong += result.wrong
    if (result.lost + result.duplicated + result.wrong === 0) {
      rmSync(this.directory, { recursive: true, force: true })
    } else {
      report.problems.push(`${label}: ${result.lost} lost, ${result.duplicated} duplicated, ${result.wrong} wrong in ` +
        `${this.directory}\n  ${result.examples.join('\n  ')}`)
    }
  }

  /** True if the engine ended well; anything but that and a kill is a problem. */
  endedWell(run, report, label) {
    if (run.code === 0) return true
    report.problems.push(`${label}: exit ${run.code} ${run.signal ?? ''} in ${this.directory}\n${run.output}`)
    return false
  }
}

function drawKill(random, starts) {
  const livesUpToMs = LIVES_UP_TO_MS * Math.ceil(starts / LONGER_AFTER_STARTS)
  return random.between(1, START_UP_ONE_IN) === 1
    ? { from: 'spawn', afterMs: random.between(0, 1000) }
    : { from: 'start', afterMs: random.between(0, livesUpToMs) }
}

/** A thread leaves, and the first ones that take its place do so again. */
function drawThreadDeath(random) {
  const step = THREAD_STEPS[random.between(0, THREAD_STEPS.length - 1)]
  return `${step}=exit@${random.between(1, step === 'src.poll' ? 40 : 4)}x${random.between(1, 3)}`
}

/** Kills at random moments until the job has finished, again and again until there were enough. */
async function randomKills(context, report) {
  const { random, kills, rate, log } = context
  while (report.kills < kills && report.problems.length === 0) {
    const number = ++context.rounds
    const round = new Round(context, `round-${number}`)
    for (let starts = 1; ; starts++) {
      const label = `round ${number}, start ${starts}`
      const before = progress(round.state)
      const enough = report.kills >= kills
      const kill = enough ? undefined : drawKill(random, starts)
      const checkpointEvery = random.between(0, 1) === 0 ? '200ms' : '50ms'
      const run = await round.start({ rate: enough ? 0 : rate, kill, checkpointEvery, threads: !enough })
      report.threadDeaths += run.threadDeaths
      if (run.killed) {
        report.kills += 1
        const moment = momentOf(round.state, round.out, before)
        report.moments[moment] = (report.moments[moment] ?? 0) + 1
        if (starts < GIVE_UP_AFTER_STARTS) continue
        report.problems.push(`${label}: not finished after ${starts} starts`)
      } else if (round.endedWell(run, report, label)) {
        round.finish(report, label)
      }
      break
    }
    log(`round ${number}: ${report.kills} kills, ${report.threadDeaths} threads lost, ${report.lost} lost, ${report.duplicated} duplicated, ${report.wrong} wrong`)
  }
}

/** Dies at the named step, `times` times, from any number of job runs. */
async function failpointKills(context, report, step, times) {
  const { random, log } = context
  let hits = 0
  for (let tries = 1; hits < times; tries++) {
    if (tries > 4 * times) {
      report.problems.push(`failpoint ${step}: reached only ${hits} times in ${tries - 1} runs of the job`)
      return
    }
    const label = `failpoint ${step}, run ${tries}`
    const round = new Round(context, `${step}-${tries}`)
    const rate = context.failpointRate
    // A restore needs something to restore, and commits that are not confirmed.
    if (step.startsWith('restore.')) await round.start({ rate, failpoint: 'cp.manifest.linked=kill9@2' })
    let run
    do {
      const count = tries > times ? 1 : random.between(1, step === 'src.poll' ? 20 : 2)
      run = await round.start({ rate, failpoint: `${step}=kill9@${count}` })
      if (run.killed) hits += 1
    } while (run.killed && hits < times)
    if (run.killed) run = await round.start({ rate: 0 })
    if (!round.endedWell(run, report, label)) return
    round.finish(report, label)
  }
  report.failpoints[step] = hits
  log(`failpoint ${step}: died ${hits} times`)
}

async function inLanes(lanes, jobs) {
  const left = [...jobs]
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await next()
  }))
}

/**
 * `kills`: random SIGKILLs in all; `steps`: failpoints, each `times` times; `rows` of input;
 * `lastsMs`: how long an undisturbed run is made to take.
 */
export async function soak({
  kills, steps, times, rows = 300_000, lastsMs = 16_000, failpointRows = 20_000, seed = 1, lanes = 2, log = () => {},
}) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-soak-'))
  const report = { kills: 0, threadDeaths: 0, rounds: 0, lost: 0, duplicated: 0, wrong: 0, moments: {}, failpoints: {}, problems: [] }
  const random = generator(seed)
  const contextOf = async (name, count) => {
    const input = join(directory, `${name}.jsonl`)
    return { directory, input, expected: await writeExtract(input, count), random, log, kills, rounds: 0 }
  }
  if (kills > 0) {
    const context = { ...(await contextOf('flights', rows)), rate: Math.round((rows * 1000) / lastsMs) }
    await inLanes(lanes, Array.from({ length: lanes }, () => () => randomKills(context, report)))
  }
  if (steps.length > 0) {
    const context = { ...(await contextOf('few', failpointRows)), failpointRate: failpointRows }
    await inLanes(lanes, steps.map((step) => () => failpointKills(context, report, step, times)))
  }
  if (report.problems.length === 0) rmSync(directory, { recursive: true, force: true })
  return report
}
