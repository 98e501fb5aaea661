/**
 * What a user's `eventTime` returned, checked and turned into milliseconds.
 *
 * Called by source operators for every record, so the usual case is two compares.
 */
import { E013_NOT_A_TIME } from './errors.ts'

/** Limits of Date; event times are shown to users as Dates. */
const MAX_DATE_MS = 8.64e15
// As milliseconds these lie in the first weeks of 1970; as seconds they are 2001-09-09 to 2096-10-02.
const SECONDS_FROM = 1e9
const SECONDS_BELOW = 4e9
/** Numbers between these, both included, are event times for sure: their whole part is the milliseconds. */
export const SURE_FROM_MS = SECONDS_BELOW
export const SURE_TO_MS = MAX_DATE_MS

/**
 * Whole milliseconds of a valid event time; throws E013 for anything else.
 *
 * A number that is far more likely to be seconds is refused, since nothing else would show the
 * mistake: all records would fall into January 1970.
 */
export function eventTimeMs(given: unknown, operator: string): number {
  const ms = typeof given === 'number' ? Math.floor(given) : given instanceof Date ? given.getTime() : NaN
  if (!(ms >= -MAX_DATE_MS && ms <= MAX_DATE_MS)) {
    throw E013_NOT_A_TIME({ operator, given, hint: hintFor(given) })
  }
  if (ms >= SECONDS_FROM && ms < SECONDS_BELOW && typeof given === 'number') {
    throw E013_NOT_A_TIME({ operator, given, hint: ', which looks like seconds' })
  }
  return ms
}

function hintFor(given: unknown): string {
  if (typeof given === 'string') return ', a string'
  if (typeof given === 'bigint') return ', a bigint'
  if (typeof given === 'number' && Math.abs(given) > MAX_DATE_MS && Number.isFinite(given)) {
    return ', which looks like microseconds or nanoseconds'
  }
  return ''
}
