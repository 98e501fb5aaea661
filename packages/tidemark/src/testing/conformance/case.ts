/**
 * The format of conformance cases, and what every family of them shares: reading values, comparing.
 *
 * A case is {name, operation, given, expected, …}: inputs and outputs as literal facts. Everything in it
 * is unknown data until it is looked at; what cannot be mapped is `Unsupported`, never a guess.
 */
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../../base/time.ts'
import { canonical, type ScriptOutputs, type ScriptStep } from '../operator-script.ts'

export type Json = Readonly<Record<string, any>>

export interface Case {
  readonly name: string
  readonly operation: Json
  readonly given: any
  readonly expected: any
  readonly expected_late_side_output?: readonly unknown[]
  readonly expected_side_output?: readonly unknown[]
  readonly order?: string
  readonly note?: string
  readonly refused?: readonly string[]
}

/** Thrown where a case asks for something that is not there, or is written in a way not known. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported'
}

/** Thrown where the outcome differs from what is expected. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch'
}

export function unsupported(what: string): never {
  throw new Unsupported(what)
}

export function list(value: unknown, what: string): readonly any[] {
  return Array.isArray(value) ? value : unsupported(`${what} is no list`)
}

export function check(condition: boolean, what: () => string): void {
  if (!condition) throw new Mismatch(what())
}

export function checkEqual(found: unknown, expected: unknown, what: string): void {
  check(canonical(found) === canonical(expected),
    () => `${what}: got ${canonical(found)}, expected ${canonical(expected)}`)
}

const LONG_MAX = 9223372036854775807n

/** Numbers, MAX and MIN, and the 64-bit extremes as text. */
export function timeOf(value: unknown): number {
  if (typeof value === 'number') {
    if (value >= MAX_TIMESTAMP) return MAX_TIMESTAMP
    return value <= MIN_TIMESTAMP ? MIN_TIMESTAMP : value
  }
  const text = typeof value === 'string' ? value.trim() : ''
  if (/^MAX\b/.test(text)) return MAX_TIMESTAMP
  if (/^MIN\b/.test(text)) return MIN_TIMESTAMP
  if (/^-?\d+$/.test(text)) {
    const exact = BigInt(text)
    if (exact === LONG_MAX) return MAX_TIMESTAMP
    if (exact === -LONG_MAX - 1n) return MIN_TIMESTAMP
    return timeOf(Number(exact))
  }
  return unsupported(`${JSON.stringify(value)} is no time`)
}

/** Steps of one input: elements, watermarks, processing time, snapshot and restore. */
export function stepsOf(given: unknown): ScriptStep[] {
  return list(given, 'given').map((step: Json): ScriptStep => {
    if (typeof step !== 'object' || step === null) return unsupported(`step ${JSON.stringify(step)}`)
    if ('on' in step || 'left' in step || 'right' in step || 'watermark_on' in step) return unsupported('two inputs')
    if ('element' in step) {
      const { element, ts } = step
      return { kind: 'send', value: element, ...(ts === undefined || ts === null ? {} : { timestamp: timeOf(ts) }) }
    }
    if ('watermark' in step) return { kind: 'watermark', watermark: timeOf(step['watermark']) }
    if ('processing_time' in step) return { kind: 'processing-time', nowMs: timeOf(step['processing_time']) }
    if (step['snapshot_close_restore'] === true) return { kind: 'restore' }
    return unsupported(`step ${JSON.stringify(step)}`)
  })
}

export interface Emitted {
  readonly step: number
  readonly value: unknown
  readonly timestamp: number | undefined
}

/** Records of one tag with the step that sent them. The late output is compared by its records. */
export function emittedTo(tag: string, outputs: ScriptOutputs): Emitted[] {
  return outputs.flatMap((step, index) => step.flatMap((each) => {
    if (each.kind !== 'record' || each.tag !== tag) return []
    const value = tag === 'late' ? (each.value as { record: unknown }).record : each.value
    return [{ step: index, value, timestamp: each.timestamp }]
  }))
}

interface Wanted {
  readonly text: string
  readonly step: number | undefined
  readonly timestamp: number | undefined
}

function wantedOf(entry: unknown): Wanted {
  if (typeof entry === 'object' && entry !== null && 'record' in entry) {
    const { record, ts, after_step: step } = entry as Json
    return {
      text: canonical(record), step,
      timestamp: ts === undefined || ts === null ? undefined : timeOf(ts),
    }
  }
  return { text: canonical(entry), step: undefined, timestamp: undefined }
}

const fits = (wanted: Wanted, found: Emitted): boolean =>
  canonical(found.value) === wanted.text &&
  (wanted.step === undefined || wanted.step === found.step) &&
  (wanted.timestamp === undefined || wanted.timestamp === found.timestamp)

/** Every expected record once, at its step if one is given, and nothing else. */
export function checkRecords(found: readonly Emitted[], expected: unknown, order: string | undefined, what: string): void {
  const wanted = list(expected, 'expected').map(wantedOf)
  const show = (): string => `${what}: got ${canonical(found)}, expected ${canonical(expected)}`
  check(found.length === wanted.length, show)
  if (order?.startsWith('exact') === true) {
    wanted.forEach((each, i) => check(fits(each, found[i] as Emitted), show))
    return
  }
  // The most particular ones choose first, so that a vague one takes nothing from them.
  const left = [...found]
  const particular = (w: Wanted): number => Number(w.step !== undefined) + Number(w.timestamp !== undefined)
  for (const each of wanted.toSorted((a, b) => particular(b) - particular(a))) {
    const at = left.findIndex((candidate) => fits(each, candidate))
    check(at >= 0, show)
    left.splice(at, 1)
  }
}

/** A watermark step forwards its watermark once, after everything it triggered. */
export function checkWatermarks(steps: readonly ScriptStep[], outputs: ScriptOutputs): void {
  let last = MIN_TIMESTAMP
  steps.forEach((step, i) => {
    const seen = (outputs[i] ?? []).filter((each) => each.kind === 'watermark').map((each) => each.watermark)
    const rises = step.kind === 'watermark' && step.watermark > last
    if (rises) last = step.watermark
    checkEqual(seen, rises ? [last] : [], `watermarks forwarded at step ${i}`)
    if (rises) check(outputs[i]?.at(-1)?.kind === 'watermark', () => `step ${i} sent records after its watermark`)
  })
}
