/**
 * npm run sim -- [--seeds N | --minutes M] [--from S] [--workers W] [--json]
 * npm run sim -- --seed S
 *
 * Runs the built engine in the simulator: each seed is a job, its input, a schedule and what goes wrong.
 * A seed that fails prints SEED, what was drawn from it and the command that replays it. With --seed
 * that one is replayed step by step, as a trace to read. Exit 1 if any seed failed.
 */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

const BUILT = new URL('../packages/tidemark/dist/host/simulator/simulator.js', import.meta.url)
const CHUNK = 20

async function load() {
  return import(BUILT.href).catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.error('the engine is not built: run `npm run build` first')
    process.exit(2)
  })
}

function option(name, fallback) {
  const at = process.argv.indexOf(name)
  if (at < 0) return fallback
  const value = Number(process.argv[at + 1])
  if (Number.isSafeInteger(value) || (name === '--minutes' && value > 0)) return value
  console.error(`usage: npm run sim -- [--seeds N | --minutes M] [--from S] [--seed S] [--workers W] [--json]`)
  process.exit(2)
}

function describe({ seed, violation, plan }) {
  return [
    `SEED ${seed} failed: ${violation.kind}`, JSON.stringify(violation, null, 2), `drawn from it: ${JSON.stringify(plan)}`,
    `replay: npm run sim -- --seed ${seed}`, '',
  ].join('\n')
}

async function replay(seed) {
  const { simulate } = await load()
  const result = simulate(seed, { recordTrace: true })
  console.log(`SEED ${seed}\n${JSON.stringify(result.plan, null, 2)}\n`)
  console.log('  step process, time, what')
  for (const line of result.trace) console.log(line)
  const { steps, processes, crashes, restarts, checkpoints, records, hash } = result
  console.log(`\n${records} records, ${steps} steps, ${processes} processes, ${crashes} crashes, ${restarts} restarts, ` +
    `${checkpoints} checkpoints, hash ${hash}`)
  console.log(result.violation === undefined ? 'passed' : describe(result))
  return result.violation === undefined
}

/** Sums of many seeds; plain data, so that workers can send them. */
const emptySums = () => ({ seeds: 0, steps: 0, crashes: 0, restarts: 0, checkpoints: 0, records: 0, reached: {}, failures: [] })

function add(sums, result) {
  sums.seeds += 1
  for (const key of ['steps', 'crashes', 'restarts', 'checkpoints', 'records']) sums[key] += result[key]
  for (const [step, times] of result.reached) sums.reached[step] = (sums.reached[step] ?? 0) + times
  if (result.violation !== undefined) sums.failures.push({ seed: result.seed, violation: result.violation, plan: result.plan })
}

async function work() {
  const { simulate } = await load()
  parentPort.on('message', ({ from, howMany }) => {
    const sums = emptySums()
    for (let seed = from; seed < from + howMany; seed++) add(sums, simulate(seed))
    parentPort.postMessage(sums)
  })
}

function merge(into, from) {
  for (const key of ['seeds', 'steps', 'crashes', 'restarts', 'checkpoints', 'records']) into[key] += from[key]
  for (const [step, times] of Object.entries(from.reached)) into.reached[step] = (into.reached[step] ?? 0) + times
  into.failures.push(...from.failures)
}

async function runMany({ first, seeds, deadlineMs, workers }) {
  const sums = emptySums()
  let next = first
  const more = () => (deadlineMs === undefined ? next < first + seeds : performance.now() < deadlineMs)
  await Promise.all(Array.from({ length: workers }, () => new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { sim: true } })
    const ask = () => {
      if (!more()) {
        worker.postMessage({ from: 0, howMany: 0 })
        worker.terminate().then(resolve, reject)
        return
      }
      const howMany = deadlineMs === undefined ? Math.min(CHUNK, first + seeds - next) : CHUNK
      worker.postMessage({ from: next, howMany })
      next += howMany
    }
    worker.on('error', reject)
    worker.on('message', (part) => {
      merge(sums, part)
      for (const failure of part.failures) console.log(describe(failure))
      ask()
    })
    ask()
  })))
  return sums
}

function report(sums, tookMs, { json, first }) {
  const perMinute = Math.round((sums.seeds * 60_000) / tookMs)
  const each = (n) => (n / Math.max(1, sums.seeds)).toFixed(1)
  console.log(`${sums.seeds} seeds from ${first}, ${sums.failures.length} failed, ${(tookMs / 1000).toFixed(1)} s, ` +
    `${perMinute} seeds a minute`)
  console.log(`on average ${each(sums.records)} records, ${each(sums.steps)} steps, ${each(sums.checkpoints)} checkpoints, ` +
    `${each(sums.crashes)} crashes, ${each(sums.restarts)} restarts`)
  const byStep = new Map()
  for (const [step, times] of Object.entries(sums.reached)) {
    const name = step.replace(/\.\d+(?=\.|$)/, '.k')
    byStep.set(name, (byStep.get(name) ?? 0) + times)
  }
  console.log([...byStep].sort().map(([step, times]) => `  ${step.padEnd(24)} reached ${times} times`).join('\n'))
  if (json) {
    console.log(JSON.stringify({
      fullSeeds: sums.seeds, failures: sums.failures.length, fullSeedsPerMinute: perMinute, first,
      failed: sums.failures.map(({ seed }) => seed),
    }))
  }
}

async function main() {
  const one = option('--seed')
  if (one !== undefined) return replay(one)
  const minutes = option('--minutes')
  const startedMs = performance.now()
  const first = option('--from', minutes === undefined ? 1 : (Date.now() % 1_000_000) * 1000)
  const deadlineMs = minutes === undefined ? undefined : startedMs + minutes * 60_000
  await load()
  const sums = await runMany({ first, seeds: option('--seeds', 1000), deadlineMs, workers: option('--workers', 2) })
  report(sums, performance.now() - startedMs, { json: process.argv.includes('--json'), first })
  return sums.failures.length === 0
}

if (isMainThread) process.exitCode = (await main()) ? 0 : 1
else if (workerData?.sim === true) await work()
