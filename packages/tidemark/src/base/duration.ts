/**
 * Durations are written `'10s'`; inside the engine they are milliseconds with the suffix `Ms`.
 */
import { defineError } from './errors.ts'

type Unit = 'ms' | 's' | 'm' | 'h' | 'd'
/** `'250ms'`, `'10s'`, `'5m'`, `'1h'`, `'1d'`, or a number of milliseconds. */
export type Duration = `${number}${Unit}` | number

export const E003_IMPOSSIBLE_DURATION = defineError<{ given: unknown; what: string }>({
  code: 'E003',
  kind: 'job',
  retryable: false,
  title: 'Impossible duration',
  what: (d) => `${d.what} is ${JSON.stringify(d.given) ?? String(d.given)}, which is no duration.`,
  why: () => 'A duration is a number followed by ms, s, m, h or d, or a plain number of milliseconds.',
  fix: () => ["write for example '250ms', '10s', '5m', '1h' or '1d'"],
})

const UNIT_MS: Readonly<Record<Unit, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const PATTERN = /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/**
 * Milliseconds of a duration, a whole number.
 *
 * `what` names the option for the error; `min` (ms, default 0) is the smallest value allowed.
 */
export function durationMs(given: Duration, what: string, min = 0): number {
  const ms = parse(given)
  if (ms === undefined || ms < min || !Number.isSafeInteger(ms)) {
    throw E003_IMPOSSIBLE_DURATION({ given, what })
  }
  return ms
}

function parse(given: unknown): number | undefined {
  if (typeof given === 'number') return given
  if (typeof given !== 'string') return undefined
  const match = PATTERN.exec(given)
  if (match === null) return undefined
  const ms = Number(match[1]) * UNIT_MS[match[2] as Unit]
  // '0.1s' is 100 ms although 0.1 * 1000 need not be exact in binary.
  return Math.abs(ms - Math.round(ms)) < 1e-6 ? Math.round(ms) : ms
}

/** 3_600_000 → '1h', 90_000 → '90s', 250 → '250ms': the largest unit that divides it. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms !== 0 && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`
  }
  return `${ms}ms`
}
