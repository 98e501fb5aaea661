/** Where and on what a measurement was taken: without it a number means nothing. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, platform, arch, totalmem } from 'node:os'
import { join } from 'node:path'

/** Above this load a process of a benchmark has to wait for a core now and then. */
export const quietLoad = () => availableParallelism() / 2

export function machine() {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} x ${model}, ${gigabytes} GB, ${platform()} ${arch()}, Node ${process.version}`
}

export const load = () => Number(loadavg()[0].toFixed(2))

function git(root, ...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

/** The commit, with `+` if files differ from it; undefined outside a clone. */
export function commit(root) {
  try {
    const dirty = git(root, 'status', '--porcelain', '--', 'packages', 'examples', 'package-lock.json') !== ''
    return `${git(root, 'rev-parse', '--short', 'HEAD')}${dirty ? '+' : ''}`
  } catch {
    return undefined
  }
}

/** Fingerprint of the sources that the measured build was made from. */
export function buildStamp(root) {
  return readFileSync(join(root, 'packages/tidemark/dist/.built-from'), 'utf8').slice(0, 12)
}
