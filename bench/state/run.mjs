/**
 * npm run bench -- state [--keys N] [--pairs N] [--json]
 *
 * What checkpoints of large keyed state cost: the same job with and without them, in turn, and a restore.
 * bench/README.md says what each figure means. Called by bench/run.mjs.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interleave, runSide } from '../lib/pairs.mjs'
import { median } from '../lib/stats.mjs'

const SIDE = fileURLToPath(new URL('side.mjs', import.meta.url))
const FLAGS = { flags: ['--expose-gc', '--max-old-space-size=12000'] }
const KEYS = 10_000_000
/** After the state is there; for some ten seconds. */
const RECORDS = 20_000_000
const SMALL_KEYS = 100_000
/** So long that the checkpoints go through a whole cycle: after a hundred of them there is a new base. */
const SMALL_RECORDS = 120_000_000
const DEFAULT_ROUNDS = 3

export async function stateBench({ keys = KEYS, rounds = DEFAULT_ROUNDS, note }) {
  const root = mkdtempSync(join(tmpdir(), 'tidemark-state-'))
  let runs = 0
  try {
    const side = async (keyCount, records, every) => {
      const directory = join(root, String(++runs))
      const result = await runSide(SIDE, ['run', directory, String(keyCount), String(records), every], FLAGS)
      const restored = every === 'off' ? await restores(directory, keyCount) : {}
      rmSync(directory, { recursive: true, force: true })
      return { ...result, ...restored }
    }
    const pair = (label, keyCount, records, every) => interleave({
      sides: ['off', every], rounds, run: (name) => side(keyCount, records, name),
      onRound: (done, all) => note(`state, ${label}: ${done === 0 ? 'warm-up done' : `round ${done} of ${all}`}`),
    })
    const large = await pair(`${keys} keys`, keys, RECORDS, '1s')
    const small = await pair(`${SMALL_KEYS} keys`, SMALL_KEYS, SMALL_RECORDS, '100ms')
    return {
      keys, rounds, ...figuresOf(large, keys),
      bytesWrittenPerBytesChanged: writtenPerChanged(small, '100ms'),
      lossPercentAt100ms: loss(small, '100ms', 'cpuMs'),
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** On one thread and on two. Both are killed at their first record: they leave the state as it was. */
async function restores(directory, keys) {
  const restoredMs = []
  for (const workers of ['1', '2']) {
    const { times } = await runSide(SIDE, ['again', directory, String(keys), workers], FLAGS)
    restoredMs.push(times.restoredMs)
    rmSync(`${directory}.began`)
  }
  return { restoredMs }
}

/** The median of the differences within each round. */
const loss = (results, every, what) => round(100 * (median(results.get(every).map(({ times }, i) =>
  times[what] / results.get('off')[i].times[what])) - 1))

/** A hundredth of the keys changes between two checkpoints; an entry is as large as in the last base. */
function writtenPerChanged(results, every) {
  const changed = median(results.get('off').map(({ lastBytes }) => lastBytes)) / 100
  return round(median(results.get(every).map(({ bytes, checkpoints }) => bytes / (checkpoints * changed))))
}

function figuresOf(results, keys) {
  const off = results.get('off')
  const on = results.get('1s')
  const entryBytes = median(off.map(({ lastBytes }) => lastBytes)) / keys
  const among = (values) => round(median(values))
  return {
    stateBytes: Math.round(entryBytes * keys),
    checkpoints: among(on.map(({ checkpoints }) => checkpoints)),
    stallMsP999: among(on.map(({ times }, i) => times.p999Ms - off[i].times.p999Ms)),
    longestStallMs: among(on.map(({ times }) => times.longestMs)),
    longestStallWithoutMs: among(off.map(({ times }) => times.longestMs)),
    throughputLossPercent: loss(results, '1s', 'wallMs'),
    restoreSeconds: among(off.map(({ restoredMs }) => restoredMs[0] / 1000)),
    restoreSecondsOnTwoThreads: among(off.map(({ restoredMs }) => restoredMs[1] / 1000)),
    memoryPerStateByte: among(off.map(({ memoryBytes }) => memoryBytes / (entryBytes * keys))),
  }
}

const round = (value) => Number(value.toPrecision(3))
