/**
 * Event time is a number of milliseconds since 1970-01-01T00:00:00Z, within the safe integers.
 *
 * `MAX_TIMESTAMP` and `MIN_TIMESTAMP` stand for Flink's Long.MAX_VALUE and Long.MIN_VALUE: the end
 * of all input, and "nothing known yet". Sums near them saturate (FLINK-31632 is an overflow there).
 */
export const MAX_TIMESTAMP = Number.MAX_SAFE_INTEGER
export const MIN_TIMESTAMP = Number.MIN_SAFE_INTEGER
/** A record without a timestamp, as Long.MIN_VALUE marks it in Flink. */
export const NO_TIMESTAMP = MIN_TIMESTAMP

/** a + b, clamped to [MIN_TIMESTAMP, MAX_TIMESTAMP]; MAX stays MAX, MIN stays MIN. */
export function addSaturating(a: number, b: number): number {
  if (a === MAX_TIMESTAMP || a === MIN_TIMESTAMP) return a
  const sum = a + b
  return sum > MAX_TIMESTAMP ? MAX_TIMESTAMP : sum < MIN_TIMESTAMP ? MIN_TIMESTAMP : sum
}
