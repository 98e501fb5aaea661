/**
 * Runs the sides of a comparison in turn, each run in a process of its own.
 *
 * A process per run, because V8 specialises code by what it has seen: in one process the side that
 * runs second would be measured with the other's types and heap. In turn, because a machine that
 * slows down for a minute then slows down both sides; the order is reversed in every other round, so
 * that neither is always first. A ratio is taken within a round and never across rounds.
 */
import { spawn } from 'node:child_process'
import { summary } from './stats.mjs'

/** Runs one side and gives what it reported. */
export const runSide = (script, args, { flags = ['--expose-gc'] } = {}) =>
  lastJson(process.execPath, [...flags, script, ...args], `${script} ${args.join(' ')}`)

/** Runs a program and gives the JSON object that is the last line of its output. */
export function lastJson(command, args, label) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let problems = ''
    child.stdout.setEncoding('utf8').on('data', (text) => { out += text })
    child.stderr.setEncoding('utf8').on('data', (text) => { problems += text })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const last = out.trimEnd().split('\n').at(-1) ?? ''
      if (code === 0 && last.startsWith('{')) resolve(JSON.parse(last))
      else reject(new Error(`${label}: ended with ${signal ?? code}\n${problems.slice(-4000)}${out.slice(-2000)}`))
    })
  })
}

/** `rounds` results of every side, by name. All sides that are `comparable` must report the same `digest`. */
export async function interleave({ sides, run, rounds, onRound, comparable = () => true }) {
  const results = new Map(sides.map((side) => [side, []]))
  // The first round fills the caches of the file system and of the compiler; it does not count.
  for (let round = -1; round < rounds; round++) {
    const order = round % 2 === 0 ? sides : [...sides].reverse()
    for (const side of order) {
      const result = await run(side)
      if (round >= 0) results.get(side).push(result)
      if (comparable(side)) mustAgree(side, result, results, comparable)
    }
    onRound?.(round + 1, rounds, results)
  }
  return results
}

function mustAgree(side, result, results, comparable) {
  for (const [other, done] of results) {
    const known = comparable(other) ? done[0] : undefined
    if (known === undefined || known.digest === result.digest) continue
    throw new Error(`the outputs differ: ${side} gave ${result.digest}, ${other} gave ${known.digest}`)
  }
}

/** How many times as long (or as much) `side` took, compared within each round. */
export function ratio(results, side, base, what) {
  const mine = results.get(side)
  const theirs = results.get(base)
  return summary(mine.map((result, i) => result.times[what] / theirs[i].times[what]))
}

export const series = (results, side, what) => summary(results.get(side).map(({ times }) => times[what]))

/** The part of its wall time that the main thread was ready but had no core; undefined if unknown. */
export function waitedShare(results) {
  const shares = [...results.values()].flat()
    .filter(({ times }) => times.mainWaitedMs !== undefined)
    .map(({ times }) => times.mainWaitedMs / times.wallMs)
  return shares.length === 0 ? undefined : summary(shares)
}
