/**
 * One renderer for every error a user sees, from the same plain report that `--json` prints.
 *
 * Owns no text of its own beyond the frame: what, why and fix belong to the error's definition.
 * Called by main.ts, run.ts and the checkpoint commands.
 */
import { fileURLToPath } from 'node:url'
import { isStreamError, type ErrorPlace, type ErrorReport } from '../base/errors.ts'
import type { Terminal } from './terminal.ts'

const INDENT = '      '
/** The engine's own code: src or dist. */
const ENGINE_ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Lines for a terminal; `stack` adds frames of the user's code, with the engine's folded. */
export function renderError(report: ErrorReport, terminal: Terminal, stack?: string): string {
  const lines: string[] = []
  const code = terminal.style('red', terminal.style('bold', report.code))
  lines.push(`${code}  ${terminal.style('bold', `${report.title}.`)}`)
  lines.push('')
  lines.push(...indented(report.what))
  if (report.why !== '') lines.push(...indented(report.why))
  if (report.cause !== undefined && !report.what.includes(report.cause)) {
    lines.push(...indented(`Cause: ${report.cause}`))
  }
  const place = renderPlace(report.place)
  if (place !== '') lines.push('', `${INDENT}${terminal.style('dim', 'at')} ${place}`)
  const frames = stack === undefined ? [] : foldFrames(stack)
  for (const frame of frames) lines.push(`${INDENT}   ${terminal.style('dim', frame)}`)
  if (report.fix.length > 0) {
    lines.push('', `${INDENT}${report.fix.length === 1 ? 'Fix:' : 'Fix one of:'}`)
    for (const fix of report.fix) lines.push(...indented(fix, `${INDENT}  `))
  }
  if (/^E\d+$/.test(report.code)) {
    lines.push(`${INDENT}${terminal.style('dim', `docs: docs/errors.md#${report.code.toLowerCase()}`)}`)
  }
  return lines.join('\n')
}

function indented(text: string, indent = INDENT): string[] {
  return text.split('\n').map((line) => (line === '' ? '' : indent + line))
}

/** `job departures · operator flights[2] · flights.csv, byte 5120 · job.ts:17` */
export function renderPlace(place: ErrorPlace): string {
  const parts: string[] = []
  if (place.job !== undefined) parts.push(`job ${place.job}`)
  if (place.operator !== undefined) {
    parts.push(`operator ${place.operator}${place.subtask === undefined ? '' : `[${place.subtask}]`}`)
  }
  if (place.checkpoint !== undefined) parts.push(`checkpoint ${place.checkpoint}`)
  const position = place.position
  if (place.file !== undefined && !(position ?? '').includes(place.file)) parts.push(place.file)
  if (position !== undefined) parts.push(position)
  if (place.code !== undefined) parts.push(place.code)
  return parts.join(' · ')
}

/** Frames of the user first; runs of frames of the engine, its packages and Node become one line. */
export function foldFrames(stack: string): string[] {
  const user: string[] = []
  let folded = 0
  for (const line of stack.split('\n')) {
    const text = line.trim()
    if (!text.startsWith('at ')) continue
    if (isForeignFrame(text)) folded += 1
    else user.push(text.replace('file://', ''))
  }
  if (user.length === 0) return []
  return folded === 0 ? user : [...user, `… ${folded} ${folded === 1 ? 'frame' : 'frames'} inside the engine`]
}

function isForeignFrame(frame: string): boolean {
  return frame.includes('node:') || frame.includes('/node_modules/') || frame.includes('<anonymous>') ||
    frame.includes(ENGINE_ROOT) || !/:\d+:\d+\)?$/.test(frame)
}

/** The stack nearest to the user's code: of the innermost cause that has one. */
export function stackOf(error: unknown): string | undefined {
  // A mistyped flag has its place in the command line, not in any code.
  if (isStreamError(error) && error.kind === 'usage') return undefined
  let stack: string | undefined
  for (let e: unknown = error, depth = 0; e instanceof Error && depth < 10; e = e.cause, depth++) {
    if (e.stack !== undefined && foldFrames(e.stack).length > 0) stack = e.stack
  }
  return stack
}
