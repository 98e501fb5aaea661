/**
 * Deep freezing of what is handed to user code in dev, tests and the harness.
 *
 * Freezes plain objects and arrays all the way down, also inside Map and Set. Not frozen, because
 * JavaScript cannot: the contents of Map, Set, Date, ArrayBuffer and typed arrays as changed through
 * their own methods. An object that is frozen already is taken to be frozen below, too, which makes
 * a second call cheap. Objects of other classes are left alone: freezing would break them.
 */
import { isPlainObject } from './plain.ts'

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) freezeObject(value)
  return value
}

function freezeObject(value: object): void {
  if (Object.isFrozen(value)) return
  if (Array.isArray(value)) {
    // Frozen before its contents, so that a cycle ends here.
    Object.freeze(value)
    for (const item of value) deepFreeze(item)
  } else if (value instanceof Map) {
    Object.freeze(value)
    for (const [key, item] of value) {
      deepFreeze(key)
      deepFreeze(item)
    }
  } else if (value instanceof Set) {
    Object.freeze(value)
    for (const item of value) deepFreeze(item)
  } else if (isPlainObject(value)) {
    Object.freeze(value)
    const record = value as Record<string, unknown>
    for (const key of Object.keys(record)) deepFreeze(record[key])
  }
}
