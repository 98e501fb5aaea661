/**
 * One run of one side of the measurement of large state, in a process of its own.
 *
 *   node state/side.mjs run DIRECTORY KEYS RECORDS EVERY
 *   node state/side.mjs again DIRECTORY KEYS WORKERS
 *
 * run: a rolling aggregate gets one record for each of KEYS keys, then others which all fall on the same hundredth of
 * the keys; with a checkpoint EVERY so often (off: none but the last). Measured are RECORDS of these, from when the
 * checkpoints that hold parts of the filling are over: how long they took, what the turns of the event loop were
 * like, and the bytes that the checkpoints of that time wrote. Then the job is stopped. again: it is started again on so many threads;
 * measured is the time to the first record.
 */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startJob } from 'tidemark'
import { report } from '../lib/measure.mjs'
import { hooks, large } from './job.mjs'

const [mode, directory, keyCount, ...more] = process.argv.slice(2)
const keys = Number(keyCount)
const NEVER = '1h'
const POLL_MS = 5

/** The first that completes after the filling may have been cut in the midst of it, the second is of all keys. */
const SETTLED_AFTER = 2

const marks = { seen: 0, first: undefined, began: undefined, end: undefined }

/** Times between two turns of the event loop since `from`. */
function watchTurns() {
  const turns = []
  let last = performance.now()
  let watching = true
  const turn = () => {
    const now = performance.now()
    if (marks.began !== undefined) turns.push(now - last)
    last = now
    if (watching) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    watching = false
    turns.sort((a, b) => a - b)
    return { p999Ms: turns[Math.floor(turns.length * 0.999)] ?? 0, longestMs: turns.at(-1) ?? 0 }
  }
}

const memory = () => {
  globalThis.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function run() {
  const records = Number(more[0])
  const every = more[1] === 'off' ? NEVER : more[1]
  const before = memory()
  const stopWatching = watchTurns()
  let cpu
  const checkpoints = []
  let settled = every === NEVER ? SETTLED_AFTER : 0
  const running = startJob(large, {
    stateDirectory: directory, config: { keys: keyCount, checkpointEvery: every },
    onEvent: (event) => {
      if (event.kind !== 'checkpoint') return
      checkpoints.push({ at: performance.now(), bytes: event.bytes })
      if (marks.seen >= keys) settled += 1
    },
  })
  const done = new Promise((resolve) => {
    hooks.onRecord = () => {
      marks.seen += 1
      if (marks.began === undefined && marks.seen >= keys && settled >= SETTLED_AFTER) {
        marks.first = marks.seen
        marks.began = performance.now()
        cpu = process.cpuUsage()
      } else if (marks.seen === marks.first + records) {
        marks.end = performance.now()
        cpu = process.cpuUsage(cpu)
        resolve()
      }
    }
  })
  await Promise.race([done, running.done.then(mustBeStopped)])
  const turns = stopWatching()
  const memoryBytes = memory() - before
  running.stop()
  mustBeStopped(await running.done)
  const within = checkpoints.filter(({ at }) => at > marks.began && at < marks.end)
  report({
    times: { wallMs: marks.end - marks.began, cpuMs: (cpu.user + cpu.system) / 1000, ...turns },
    checkpoints: within.length, bytes: within.reduce((sum, { bytes }) => sum + bytes, 0),
    lastBytes: checkpoints.at(-1).bytes, memoryBytes,
  })
}

function mustBeStopped(outcome) {
  if (outcome.kind !== 'stopped') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
}

async function again() {
  const workers = Number(more[0])
  const mark = `${directory}.began`
  const began = performance.now()
  const running = startJob(large, {
    stateDirectory: directory, parallelism: workers, workers, config: { keys: keyCount, mark, checkpointEvery: NEVER },
    module: { file: fileURLToPath(new URL('job.mjs', import.meta.url)), exportName: 'large' },
  })
  const first = async () => {
    while (!existsSync(mark)) await pause(POLL_MS)
  }
  await Promise.race([first(), running.done.then(mustBeStopped)])
  report({ times: { restoredMs: performance.now() - began } })
  process.exit(0)
}

await (mode === 'run' ? run() : again())
