/**
 * Values per key and window, as keyed state with the window as its namespace, cut without being encoded.
 *
 * Owned by the general window operator: one table for contents, one for the triggers' numbers, one for what
 * sessions were merged into (session-windows.ts).
 *
 *   WT-1  Within a key a start names at most one window: tumbling and sliding windows have one size,
 *         sessions never touch (SN-1). So the start alone is the key of the inner map.
 *   WT-2  A value is changed in place only after `touch`, so that a cut that is being written has it as it was.
 */
import type { Key } from '../graph/key.ts'
import type { Window } from '../graph/window-spec.ts'
import { ChangeLog, type Slot } from '../state/change-log.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { TrackedTable } from '../state/slices.ts'
import type { Extent, RestoredOperator } from '../state/snapshot.ts'

class WindowSlot<V> implements Slot {
  touched = 0
  readonly window: Window
  value: V

  constructor(window: Window, value: V) {
    this.window = window
    this.value = value
  }
}

/** How values are stored; absent: as they are. */
export interface StoredForm<V> {
  encode(value: V): unknown
  decode(stored: unknown): V
}

export class WindowTable<V> implements TrackedTable {
  readonly log = new ChangeLog<WindowSlot<V>>()
  readonly #name: string
  readonly #maxParallelism: number
  readonly #form: StoredForm<V> | undefined
  readonly #keys = new Map<Key, Map<number, WindowSlot<V>>>()
  #count = 0

  constructor(name: string, maxParallelism: number, form?: StoredForm<V>) {
    this.#name = name
    this.#maxParallelism = maxParallelism
    this.#form = form
  }

  get count(): number {
    return this.#count
  }

  get(key: Key, window: Window): V | undefined {
    return this.#slotOf(key, window)?.value
  }

  /** The value of this window, if there is one, is about to be changed in place. */
  touch(key: Key, window: Window): void {
    const slot = this.#slotOf(key, window)
    if (slot !== undefined && slot.touched !== this.log.epoch) this.log.touch(key, slot)
  }

  set(key: Key, window: Window, value: V): void {
    const slot = this.#slotOf(key, window)
    if (slot !== undefined && slot.window.end === window.end) {
      if (slot.touched !== this.log.epoch) this.log.touch(key, slot)
      slot.value = value
      return
    }
    if (slot !== undefined) this.delete(key, window)
    let windows = this.#keys.get(key)
    if (windows === undefined) {
      windows = new Map()
      this.#keys.set(key, windows)
    }
    const fresh = new WindowSlot(window, value)
    windows.set(window.start, fresh)
    this.#count += 1
    this.log.created(key, fresh)
  }

  delete(key: Key, window: Window): void {
    const windows = this.#keys.get(key)
    const slot = windows?.get(window.start)
    if (windows === undefined || slot === undefined) return
    this.log.removed(key, slot)
    windows.delete(window.start)
    this.#count -= 1
    if (windows.size === 0) this.#keys.delete(key)
  }

  /** Removes and returns. */
  take(key: Key, window: Window): V | undefined {
    const value = this.get(key, window)
    this.delete(key, window)
    return value
  }

  builder(extent: Extent): KeyedSnapshotBuilder {
    return windowSnapshot(this.#name, this.#maxParallelism, extent)
  }

  * slots(): Generator<readonly [Key, WindowSlot<V>], void, undefined> {
    for (const [key, windows] of this.#keys) for (const slot of windows.values()) yield [key, slot]
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot): boolean {
    const { window, value } = slot as WindowSlot<V>
    builder.put(key, namespaceOf(window), this.#form === undefined ? value : this.#form.encode(value))
    return true
  }

  drop(): void {}

  namespaceOf(slot: Slot): readonly [number, number] {
    return namespaceOf((slot as WindowSlot<V>).window)
  }

  restore(restored: RestoredOperator): void {
    const form = this.#form
    for (const { key, namespace, value } of restored.keyed(this.#name)) {
      this.set(key, windowFrom(namespace), form === undefined ? value as V : form.decode(value))
    }
  }

  #slotOf(key: Key, window: Window): WindowSlot<V> | undefined {
    return this.#keys.get(key)?.get(window.start)
  }
}

export function windowSnapshot(name: string, maxParallelism: number, extent: Extent = 'whole'): KeyedSnapshotBuilder {
  return new KeyedSnapshotBuilder({ name, kind: 'window', version: 1, extent, maxParallelism })
}

export const namespaceOf = (window: Window): readonly [number, number] => [window.start, window.end]

export function windowFrom(namespace: unknown): Window {
  const [start, end] = namespace as readonly [number, number]
  return Object.freeze({ start, end })
}
