/**
 * One run of one job of the measurement of scaling, in a process of its own.
 *
 *   node scaling/side.mjs THREADS KIND RECORDS [PRUNE]
 *
 * From the first record that any thread reads to the end of the job, its last commit included: starting the threads
 * is on no clock, as it is on none where a job runs for ever. Processor time is that of the whole process.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startJob } from 'tidemark'
import { digestOf } from '../lib/lines.mjs'
import { report } from '../lib/measure.mjs'
import { nowMs } from '../lib/scheduled.mjs'
import { scaling } from './job.mjs'
import { workUs } from './work.mjs'

const [threadCount, kind, records, pruneColumns = 'on'] = process.argv.slice(2)
const threads = Number(threadCount)
const directory = mkdtempSync(join(tmpdir(), 'tidemark-scaling-'))
/** What crossed between threads. */
const bytesOf = ({ vertices }) =>
  vertices.flatMap(({ subtasks }) => subtasks).reduce((sum, { bytesOut }) => sum + (bytesOut ?? 0), 0)
const config = { kind, records, pruneColumns, marks: join(directory, 'marks'), out: join(directory, 'out') }
try {
  const handle = startJob(scaling, {
    parallelism: threads, workers: threads, stateDirectory: join(directory, 'state'), config,
    module: { file: fileURLToPath(new URL('job.mjs', import.meta.url)), exportName: 'scaling' },
  })
  const outcome = await handle.done
  const ringBytes = bytesOf(handle.metrics())
  const end = nowMs()
  const { user, system } = process.cpuUsage()
  if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
  const began = Math.min(...readFileSync(config.marks, 'utf8').trim().split('\n').map(Number))
  report({
    times: { wallMs: end - began, ringBytes, cpuMs: (user + system) / 1000, ...(kind === 'work' ? { workUs: workUs() } : {}) }, digest: digestOf(config.out),
  })
} finally {
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
