/** Sizes are written `'256MB'`; inside the engine they are bytes with the suffix `Bytes`. */
import { defineError } from './errors.ts'

type Unit = 'kB' | 'MB' | 'GB'
/** `'64kB'`, `'256MB'`, `'2GB'` (powers of 1,000), or a number of bytes. */
export type ByteSize = `${number}${Unit}` | number

export const E198_IMPOSSIBLE_SIZE = defineError<{ given: unknown; what: string; least: number }>({
  code: 'E198',
  kind: 'job',
  retryable: false,
  title: 'Impossible size',
  what: (d) => `${d.what} is ${JSON.stringify(d.given) ?? String(d.given)}, which is no size from ${d.least} bytes on.`,
  why: () => 'A size is a number followed by kB, MB or GB, or a plain number of bytes.',
  fix: () => ["write for example '64kB', '256MB' or '2GB'"],
})

const UNIT_BYTES: Readonly<Record<Unit, number>> = { kB: 1e3, MB: 1e6, GB: 1e9 }
const PATTERN = /^(\d+(?:\.\d+)?)(kB|MB|GB)$/

/** Bytes, a whole number; `what` names the option for the error, `least` is the smallest size allowed. */
export function byteSize(given: ByteSize, what: string, least: number): number {
  const bytes = parse(given)
  if (bytes === undefined || !(bytes >= least)) throw E198_IMPOSSIBLE_SIZE({ given, what, least })
  return Math.round(bytes)
}

function parse(given: unknown): number | undefined {
  if (typeof given === 'number') return Number.isFinite(given) ? given : undefined
  const match = typeof given === 'string' ? PATTERN.exec(given) : null
  return match === null ? undefined : Number(match[1]) * UNIT_BYTES[match[2] as Unit]
}
