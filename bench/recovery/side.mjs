/**
 * One job on two worker threads, one of which leaves again and again; in a process of its own.
 *
 *   node recovery/side.mjs DIRECTORY SETTINGS
 *
 * Notes in this process when the engine said that it restarts, and after which delay.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startJob } from 'tidemark'
import { report } from '../lib/measure.mjs'
import { nowMs } from '../lib/scheduled.mjs'
import { recovery } from './job.mjs'

const [directory, settings] = process.argv.slice(2)
const restarts = []
const outcome = await startJob(recovery, {
  parallelism: 2, workers: 2, stateDirectory: join(directory, 'state'), config: JSON.parse(settings),
  module: { file: fileURLToPath(new URL('job.mjs', import.meta.url)), exportName: 'recovery' },
  onEvent: (event) => {
    if (event.kind === 'restarting') restarts.push({ at: nowMs(), delayMs: event.delayMs })
  },
}).done
if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
report({ restarts })
process.exit(0)
