/**
 * Which keys of the open windows have yet to fire, in a snapshot: written by the aligned operator and by that of
 * the clock, and read also from what the general one writes.
 *
 *   WF-1  A window waits for its end for every key, unless the writer of the key had reached that end, or the
 *         key is told under 'window/fired': it had fired in an attempt before, and waits for a new element.
 *   WF-2  So no timers are written: neither their number nor a step of event time makes a snapshot larger.
 *   WF-3  A snapshot with the state 'window/fired', also an empty one, is of this form; any other tells by
 *         'timers/event' which keys wait.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { Window } from '../graph/window-spec.ts'
import { keyGroupOf } from '../record/key-codec.ts'
import type { KeyedEntry, KeyedStateSnapshot, ListStateSnapshot, RestoredOperator } from '../state/snapshot.ts'
import { maxTimestamp, timeDomainOf } from '../time/window-assigner.ts'
import { restoredWatermark } from './watermark-state.ts'
import { cleanupTime } from './window-late.ts'
import { namespaceOf, windowFrom, windowSnapshot } from './window-table.ts'

const FIRED = 'window/fired'
const THROUGH = 'window/through'

export function firedState(
  windows: Iterable<{ readonly window: Window; readonly fired: ReadonlySet<Key> | undefined }>, maxParallelism: number,
): KeyedStateSnapshot {
  const builder = windowSnapshot(FIRED, maxParallelism)
  for (const { window, fired } of windows) {
    for (const key of fired ?? []) builder.put(key, namespaceOf(window), true)
  }
  return builder.build()
}

/** How far event time has come for the keys of these groups. */
export function throughState(watermark: number, { start, end }: KeyGroupRange): ListStateSnapshot {
  return { name: THROUGH, redistribute: 'overlap', items: [[watermark, start, end]] }
}

/** True for a key that has yet to fire at the end of a window of the snapshot. */
export function waitingIn(restored: RestoredOperator, maxParallelism: number): (window: Window, key: Key) => boolean {
  if (!isOfThisForm(restored)) {
    const waiting = new KeysByStart()
    for (const { key, namespace, value } of restored.keyed('timers/event')) {
      const window = windowFrom(namespace)
      if (value === maxTimestamp(window)) waiting.add(window, key)
    }
    return (window, key) => waiting.has(window, key)
  }
  const fired = new KeysByStart()
  for (const { key, namespace } of restored.keyed(FIRED)) fired.add(windowFrom(namespace), key)
  const through = throughOf(restored, maxParallelism)
  return (window, key) => maxTimestamp(window) > through(key) && !fired.has(window, key)
}

/** The snapshot as the general operator would have written it, with its timers. */
export function withTimers(
  spec: WindowSpec, restored: RestoredOperator | undefined, maxParallelism: number,
): RestoredOperator | undefined {
  if (restored === undefined || !isOfThisForm(restored)) return restored
  const domain = timeDomainOf(spec.assigner)
  // A window of the clock fires all its keys, and is gone then.
  const waits = domain === 'event' ? waitingIn(restored, maxParallelism) : () => true
  function* timers(entries: Iterable<KeyedEntry>): Iterable<KeyedEntry> {
    for (const { key, namespace } of entries) {
      const window = windowFrom(namespace)
      const last = maxTimestamp(window)
      const cleanup = cleanupTime(window, spec)
      const waiting = waits(window, key)
      if (waiting) yield { key, namespace, value: last }
      if (cleanup !== MAX_TIMESTAMP && !(waiting && cleanup === last)) yield { key, namespace, value: cleanup }
    }
  }
  return {
    keyedStates: restored.keyedStates,
    list: (name) => restored.list(name),
    keyed: (name) => (name === `timers/${domain}` ? timers(restored.keyed('window')) : restored.keyed(name)),
  }
}

const isOfThisForm = ({ keyedStates }: RestoredOperator): boolean => keyedStates.some(({ name }) => name === FIRED)

/** The watermark of the subtask that wrote a key. */
export function throughOf(restored: RestoredOperator, maxParallelism: number): (key: Key) => number {
  const least = restoredWatermark(restored)
  const ranges = restored.list(THROUGH) as readonly (readonly [watermark: number, start: number, end: number])[]
  if (ranges.every(([watermark]) => watermark === least)) return () => least
  return (key) => {
    const group = keyGroupOf(key, maxParallelism)
    return ranges.find(([, start, end]) => group >= start && group <= end)?.[0] ?? least
  }
}

class KeysByStart {
  readonly #keys = new Map<number, Set<Key>>()

  add({ start }: Window, key: Key): void {
    const known = this.#keys.get(start)
    if (known === undefined) this.#keys.set(start, new Set([key]))
    else known.add(key)
  }

  has({ start }: Window, key: Key): boolean {
    return this.#keys.get(start)?.has(key) === true
  }
}
