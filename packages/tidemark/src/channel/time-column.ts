/**
 * The timestamps of a batch: one number if all are equal, int32 differences to the first if these say it all,
 * float64 otherwise. Called by batch-codec.ts; -0 and NaN come back as they were.
 */
import { padded } from './columns.ts'
import type { Scratch } from './scratch.ts'

const EQUAL = 0
const DIFFERENCES = 1
const FLOATS = 2

/** Writes `n` (at least one) from `from` on at byte `start`. Gives the end. Both are multiples of 8. */
export function writeTimes(
  scratch: Scratch, start: number, timestamps: readonly number[], from: number, n: number,
): number {
  scratch.reserve(start + 16 + 8 * n, start)
  const { ints, floats } = scratch
  const first = timestamps[from] as number
  const at = (start + 16) >> 2
  let form = EQUAL
  for (let i = 0; i < n && form !== FLOATS; i++) {
    const time = timestamps[from + i] as number
    const difference = time - first
    ints[at + i] = difference
    // No int32, not exact, or the sign of a zero lost.
    if ((difference | 0) !== difference || first + difference !== time || Object.is(time, -0)) form = FLOATS
    else if (difference !== 0) form = DIFFERENCES
  }
  ints[start >> 2] = form
  ints[(start >> 2) + 1] = 0
  floats[(start >> 3) + 1] = first
  if (form === EQUAL) return start + 16
  if (form === DIFFERENCES) {
    if (n % 2 === 1) ints[at + n] = 0
    return padded(start + 16 + 4 * n)
  }
  for (let i = 0; i < n; i++) floats[(start >> 3) + 2 + i] = timestamps[from + i] as number
  return start + 16 + 8 * n
}

export function readTimes(
  { ints, floats }: Scratch, start: number, n: number,
): { timestamps: number[]; end: number } {
  const timestamps: number[] = []
  const form = ints[start >> 2]
  const first = floats[(start >> 3) + 1] as number
  if (form === EQUAL) {
    for (let i = 0; i < n; i++) timestamps.push(first)
    return { timestamps, end: start + 16 }
  }
  if (form === DIFFERENCES) {
    const at = (start + 16) >> 2
    for (let i = 0; i < n; i++) timestamps.push(first + (ints[at + i] as number))
    return { timestamps, end: padded(start + 16 + 4 * n) }
  }
  const at = (start >> 3) + 2
  for (let i = 0; i < n; i++) timestamps.push(floats[at + i] as number)
  return { timestamps, end: start + 16 + 8 * n }
}
