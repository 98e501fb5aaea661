/**
 * How far a run is: one line written over on a terminal, a plain line every ten seconds elsewhere.
 *
 * Called by run.ts, which owns the timer's life. It polls `JobHandle.status`, so that the engine
 * never waits for a terminal.
 */
import type { JobStatus } from '../host/run.ts'
import { formatAge, formatCount, formatInstant } from './format.ts'
import type { Terminal } from './terminal.ts'

const REDRAW_MS = 100
const PLAIN_LINE_MS = 10_000
const JSON_LINE_MS = 1_000
const SAMPLE_MS = 250
const BAR_CELLS = 24

export interface ProgressOptions {
  readonly status: () => JobStatus
  readonly terminal: Terminal
  readonly json: boolean
}

/** Starts reporting; the result ends it. */
export function reportProgress(options: ProgressOptions): () => void {
  const { status, terminal, json } = options
  const rate = new RateMeter()
  const sample = (): number => rate.add(performance.now(), status().recordsIn)
  sample()
  // Lines may be far apart; what a restored job had read before is then known long before the first of them.
  const sampler = setInterval(sample, SAMPLE_MS)
  const everyMs = json ? JSON_LINE_MS : terminal.options.interactive ? REDRAW_MS : PLAIN_LINE_MS
  const timer = setInterval(() => {
    const now = status()
    const perSecond = sample()
    if (json) terminal.data(JSON.stringify({ kind: 'progress', ...now }))
    else if (terminal.options.interactive) terminal.status(progressLine(now, perSecond, Date.now(), terminal))
    else terminal.note(plainLine(now, perSecond))
  }, everyMs)
  return () => {
    clearInterval(timer)
    clearInterval(sampler)
    terminal.status('')
  }
}

/** Records per second over the last few seconds, so that a pause is seen soon. */
export class RateMeter {
  readonly #samples: { readonly atMs: number; readonly records: number }[] = []

  add(atMs: number, records: number): number {
    const samples = this.#samples
    const newest = samples.at(-1)
    // After a failure the count goes back with everything else, and a restored one begins where it was: measure from there.
    if (newest !== undefined && (records < newest.records || newest.records === 0)) samples.length = 0
    samples.push({ atMs, records })
    while (samples.length > 2 && atMs - (samples[0] as { atMs: number }).atMs > 3_000) samples.shift()
    const oldest = samples[0] as { atMs: number; records: number }
    return atMs === oldest.atMs ? 0 : ((records - oldest.records) * 1000) / (atMs - oldest.atMs)
  }
}

export function progressLine(status: JobStatus, perSecond: number, nowMs: number, terminal: Terminal): string {
  const parts: string[] = []
  if (status.total === undefined || status.total <= 0) {
    parts.push(`  ${formatCount(status.recordsIn)} records`)
  } else {
    const share = Math.min(1, status.recordsIn / status.total)
    parts.push(`  ${bar(share, terminal)} ${String(Math.floor(share * 100)).padStart(3)} %`)
    parts.push(`${formatCount(status.recordsIn)} of ${formatCount(status.total)}`)
  }
  parts.push(`${formatCount(Math.round(perSecond))}/s`)
  parts.push(...shared(status, nowMs))
  return cut(parts.join('  '), terminal.options.columns - 1)
}

function plainLine(status: JobStatus, perSecond: number): string {
  const { recordsIn, total } = status
  const share = total === undefined || total <= 0
    ? ''
    : ` of ${formatCount(total)} (${Math.floor((Math.min(total, recordsIn) / total) * 100)} %)`
  const parts = [`${formatCount(recordsIn)}${share} records`, `${formatCount(Math.round(perSecond))}/s`]
  return `  ${[...parts, ...shared(status, Date.now())].join(', ')}`
}

function shared(status: JobStatus, nowMs: number): string[] {
  const parts = status.watermark === undefined ? [] : [`at ${formatInstant(status.watermark)}`]
  const last = status.lastCheckpoint
  if (last !== undefined) parts.push(`#${last.id} ${formatAge(Math.max(0, nowMs - last.atMs))} ago`)
  if (status.late > 0) parts.push(`${formatCount(status.late)} late`)
  if (status.invalid > 0) parts.push(`${formatCount(status.invalid)} invalid`)
  if (status.restarts > 0) parts.push(`${status.restarts} ${status.restarts === 1 ? 'restart' : 'restarts'}`)
  return parts
}

function bar(share: number, terminal: Terminal): string {
  const full = Math.round(share * BAR_CELLS)
  return terminal.style('cyan', '█'.repeat(full)) + terminal.style('dim', '░'.repeat(BAR_CELLS - full))
}

/** Cuts to `columns` visible characters; escape sequences have no width. */
export function cut(text: string, columns: number): string {
  let visible = 0
  let inEscape = false
  let result = ''
  for (const char of text) {
    if (char === '\u001b') inEscape = true
    if (inEscape || visible < columns) result += char
    if (!inEscape) visible += 1
    else if (char === 'm') inEscape = false
  }
  return result
}
