/** What both sides of the pattern comparison share: the pattern, and a digest of its matches. */
import { createHash } from 'node:crypto'
import { KEYS } from './chain.mjs'

const RECORDS_A_MS = 100

/** Record n: 100 of them a millisecond of event time; sensor and degrees do not depend on each other. */
export function record(n) {
  const mixed = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d) >>> 0
  const other = Math.imul(mixed ^ (mixed >>> 13), 0x297a2d39) >>> 0
  return { at: Math.floor(n / RECORDS_A_MS), sensor: KEYS[(mixed >>> 8) % 1000], celsius: other >>> 22 }
}

export const keyOf = ({ sensor }) => sensor

export const WITHIN_MS = 1_000
/** Of 1,024 degrees: about one record in 40, one in two, one in 20. */
export const isHot = ({ celsius }) => celsius >= 1000
export const isWarm = ({ celsius }) => celsius >= 512
export const isCold = ({ celsius }) => celsius < 50

/** Number of matches and a digest of them, whatever their order. */
export function digestOf(matches) {
  const hash = createHash('sha256')
  for (const line of matches.map(({ key, hot, warm, cold }) => `${key} ${hot} ${warm} ${cold}`).sort()) {
    hash.update(line).update('\n')
  }
  return `${matches.length} matches, sha256 ${hash.digest('hex').slice(0, 16)}`
}
