/**
 * `npm run demo`: three million real flights, a job that is killed again and again, and the proof
 * that no total changed.
 *
 *   node scripts/demo.mjs [--kills N] [--workers N] [--parallelism N] [--seed N]
 *
 * Installs and builds if need be, runs examples/flights with a state directory below .demo/ on a thread
 * for each core (at most four, and as many subtasks of every operator unless said otherwise), sends
 * SIGKILL to the engine at random moments after a checkpoint, starts it again each time, and at the
 * end compares every line of output with a plain loop over the same file, which shares no code with
 * the engine but the Parquet reader.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bold, CLI, dim, ensureInstalled, green, red, ROOT } from './lib/workspace.mjs'

const DEMO = join(ROOT, '.demo')
const STATE = join(DEMO, 'state')
const OUT = join(DEMO, 'out')
const FIRST_KILLS_AFTER_MS = [150, 900]
const GIVE_UP_AFTER_RUNS = 60
/** The file has eleven row groups: many more threads would only wait for the last of them. */
const MOST_WORKERS = 4

const kills = numberArgument('--kills', 3)
const workers = numberArgument('--workers', Math.min(availableParallelism(), MOST_WORKERS))
const parallelism = numberArgument('--parallelism', workers)
const threads = threadsOf(workers, parallelism)
const random = generator(numberArgument('--seed', Date.now() % 1_000_000))

function numberArgument(name, fallback) {
  const at = process.argv.indexOf(name)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}

/** What the engine makes of it: a thread without a subtask would have nothing to do. */
function threadsOf(asked, subtasks) {
  const used = Math.min(asked, subtasks)
  return used === 1 ? 'one thread' : `${used} threads`
}

/** A small seeded generator, so that --seed repeats a demo's moments of death. */
function generator(seed) {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const count = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ' ')
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** One run of the engine; `killAfterMs` counts from its first new checkpoint. */
async function runOnce(killAfterMs) {
  const args = [
    CLI, 'run', 'examples/flights/job.ts', '--state', STATE, '--parallelism', String(parallelism),
    '--workers', String(workers), '-c', `out=${OUT}`, '-c', 'checkpointEvery=200ms', '--json',
  ]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  const errors = []
  child.stderr.on('data', (chunk) => errors.push(chunk))
  const closed = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  const seen = { checkpoints: 0, last: undefined, restored: undefined, outcome: undefined, recordsIn: 0 }
  let killing
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line)
    if (event.kind === 'started') seen.restored = event.restoredFrom?.checkpoint
    else if (event.kind === 'progress') seen.recordsIn = event.recordsIn
    else if (event.kind === 'checkpoint') {
      seen.checkpoints += 1
      seen.last = event.id
      if (killAfterMs !== undefined) killing ??= pause(killAfterMs).then(() => child.kill('SIGKILL'))
    } else if (event.counts !== undefined || event.kind === 'failed') seen.outcome = event
  }
  const { code, signal } = await closed
  await killing
  return { ...seen, code, killed: signal === 'SIGKILL', errors: Buffer.concat(errors).toString() }
}

function describeStart(restored) {
  return restored === undefined ? 'from the beginning' : `resumed from checkpoint #${restored}`
}

async function runWithKills() {
  let killed = 0
  for (let run = 1; run <= GIVE_UP_AFTER_RUNS; run++) {
    const [least, most] = FIRST_KILLS_AFTER_MS
    const killAfterMs = killed < kills ? least + random() * (most - least) : undefined
    const result = await runOnce(killAfterMs)
    const start = describeStart(result.restored).padEnd(30)
    if (result.killed) {
      killed += 1
      console.log(`  run ${run}  ${start} ${red('kill -9')} ${Math.round(killAfterMs)} ms after a checkpoint; ` +
        `last one: #${result.last}`)
      continue
    }
    if (result.code !== 0 || result.outcome?.kind === 'failed') {
      console.error(result.errors || JSON.stringify(result.outcome, undefined, 2))
      throw new Error(`the engine ended with exit code ${result.code}`)
    }
    console.log(`  run ${run}  ${start} ${green('finished')} with checkpoint #${result.outcome?.checkpoint ?? result.last}`)
    return { runs: run, killed }
  }
  throw new Error(`not finished after ${GIVE_UP_AFTER_RUNS} runs`)
}

const startedMs = performance.now()
console.log(bold('\nTidemark: three million flights, and kill -9 at any instant\n'))
await ensureInstalled()
const { build } = await import('./build.mjs')
const { built } = await build()
console.log(dim(built ? '  built' : '  build is up to date'))
console.log(dim(`  ${threads} on ${availableParallelism()} cores, ${parallelism} subtasks of every operator`))

rmSync(DEMO, { recursive: true, force: true })
let attempt
for (let tries = 1; ; tries++) {
  attempt = await runWithKills()
  if (attempt.killed >= Math.min(2, kills)) break
  // A very fast machine may finish before the second kill: try again from the beginning.
  if (tries === 5) throw new Error('the job finished each time before it could be killed twice')
  rmSync(DEMO, { recursive: true, force: true })
}

console.log(dim('  comparing every total with a plain loop over the same file …'))
const { compareFlights } = await import('./lib/flights-oracle.mjs')
const { rows, totals, lost, doubled, wrong } = await compareFlights(OUT)
const good = lost === 0 && doubled === 0 && wrong === 0
const verdict = `${lost} lost, ${doubled} doubled, ${wrong} wrong`
console.log(`\n${good ? green('✓') : red('✗')} ${bold(verdict)}: ${count(rows)} flights, ${count(totals)} totals per airport and ` +
  `hour, ${attempt.killed} × kill -9, ${threads}, ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`)
if (good) {
  console.log(`Go on:
  examples/flights/job.ts                      the job, in a few lines
  npx tidemark graph examples/flights/job.ts   what it does
  npx tidemark checkpoint show --state .demo/state
  npx tidemark run examples/necklace/job.ts    the idea, with beads and rubber bands
`)
}
process.exitCode = good ? 0 : 1
