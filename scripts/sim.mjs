/**
 * npm run sim -- [--minutes M | --seeds N [--full-seeds F]] [--from S] [--protocol | --full] [--workers W] [--record FILE] [--json]
 * npm run sim -- --seed S [--protocol | --full]
 *
 * Runs the built engine in the simulator. A protocol seed is a small job around the checkpoint protocol, a
 * full seed a whole job; both draw input, schedule and faults from the seed. Without --protocol or --full
 * both run, at the same time (--full-seeds: so many of the slower kind). A failing seed is printed with what was drawn from it and the command that
 * replays it; with --seed that one is replayed step by step, as a trace to read. With --record a run by
 * number of seeds goes on where it was interrupted (lib/sim-record.mjs). Exit 1 if any seed failed
 * or had not the shape of a full seed, or if a run of a minute or more did not reach every named step.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { buildHash, readRecord, RecordWriter } from './lib/sim-record.mjs'

const DIST = new URL('../packages/tidemark/dist/', import.meta.url)
const BUILT = new URL('host/', DIST)
const CHUNK = { protocol: 100, full: 10 }
/** So much more of the workers' time one kind may have had than another. */
const MOST_AHEAD_MS = 10_000
const KINDS = ['protocol', 'full']
/** How often every named step must be reached in a run of a minute or more. */
const LEAST_REACHED = 100
const NUMBERS = ['--minutes', '--seeds', '--full-seeds', '--from', '--seed', '--workers']
const FLAGS = ['--protocol', '--full', '--json']
const AS_WORKER = '--as-worker'
/**
 * The workers use all cores, so collecting and compiling on threads of their own only make them take turns;
 * and what a seed leaves behind lives for a moment: most of it is gone when a young generation of this size is full.
 */
const WORKER_FLAGS = ['--single-threaded', '--max-semi-space-size=32', '--min-semi-space-size=32']
const USAGE = 'usage: npm run sim -- [--minutes M | --seeds N [--full-seeds F]] [--from S] [--protocol | --full] [--workers W] [--record FILE] [--json]\n' +
  '       npm run sim -- --seed S [--protocol | --full]'

async function load(module) {
  return import(new URL(module, BUILT).href).catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.error('the engine is not built: run `npm run build` first')
    process.exit(2)
  })
}

function parse(args) {
  const options = {}
  for (let i = 0; i < args.length; i++) {
    const name = args[i]
    if (FLAGS.includes(name)) {
      options[name.slice(2)] = true
      continue
    }
    if (name === '--record' && args[i + 1] !== undefined) {
      options.record = args[++i]
      continue
    }
    const value = Number(args[++i])
    const good = NUMBERS.includes(name) && (name === '--minutes' ? value > 0 : Number.isSafeInteger(value))
    if (!good) {
      console.error(USAGE)
      process.exit(2)
    }
    options[name.slice(2)] = value
  }
  return options
}

const kindsOf = ({ protocol, full }) => (protocol === full ? KINDS : protocol ? ['protocol'] : ['full'])

function describe({ kind, seed, violation, plan }) {
  return [
    `SEED ${seed} (${kind}) failed: ${violation.kind}`, JSON.stringify(violation, null, 2),
    `drawn from it: ${JSON.stringify(plan)}`, `replay: npm run sim -- --seed ${seed} --${kind}`, '',
  ].join('\n')
}

async function replay(seed, kind) {
  const { simulate, simulateProtocol } = await load('simulator/simulator.js')
  const result = (kind === 'protocol' ? simulateProtocol : simulate)(seed, { recordTrace: true })
  console.log(`SEED ${seed} (${kind})\n${JSON.stringify(result.plan, null, 2)}\n`)
  console.log('  step process, time, what')
  for (const line of result.trace) console.log(line)
  const { steps, processes, crashes, restarts, checkpoints, records, hash } = result
  console.log(`\n${records} records, ${steps} steps, ${processes} processes, ${crashes} crashes, ${restarts} restarts, ` +
    `${checkpoints} checkpoints, hash ${hash}`)
  console.log(result.violation === undefined ? 'passed' : describe({ ...result, kind }))
  return result.violation === undefined
}

