/**
 * One job for so many seconds on two threads, in a process of its own.
 *
 *   node limits/side.mjs (pressed|idle) SECONDS
 *
 * Reports the resident memory of the process once a second, the processor time of the last nine tenths of the
 * time, and of the records how many were read and how many the sink took.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startJob } from 'tidemark'
import { report } from '../lib/measure.mjs'
import { idle, pressed } from './job.mjs'

const SAMPLE_MS = 1000
const WARM_UP_SHARE = 0.1

const [name, secondCount] = process.argv.slice(2)
const seconds = Number(secondCount)
const directory = mkdtempSync(join(tmpdir(), 'tidemark-limits-'))
let checkpoints = 0
try {
  const handle = startJob({ idle, pressed }[name], {
    parallelism: 2, workers: 2, stateDirectory: directory,
    module: { file: fileURLToPath(new URL('job.mjs', import.meta.url)), exportName: name },
    onEvent: ({ kind }) => { if (kind === 'checkpoint') checkpoints += 1 },
  })
  const ended = handle.done.then((outcome) => { throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`) })
  const rssMb = []
  const watch = async () => {
    await pause(seconds * 1000 * WARM_UP_SHARE)
    const [began, cpu] = [performance.now(), process.cpuUsage()]
    while (performance.now() - began < seconds * 1000 * (1 - WARM_UP_SHARE)) {
      await pause(SAMPLE_MS)
      rssMb.push(Math.round(process.memoryUsage.rss() / 2 ** 20))
    }
    const { user, system } = process.cpuUsage(cpu)
    return (user + system) / 1000 / (performance.now() - began)
  }
  const cores = await Promise.race([watch(), ended])
  const { recordsIn, recordsOut, restarts } = handle.status()
  report({ rssMb, cores, recordsIn, recordsOut, restarts, checkpoints })
} finally {
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
