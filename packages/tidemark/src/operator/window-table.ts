/**
 * Values per key and window, as keyed state with the window as its namespace.
 *
 * Owned by the general window operator: one table for contents, one for the triggers' numbers.
 *
 *   WT-1  Within a key a start names at most one window: tumbling and sliding windows have one size,
 *         sessions never touch (SN-1). So the start alone is the key of the inner map.
 */
import type { Key } from '../graph/key.ts'
import type { Window } from '../graph/window-spec.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { Extent, KeyedStateSnapshot, RestoredOperator } from '../state/snapshot.ts'

interface Slot<V> {
  readonly window: Window
  value: V
}

export class WindowTable<V> {
  readonly #name: string
  readonly #keys = new Map<Key, Map<number, Slot<V>>>()

  constructor(name: string) {
    this.#name = name
  }

  get(key: Key, window: Window): V | undefined {
    return this.#keys.get(key)?.get(window.start)?.value
  }

  set(key: Key, window: Window, value: V): void {
    let windows = this.#keys.get(key)
    if (windows === undefined) {
      windows = new Map()
      this.#keys.set(key, windows)
    }
    const slot = windows.get(window.start)
    if (slot !== undefined && slot.window.end === window.end) slot.value = value
    else windows.set(window.start, { window, value })
  }

  delete(key: Key, window: Window): void {
    const windows = this.#keys.get(key)
    if (windows === undefined) return
    windows.delete(window.start)
    if (windows.size === 0) this.#keys.delete(key)
  }

  /** Removes and returns. */
  take(key: Key, window: Window): V | undefined {
    const value = this.get(key, window)
    this.delete(key, window)
    return value
  }

  snapshot(maxParallelism: number, encode: (value: V) => unknown): KeyedStateSnapshot {
    const builder = windowSnapshot(this.#name, maxParallelism)
    for (const [key, windows] of this.#keys) {
      for (const { window, value } of windows.values()) builder.put(key, namespaceOf(window), encode(value))
    }
    return builder.build()
  }

  restore(restored: RestoredOperator, decode: (value: unknown) => V): void {
    for (const { key, namespace, value } of restored.keyed(this.#name)) {
      this.set(key, windowFrom(namespace), decode(value))
    }
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
