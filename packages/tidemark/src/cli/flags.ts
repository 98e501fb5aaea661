/**
 * Flags and arguments that several commands take, as data for the parser.
 *
 * Called by app.ts and the files of its commands.
 */
import { durationMs, type Duration } from '../base/duration.ts'

const text = (input: string): string => input
export const word = (placeholder: string, brief: string) => ({ brief, parse: text, placeholder }) as const

export const DIRECTORY = word('dir', 'state directory or savepoint, with #ref for another checkpoint than the latest')
export const JOB_DIRECTORY = word('dir', 'state directory of the job')
export const JOB_FILE = word('file', 'job file, with #name for an export other than the default')
export const OPERATOR = word('operator', 'name of an operator, as in the job')
export const STATE = word('state', 'name of one of its states')
export const KEY = word('key', 'a string as it is or in double quotes, a number as 7, a bigint as 7n')
export const LABEL = word('name', 'a name of lower-case letters, digits, dots, dashes, underscores')

export const off = (brief: string) => ({ kind: 'boolean', default: false, withNegated: false, brief }) as const
export const needed = (placeholder: string, brief: string) => ({ kind: 'parsed', parse: text, placeholder, brief }) as const
export const optional = (placeholder: string, brief: string) =>
  ({ ...needed(placeholder, brief), optional: true }) as const
const repeated = (placeholder: string, brief: string) =>
  ({ ...optional(placeholder, `${brief}; may be repeated`), variadic: true }) as const

export const JSON_FLAG = off('as one JSON document')
export const AT = optional('ref', 'checkpoint: latest (the default), latest-1, a number, or @label')
export const CONFIG = repeated('key=value', 'a setting of the job or of the engine')
export const ALLOW_DROPPED = repeated('name', 'an operator, or operator/state, whose state may be dropped')
export const OUTPUT = { ...needed('file', 'where to write; - is stdout'), default: '-' } as const

export const parallelism = (brief: string) =>
  ({ kind: 'parsed', parse: parseParallelism, optional: true, placeholder: 'n', brief }) as const

/** `given`: of its arguments, in their order. */
export const only = <const GIVEN extends readonly unknown[]>(...given: GIVEN) =>
  ({ kind: 'tuple', parameters: given }) as const

export const limit = (byDefault: string, brief: string) =>
  ({ kind: 'parsed', parse: parseLimit, default: byDefault, placeholder: 'n|all', brief }) as const

/** `all` is no limit. */
function parseLimit(input: string): number {
  if (input === 'all') return Number.POSITIVE_INFINITY
  if (/^(0|[1-9]\d{0,8})$/.test(input)) return Number(input)
  throw new Error('a whole number, or all, is needed')
}

export function parseGroups(input: string): { readonly start: number; readonly end: number } {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(input)
  const start = Number(match?.[1])
  const end = Number(match?.[2] ?? match?.[1])
  if (match === null || end < start) throw new Error('a key group, or two with a dash between, is needed: 7 or 0-63')
  return { start, end }
}

export function parseFormat(input: string): 'jsonl' {
  if (input === 'jsonl') return input
  throw new Error('only jsonl is known')
}

export function parseCount(input: string): number {
  const value = Number(input)
  if (!/^\d{1,9}$/.test(input) || value < 1) throw new Error('a whole number from 1 on is needed')
  return value
}

function parseParallelism(input: string): number {
  const value = Number(input)
  if (!/^\d+$/.test(input) || value < 1 || value > 32_768) throw new Error('a whole number from 1 to 32768 is needed')
  return value
}

/** Faster than people can read, and slower than the job would notice. */
const LEAST_INTERVAL_MS = 50

export function parseInterval(input: string): number {
  try {
    return durationMs(input as Duration, 'interval', LEAST_INTERVAL_MS)
  } catch {
    throw new Error(`a duration of at least ${LEAST_INTERVAL_MS}ms is needed, for example 500ms or 2s`)
  }
}

export function parseAge(input: string): number {
  try {
    return durationMs(input as Duration, 'age')
  } catch {
    throw new Error('a duration is needed, for example 12h or 30d')
  }
}