async function work() {
  const { runChunk } = await load('simulator/run-chunk.js')
  // Injected errors are thrown by the thousand; their stacks are read in a replay, not here.
  Error.stackTraceLimit = 0
  process.on('message', ({ kind, first, howMany }) => {
    const before = performance.now()
    const sums = runChunk(kind, first, howMany)
    process.send({ sums, tookMs: performance.now() - before })
  })
}

/** A process that runs chunks of one kind, one at a time: code that meets one kind of world is compiled for it. */
function startWorker() {
  const worker = fork(new URL(import.meta.url), [AS_WORKER], { execArgv: WORKER_FLAGS, serialization: 'advanced' })
  let settle
  worker.on('error', (error) => settle?.reject(error))
  worker.on('exit', (code, signal) => settle?.reject(new Error(`a worker of the simulator ended with ${signal ?? code}`)))
  worker.on('message', (message) => settle.resolve(message))
  return {
    run: (chunk) => new Promise((resolve, reject) => {
      settle = { resolve, reject }
      worker.send(chunk)
    }),
    end: () => worker.disconnect(),
  }
}

/** Hands out chunks until time or seeds are used up; each kind gets the same share of the workers' time. */
async function runMany({ first, seedsOf, deadlineMs, workers, kinds, record }) {
  const { emptySums, addSums } = await load('simulator/run-chunk.js')
  const about = { first, seedsOf, kinds, build: record === undefined ? '' : buildHash(fileURLToPath(DIST)) }
  const before = record === undefined ? undefined : readRecord(record, about)
  // `handedOut`: chunks that have not come back.
  const runs = kinds.map((kind, i) => ({
    kind, sums: emptySums(), next: first, usedMs: 0, handedOut: [], again: [], idle: [], ...before?.[i],
  }))
  const writer = record === undefined ? undefined : new RecordWriter(record, about, () =>
    runs.map(({ sums, next, usedMs, handedOut, again }) => ({ sums, next, usedMs, again: [...handedOut, ...again] })))
  let sayAtMs = performance.now() + 60_000
  const open = (run) => (deadlineMs === undefined
    ? run.again.length > 0 || run.next < first + seedsOf[run.kind]
    : performance.now() < deadlineMs)
  // A lane stays with its kind, whose process is warm, unless the other has had much less of the time.
  const take = (before) => {
    const [least] = runs.filter(open).sort((a, b) => a.usedMs - b.usedMs)
    if (least === undefined) return undefined
    const run = open(before) && before.usedMs - least.usedMs < MOST_AHEAD_MS ? before : least
    const chunk = run.again.pop() ?? nextOf(run)
    run.handedOut.push(chunk)
    return { run, chunk }
  }
  const nextOf = (run) => {
    const left = deadlineMs === undefined ? first + seedsOf[run.kind] - run.next : Infinity
    const chunk = { kind: run.kind, first: run.next, howMany: Math.min(CHUNK[run.kind], left) }
    run.next += chunk.howMany
    return chunk
  }
  const lane = async (mine) => {
    for (let next = take(mine); next !== undefined; next = take(next.run)) {
      const { run, chunk } = next
      const worker = run.idle.pop() ?? startWorker()
      const { sums, tookMs } = await worker.run(chunk)
      run.idle.push(worker)
      run.usedMs += tookMs
      addSums(run.sums, sums)
      run.handedOut.splice(run.handedOut.indexOf(chunk), 1)
      writer?.later()
      if (performance.now() > sayAtMs) {
        sayAtMs = performance.now() + 60_000
        console.error(`  so far ${runs.map((each) => `${each.sums.seeds} ${each.kind} seeds, ${each.sums.failures.length} failed`).join('; ')}`)
      }
      for (const failure of sums.failures) console.log(describe(failure))
      for (const { seed, lacks } of sums.shapeless) console.log(`SEED ${seed} (${run.kind}) is less than a full seed: ${lacks.join(', ')}`)
    }
  }
  await Promise.all(Array.from({ length: workers }, (_, index) => lane(runs[index % runs.length])))
  writer?.now()
  for (const { idle } of runs) for (const worker of idle) worker.end()
  return runs
}

