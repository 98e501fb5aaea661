/** What both sides of the chain comparison share: the records and the functions of the user. */
import { createHash } from 'node:crypto'

export const KEYS = Array.from({ length: 1000 }, (_, i) => `sensor-${String(i).padStart(4, '0')}`)
export const WINDOW_MS = 10_000
const RECORDS_A_MS = 100

/** Record n: 100 of them a millisecond of event time, so a million in a window. */
export function record(n) {
  const mixed = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d) >>> 0
  return { at: Math.floor(n / RECORDS_A_MS), sensor: KEYS[(mixed >>> 8) % 1000], celsius: mixed & 0x3ff }
}

export const toFahrenheit = ({ at, sensor, celsius }) => ({ at, sensor, fahrenheit: celsius * 1.8 + 32 })
/** Seven of eight pass. */
export const isPlausible = ({ fahrenheit }) => fahrenheit > 262.4
export const keyOf = ({ sensor }) => sensor

/** Number of results and a digest of them, whatever their order. */
export function digestOf(results) {
  const hash = createHash('sha256')
  for (const line of results.map(({ key, start, value }) => `${key} ${+start} ${value}`).sort()) {
    hash.update(line).update('\n')
  }
  return `${results.length} results, sha256 ${hash.digest('hex').slice(0, 16)}`
}
