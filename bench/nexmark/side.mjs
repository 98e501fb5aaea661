/**
 * One round of Tidemark or of the loop, in a process of its own.
 *
 *   node side.mjs (tidemark|loop) QUERY EVENTS [--workers N] [--made] [--runs N] [--lines FILE]
 *
 * The first run warms up the compiler and makes the events; those after it count. `rates` are records a second
 * from the first record until the input has ended and the last result is in the sink, `whole` until the last commit
 * (the loop has none). `processorMs` is what all threads of the process took for a whole run, with the start and the
 * end of the job. With --lines there is one run, whose results are written.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { report } from '../lib/measure.mjs'
import { NexmarkGenerator } from './generator.mjs'
import { LINES } from './lines.mjs'
import { LOOPS } from './loops.mjs'
import { eventsOf } from './source.mjs'

const { values, positionals: [side, query, eventsText] } = parseArgs({
  allowPositionals: true,
  options: {
    workers: { type: 'string', default: '1' },
    made: { type: 'boolean', default: false },
    runs: { type: 'string', default: '1' },
    lines: { type: 'string' },
  },
})
const count = Number(eventsText)
const workers = Number(values.workers)
const runs = values.lines === undefined ? 1 + Number(values.runs) : 1

async function inDirectory(use) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-nexmark-'))
  try {
    return await use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** From the marks of a run: milliseconds from the first record to the last result and the last commit; results. */
function readMarks(directory) {
  const marks = readFileSync(join(directory, 'marks'), 'utf8').trim().split('\n').map((line) => {
    const [what, at, counted] = line.split(' ')
    return { what, at: Number(at), counted: Number(counted) }
  })
  const times = (wanted) => marks.filter(({ what }) => what === wanted).map(({ at }) => at)
  const beganMs = Math.min(...times('first'))
  return {
    ms: Math.max(...times('end'), ...times('result')) - beganMs,
    wholeMs: Math.max(...times('committed')) - beganMs,
    results: marks.reduce((sum, { counted }) => sum + counted, 0),
  }
}

async function tidemark() {
  const { startJob } = await import('tidemark')
  const jobs = await import('./job.mjs')
  return inDirectory(async (directory) => {
    const outcome = await startJob(jobs[query], {
      stateDirectory: join(directory, 'state'),
      parallelism: workers,
      workers,
      ...(workers === 1 ? {} : { module: { file: fileURLToPath(new URL('./job.mjs', import.meta.url)), exportName: query } }),
      config: {
        events: String(count), parts: String(workers), directory,
        made: String(values.made), lines: String(values.lines !== undefined),
      },
    }).done
    if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
    if (values.lines !== undefined) {
      const files = readdirSync(directory).filter((name) => name.startsWith('out-'))
      writeFileSync(values.lines, files.map((name) => readFileSync(join(directory, name), 'utf8')).join(''))
    }
    return readMarks(directory)
  })
}

let events

function loop() {
  const generator = new NexmarkGenerator()
  if (!values.made) events ??= eventsOf(count)
  // A constant: a variable of the module would be read anew for every event.
  const all = events
  const lines = []
  let results = 0
  let last
  const out = values.lines === undefined
    ? (result) => {
        results++
        last = result
      }
    : (result) => {
        results++
        lines.push(LINES[query](result))
      }
  const began = performance.now()
  LOOPS[query](count, values.made ? (n) => generator.event(n) : (n) => all[n], out)
  const ms = performance.now() - began
  if (values.lines !== undefined) writeFileSync(values.lines, lines.map((line) => `${line}\n`).join(''))
  return { ms, wholeMs: ms, results, last: typeof last }
}

const work = { tidemark, loop }[side]
const rateOf = (ms) => Math.round((count / ms) * 1000)
const measured = { rates: [], whole: [], processorMs: [], results: 0 }
for (let run = 0; run < runs; run++) {
  globalThis.gc?.()
  const before = process.cpuUsage()
  const { ms, wholeMs, results } = await work()
  const { user, system } = process.cpuUsage(before)
  measured.results = results
  if (run === 0) continue
  measured.rates.push(rateOf(ms))
  measured.whole.push(rateOf(wholeMs))
  measured.processorMs.push(Math.round((user + system) / 1000))
}
report({ ...measured, maxRssMb: Math.round(process.resourceUsage().maxRSS / 1024) })
process.exit(0)