function printRun({ kind, sums, usedMs }, first) {
  const each = (n) => (n / Math.max(1, sums.seeds)).toFixed(1)
  console.log(`${sums.seeds} ${kind} seeds from ${first}, ${sums.failures.length} failed; ` +
    `${(usedMs / Math.max(1, sums.seeds)).toFixed(2)} ms a seed and worker`)
  console.log(`  on average ${each(sums.records)} records, ${each(sums.steps)} steps, ${each(sums.processes)} processes, ` +
    `${each(sums.checkpoints)} checkpoints (${each(sums.increments)} increments), ${each(sums.crashes)} crashes, ${each(sums.workerDeaths)} deaths of a worker thread, ${each(sums.restarts)} restarts and ${each(sums.partRestarts)} of a part; ` +
    `${sums.crashedAndCompleted} with a crash and a checkpoint`)
  if (kind === 'full') {
    console.log(`  in all ${sums.savepoints} savepoints, ${sums.begun} state directories begun elsewhere, ` +
      `${sums.evolutions} checkpoints taken over by a later version of the job, ${sums.cleanings} cleanings, ` +
      `${sums.rescales} changes of the parallelism of a running job, ${sums.moves} attempts from a checkpoint of another one`)
  }
}

/** True if every named step was reached often enough. */
function printSteps(runs, steps) {
  const counts = steps.map((step) => [step, runs.reduce((sum, { sums }) => sum + (sums.reached[step] ?? 0), 0)])
  for (const [step, times] of counts) console.log(`  ${step.padEnd(24)} reached ${times} times`)
  const rare = counts.filter(([, times]) => times < LEAST_REACHED)
  if (rare.length > 0) console.log(`reached fewer than ${LEAST_REACHED} times: ${rare.map(([step]) => step).join(', ')}`)
  return rare.length === 0
}

async function main() {
  const options = parse(process.argv.slice(2))
  if (options.seed !== undefined) return replay(options.seed, options.protocol ? 'protocol' : 'full')
  const { STEPS } = await load('failpoints.js')
  const { minutes } = options
  const startedMs = performance.now()
  const first = options.from ?? (minutes === undefined ? 1 : (Date.now() % 1_000_000) * 1000)
  const deadlineMs = minutes === undefined ? undefined : startedMs + minutes * 60_000
  const workers = options.workers ?? 2
  const seeds = options.seeds ?? 1000
  const seedsOf = { protocol: seeds, full: options['full-seeds'] ?? seeds }
  const { record } = options
  if (record !== undefined && minutes !== undefined) throw new Error('--record is for runs by number of seeds')
  const runs = await runMany({ first, seedsOf, deadlineMs, workers, kinds: kindsOf(options), record })
  for (const run of runs) printRun(run, first)
  const allReached = printSteps(runs, STEPS)
  const failures = runs.flatMap(({ sums }) => sums.failures)
  const shapeless = runs.reduce((sum, { sums }) => sum + sums.shapeless.length, 0)
  const counted = (what) => runs.reduce((sum, { sums }) => sum + sums[what], 0)
  const of = (kind) => runs.find((run) => run.kind === kind)
  // What all workers would do in a minute if they ran this kind alone.
  const perMinute = (run) => (run === undefined ? 0 : Math.round((run.sums.seeds * 60_000 * workers) / Math.max(1, run.usedMs)))
  if (options.json) {
    console.log(JSON.stringify({
      protocolSeeds: of('protocol')?.sums.seeds ?? 0, fullSeeds: of('full')?.sums.seeds ?? 0, failures: failures.length,
      protocolSeedsPerMinute: perMinute(of('protocol')), fullSeedsPerMinute: perMinute(of('full')),
      savepoints: counted('savepoints'), begun: counted('begun'), evolutions: counted('evolutions'), cleanings: counted('cleanings'),
      rescales: counted('rescales'), moves: counted('moves'),
      shapeless, first, workers, failed: failures.map(({ kind, seed }) => ({ kind, seed })),
    }))
  }
  return failures.length + shapeless === 0 && (allReached || (minutes ?? 0) < 1)
}

if (process.argv[2] === AS_WORKER) await work()
else process.exitCode = (await main()) ? 0 : 1
