/**
 * npm run soak -- [--kills N] [--times N] [--seed S] [--json]
 *
 * Real processes of the flights job, killed with SIGKILL at random moments (300 by default), then at
 * every named step of the protocol (3 times each), at parallelism 1 to 4 on one to four threads, started
 * again until the job has finished. Where there are several threads, some of them leave in between while
 * the process lives. Every line of output is compared with a plain loop. Exit 1 on a single wrong line.
 * Needs `npm run build`; takes about a quarter of an hour on two cores.
 */
import { soak } from './lib/soak.mjs'

const AFTER_FIRST_AT_LEAST = 0.8
const IN_COMMIT_AT_LEAST = 0.2

function option(name, fallback) {
  const at = process.argv.indexOf(name)
  if (at < 0) return fallback
  const value = Number(process.argv[at + 1])
  if (Number.isSafeInteger(value) && value >= 0) return value
  console.error('usage: npm run soak -- [--kills N] [--times N] [--seed S] [--json]')
  process.exit(2)
}

const { STEPS } = await import('../packages/tidemark/dist/host/failpoints.js').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.error('the engine is not built: run `npm run build` first')
  process.exit(2)
})

const startedMs = performance.now()
const seed = option('--seed', Date.now() % 1_000_000)
const times = option('--times', 3)
console.log(`seed ${seed}`)
const report = await soak({
  kills: option('--kills', 300), steps: times === 0 ? [] : STEPS, times, seed, log: (line) => console.log(line),
})

const { kills, threadDeaths, moments } = report
const share = (n) => (kills === 0 ? 1 : n / kills)
const inCommit = (moments['in commit'] ?? 0) + (moments['first checkpoint on its way'] ?? 0)
const afterFirst = kills - (moments['before the first'] ?? 0) - (moments['first checkpoint on its way'] ?? 0)
const percent = (part) => `${(part * 100).toFixed(0)} %`
console.log(`\n${kills} kills at random moments: ${percent(share(afterFirst))} after the first checkpoint, ` +
  `${percent(share(inCommit))} between a barrier and its last commit`)
for (const [moment, n] of Object.entries(moments)) console.log(`  ${moment.padEnd(28)} ${n}`)
console.log(`${threadDeaths} worker threads left while their process lived`)
const died = Object.values(report.failpoints)
console.log(`${died.length} named steps, died there ${died.reduce((sum, n) => sum + n, 0)} times`)
for (const problem of report.problems) console.error(problem)
const { lost, duplicated, wrong, rounds } = report
const spread = share(afterFirst) >= AFTER_FIRST_AT_LEAST && share(inCommit) >= IN_COMMIT_AT_LEAST
if (!spread) console.error('the kills were not spread as they should be')
const good = lost + duplicated + wrong === 0 && report.problems.length === 0 && spread
console.log(`${good ? '✓' : '✗'} ${lost} lost, ${duplicated} duplicated, ${wrong} wrong in ${rounds} finished runs, ` +
  `${((performance.now() - startedMs) / 1000).toFixed(0)} s`)
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({
    kills, threadDeaths, rounds, lost, duplicated, wrong, moments, failpoints: report.failpoints,
    afterFirstCheckpoint: share(afterFirst), betweenBarrierAndCommit: share(inCommit), seed, ok: good,
  }))
}
process.exitCode = good ? 0 : 1
