/** Median, quartiles and an interval for the median that assumes nothing about the distribution. */

const ascending = (values) => [...values].sort((a, b) => a - b)

/** Linear interpolation between the two nearest values. */
export function quantile(values, q) {
  const sorted = ascending(values)
  const at = (sorted.length - 1) * q
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below)
}

export const median = (values) => quantile(values, 0.5)

/**
 * The order statistics between which the true median lies with at least 95 %: the chance that k or
 * fewer of n values fall below the median is binomial. With fewer than 6 values there is none.
 */
export function medianInterval(values) {
  const sorted = ascending(values)
  const n = sorted.length
  let tail = 0
  let term = 0.5 ** n
  let skip = -1
  for (let k = 0; k < n / 2; k++) {
    tail += term
    if (tail > 0.025) break
    skip = k
    term *= (n - k) / (k + 1)
  }
  return skip < 0 ? undefined : [sorted[skip], sorted[n - 1 - skip]]
}

/** What is kept of a series of measurements. */
export function summary(values) {
  const interval = medianInterval(values)
  return {
    median: round(median(values)),
    p25: round(quantile(values, 0.25)),
    p75: round(quantile(values, 0.75)),
    ...(interval === undefined ? {} : { interval95: interval.map(round) }),
    n: values.length,
  }
}

const round = (value) => Number(value.toPrecision(4))
