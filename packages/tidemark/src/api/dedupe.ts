/**
 * dedupe: the first record of each kind, and no other. A process function with state of its own.
 *
 * With a TTL by event time, what was seen is forgotten when the watermark has passed the first record by
 * the TTL; a record that is so much later than the first is a new first already before. By the machine's
 * clock, the state's own TTL does it.
 */
import { formatDuration, type Duration } from '../base/duration.ts'
import { addSaturating, NO_TIMESTAMP } from '../base/time.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { Key } from '../graph/key.ts'
import type { KeySelector, ProcessSpec } from '../graph/operator-spec.ts'
import type { MapStateSpec, TtlSpec } from '../graph/state-spec.ts'
import type { MapState } from '../state/handles.ts'
import type { TimeDomain } from '../graph/window-spec.ts'
import { requireFunction } from './checks.ts'
import { E166_TTL_NEEDS_EVENT_TIME } from './function-errors.ts'
import type { Timers } from './process.ts'
import { ttlSpec, type TtlOptions } from './ttl.ts'

export interface DedupeOptions<T> {
  /** What makes two records of one key the same. Default: every record of a key is the same. */
  readonly by?: (record: T) => Key
  /**
   * The first is forgotten after this long. Default: never, and state grows with every new kind. As an option object
   * it may name the time; only the first record counts, so that `refreshedBy` is 'create' or nothing.
   */
  readonly ttl?: Duration | (TtlOptions & { readonly refreshedBy?: 'create' })
  /** Which time the TTL goes by, where it does not say so itself. Default 'event'. */
  readonly time?: TimeDomain
}

interface Context {
  readonly timestamp: number
  readonly timer: Timers
  readonly state: {
    /** Time of the first record of each kind; 0 where it does not matter. */
    readonly seen: MapState<Key, number>
    /** Which kinds are forgotten at a time. */
    readonly due: MapState<number, readonly Key[]>
  }
}

const THE_KIND = 0

export function dedupeSpec(
  name: string, keyOf: KeySelector, options: DedupeOptions<unknown> = {},
): ProcessSpec {
  const { by } = options
  const kindOf: (record: unknown) => Key = by === undefined ? () => THE_KIND : requireFunction(by, 'dedupe')
  const { ttlMs, time } = forgetting(name, options)
  const clock = time === 'event' ? '' : ' of processing time'
  const forgets = ttlMs === undefined ? '' : `, ttl ${formatDuration(ttlMs)}${clock}`
  const shared = { kind: 'process', keyOf, sides: [], label: `dedupe${forgets}` } as const
  if (ttlMs !== undefined && time === 'event') {
    return {
      ...shared,
      state: { seen: mapState(), due: mapState() },
      onRecord: (record: unknown, context: Context) =>
        firstWithin(name, ttlMs, kindOf(record), record, context),
      onTimer: (at: Date, context: Context) => forget(ttlMs, at.getTime(), context),
    }
  }
  return {
    ...shared,
    state: { seen: mapState(ttlMs === undefined ? undefined : { ttlMs }) },
    onRecord: (record: unknown, { state: { seen } }: Context) => {
      const kind = kindOf(record)
      if (seen.has(kind)) return undefined
      seen.set(kind, 0)
      return [record]
    },
  }
}

function forgetting(
  name: string, { ttl, time = 'event' }: DedupeOptions<unknown>,
): { readonly ttlMs: number | undefined; readonly time: TimeDomain } {
  if (ttl === undefined) return { ttlMs: undefined, time }
  const spec = ttlSpec(ttl, `ttl of dedupe "${name}"`)
  if (spec.refreshedBy === undefined || spec.refreshedBy === 'create') return { ttlMs: spec.ttlMs, time: spec.time ?? time }
  throw E008_IMPOSSIBLE_OPTION({
    what: `The ttl of dedupe "${name}" is refreshed by what it does not keep`, given: spec.refreshedBy,
    why: 'Only the first record of a kind is remembered, and its time counts; those that follow it change nothing.',
    fix: 'leave refreshedBy away, or keep what you need in a process with state of its own',
  })
}

function firstWithin(
  operator: string, ttlMs: number, kind: Key, record: unknown, context: Context,
): Iterable<unknown> | undefined {
  const { timestamp, timer, state: { seen, due } } = context
  if (timestamp === NO_TIMESTAMP) throw E166_TTL_NEEDS_EVENT_TIME({ operator }, { place: { operator } })
  const first = seen.get(kind)
  if (first !== undefined && timestamp < addSaturating(first, ttlMs)) return undefined
  const until = addSaturating(timestamp, ttlMs)
  seen.set(kind, timestamp)
  due.set(until, [...(due.get(until) ?? []), kind])
  timer.at(until)
  return [record]
}

function forget(ttlMs: number, at: number, { state: { seen, due } }: Context): void {
  for (const kind of due.get(at) ?? []) {
    const first = seen.get(kind)
    if (first !== undefined && addSaturating(first, ttlMs) === at) seen.delete(kind)
  }
  due.delete(at)
}

function mapState(ttl?: TtlSpec): MapStateSpec {
  return { kind: 'map', version: 1, ...(ttl === undefined ? {} : { ttl }) }
}
