/** Timers in checkpoints that hold what came and went since the one before, beside a plain list of them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import type { Key } from '../../src/graph/key.ts'
import type { TimeDomain, Window } from '../../src/graph/window-spec.ts'
import { TimerService } from '../../src/operator/timer-service.ts'
import { IncrementalSnapshots } from '../../src/state/incremental.ts'
import type { KeyedStateSnapshot } from '../../src/state/snapshot.ts'
import { IncrementsRig, KEY_GROUPS, nameOfStored, rigEvent } from '../state/increments-rig.ts'
import { assertUntilSeen } from '../state/until-seen.ts'

interface Known { readonly domain: TimeDomain; readonly key: Key; readonly window: Window | undefined; readonly time: number }

interface Timers { readonly service: TimerService; readonly fired: () => Known[]; readonly clock: { now: number } }

function timersAt(now: number): Timers {
  const clock = { now }
  let fired: Known[] = []
  const told = (domain: TimeDomain) => ({ key, namespace, time }: { readonly key: Key; readonly namespace: Window | undefined; readonly time: number }) =>
    void fired.push({ domain, key, window: namespace, time })
  let due: (() => void) | undefined
  const service = new TimerService({
    clock: {
      now: () => clock.now,
      at: (_time, fire) => {
        due = fire
        return () => {
          due = undefined
        }
      },
    },
    maxParallelism: KEY_GROUPS, restored: undefined,
    target: { onEventTimer: told('event'), onProcessingTimer: told('processing') },
  })
  const taken = (): Known[] => {
    const call = due
    due = undefined
    call?.()
    const all = fired
    fired = []
    return all
  }
  return { service, fired: taken, clock }
}

class Rig extends IncrementsRig {
  readonly #timers: Timers
  readonly #held: { model: Known[] }

  constructor(options: { readonly sliceEntries: number; readonly segmentBytes: number }) {
    const timers = timersAt(0)
    const held: { model: Known[] } = { model: [] }
    const increments = new IncrementalSnapshots(timers.service.tables)
    super({
      cut: (checkpoint) => ({ keyed: [], lists: [], slices: increments.cut(checkpoint) }),
      confirm: (checkpoint) => increments.confirm(checkpoint),
      abort: (checkpoint) => increments.abort(checkpoint),
      entries: () => Object.fromEntries(held.model.map(({ domain, key, window, time }) => {
        const entry = { key, namespace: window === undefined ? undefined : [window.start, window.end], value: time }
        return [nameOfStored({ name: `timers/${domain}`, kind: 'timers' }, entry), time]
      })),
    }, options)
    this.#timers = timers
    this.#held = held
  }

  apply(kind: string, domain: TimeDomain, key: Key, window: Window | undefined, time: number): void {
    const { service, clock, fired } = this.#timers
    const isIt = (each: Known): boolean =>
      each.domain === domain && each.key === key && each.time === time && each.window?.end === window?.end
    if (kind === 'set') {
      if (domain === 'event') service.registerEvent(key, window, time)
      else service.registerProcessing(key, window, time)
      if (!this.#held.model.some(isIt)) this.#held.model.push({ domain, key, window, time })
    } else if (kind === 'cancel') {
      if (domain === 'event') service.deleteEvent(key, window, time)
      else service.deleteProcessing(key, window, time)
      this.#held.model = this.#held.model.filter((each) => !isIt(each))
    } else {
      clock.now = Math.max(clock.now, time - 30)
      service.advance(time - 30)
      const gone = fired()
      this.#held.model = this.#held.model.filter((each) => !gone.some((one) =>
        one.domain === each.domain && one.key === each.key && one.time === each.time && one.window?.end === each.window?.end))
    }
  }
}

const change = fc.record({
  domain: fc.constantFrom('event' as const, 'processing' as const), time: fc.nat(60),
  key: fc.oneof(fc.nat(5).map((n) => `k${n}`), fc.nat(2), fc.constant(1n)),
  window: fc.constantFrom(undefined, undefined, { start: 0, end: 5 }, { start: 0, end: 6 }),
  what: fc.constantFrom('set', 'set', 'set', 'set', 'cancel', 'advance'),
})

test('TS-5, TI-1, TI-2, IS-1: a checkpoint holds the timers there were at its cut, whatever is set, cancelled or fires meanwhile', () => {
  let increments = 0
  const law = fc.property(
    fc.constantFrom(1, 2, 7), fc.constantFrom(1, 60, 100_000),
    fc.array(fc.oneof({ weight: 6, arbitrary: change }, { weight: 3, arbitrary: rigEvent }), { minLength: 10, maxLength: 160 }),
    (sliceEntries, segmentBytes, events) => {
      const rig = new Rig({ sliceEntries, segmentBytes })
      for (let i = 0; i < 60; i++) rig.apply('set', i % 3 === 0 ? 'processing' : 'event', `k${i % 6}`, undefined, i)
      rig.playThrough(events, (each) => {
        if ('kind' in each) return each
        rig.apply(each.what, each.domain, each.key, each.window, each.time)
        return undefined
      })
      increments += rig.increments
    },
  )
  assertUntilSeen(law, 150, () => increments > 100)
})

/** After a first checkpoint with so many timers, at times from 1,000 on. */
function many(timers: number): { readonly service: TimerService; readonly cut: () => readonly KeyedStateSnapshot[] } {
  const { service } = timersAt(0)
  for (let i = 0; i < timers; i++) service.registerEvent(`key ${i}`, undefined, 1_000 + i)
  const increments = new IncrementalSnapshots(service.tables)
  let checkpoint = 0
  const cut = (): readonly KeyedStateSnapshot[] => {
    const slices = increments.cut(checkpointId(++checkpoint))
    while (slices.advance(1000));
    increments.confirm(checkpointId(checkpoint))
    return slices.take()
  }
  cut()
  return { service, cut }
}

const sizesOf = (keyed: readonly KeyedStateSnapshot[]): unknown => keyed.filter(({ groups }) => groups.length > 0)
  .map(({ extent, groups }) => [extent, groups.reduce((sum, { entries }) => sum + entries, 0), groups.reduce((sum, { removed }) => sum + (removed?.entries ?? 0), 0)])

test('TI-1: of 20,000 timers of which one is moved and one fires, an increment holds these', () => {
  const { service, cut } = many(20_000)
  service.deleteEvent('key 700', undefined, 1_700)
  service.registerEvent('key 700', undefined, 90_000)
  service.advance(1_000)
  expect(sizesOf(cut())).toEqual([['changes', 1, 2]])
})

test('TI-1: a timer that is moved ahead with every record is where it is, and was: one that came and one that went', () => {
  const { service, cut } = many(2_000)
  for (let n = 0; n < 10_000; n++) {
    service.deleteEvent('key 7', undefined, n === 0 ? 1_007 : 50_000 + n)
    service.registerEvent('key 7', undefined, 50_001 + n)
  }
  expect(sizesOf(cut())).toEqual([['changes', 1, 1]])
})
