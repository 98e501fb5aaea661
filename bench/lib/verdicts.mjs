/** Whether a target was met, for measurements whose spread must not be left out of the answer. */
import { quantile, summary } from './stats.mjs'

/** Every tenth one may be slower: met if nine in ten are within the target, missed if half of them are not. */
export function mostWithin(values, target) {
  const [median, p90, max] = [0.5, 0.9, 1].map((q) => Number(quantile(values, q).toPrecision(4)))
  const verdict = p90 <= target ? 'met' : median > target ? 'missed' : 'unclear'
  return { target, verdict, median, p90, max, n: values.length }
}

/**
 * The median of what something costs in percent, and the interval that holds it with 95 %. An interval that is
 * wider than the target resolves nothing: neither that the target was met nor that it was missed.
 */
export function costWithin(percents, target) {
  const { median, interval95, n } = summary(percents)
  const cost = { median, interval95: interval95 ?? null, n }
  if (target === undefined) return cost
  const resolved = interval95 !== undefined && interval95[1] - interval95[0] <= target
  if (!resolved) return { target, verdict: 'not resolved', ...cost }
  const [low, high] = interval95
  return { target, verdict: high <= target ? 'met' : low > target ? 'missed' : 'unclear', ...cost }
}
