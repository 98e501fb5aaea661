/**
 * What users say of a TTL: a duration, or a duration with what refreshes it and which clock decides.
 *
 * Called wherever an option is named `ttl`.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { TtlRefresh, TtlSpec } from '../graph/state-spec.ts'
import type { TimeDomain } from '../graph/window-spec.ts'

export type { TtlRefresh }

export interface TtlOptions {
  /** From when the time began until the value is forgotten. */
  readonly after: Duration
  /**
   * What begins the time anew. 'write' (default): each write. 'create': nothing, it counts from the first write.
   * 'read': each write and each read. A read may count up to a sixteenth of the time later than it was.
   */
  readonly refreshedBy?: TtlRefresh
  /**
   * 'processing' (default): the machine's clock. 'event': time counts from the record's time, and the value is forgotten
   * when the watermark has come so far; to a timer of event time, when the timer's time has.
   */
  readonly time?: TimeDomain
}

const REFRESHES: readonly unknown[] = ['create', 'write', 'read'] satisfies TtlRefresh[]
const TIMES: readonly unknown[] = ['event', 'processing'] satisfies TimeDomain[]

/** Throws E008. `what`: for errors, e.g. `ttl of the join "pairs"`. */
export function ttlSpec(given: Duration | TtlOptions, what: string): TtlSpec {
  if (typeof given !== 'object' || given === null) return { ttlMs: durationMs(given, what, 1) }
  const { after, refreshedBy, time } = given
  if (refreshedBy !== undefined && !REFRESHES.includes(refreshedBy)) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `refreshedBy of ${what} is unknown`, given: refreshedBy,
      why: 'It says what begins the time of a value anew.', fix: "use 'create', 'write' or 'read'",
    })
  }
  if (time !== undefined && !TIMES.includes(time)) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `time of ${what} is unknown`, given: time,
      why: 'It says which clock decides when a value is over.', fix: "use 'processing' or 'event'",
    })
  }
  return {
    ttlMs: durationMs(after, what, 1),
    ...(refreshedBy === undefined ? {} : { refreshedBy }), ...(time === undefined ? {} : { time }),
  }
}
