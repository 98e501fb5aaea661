/**
 * A copy of a record, as a real source would make a new one each time it reads.
 *
 * Called by feed.ts. The engine freezes what it hands to user code; without a copy it would freeze
 * the fixtures of the test. Objects of other classes are passed on as they are.
 */
import { isPlainObject } from '../record/plain.ts'

export function cloneRecord(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(cloneRecord)
  if (value instanceof Date) return new Date(value.getTime())
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [cloneRecord(key), cloneRecord(item)]))
  }
  if (value instanceof Set) return new Set([...value].map(cloneRecord))
  if (!isPlainObject(value)) return value
  const copy = Object.create(Object.getPrototypeOf(value)) as Record<string, unknown>
  for (const [key, item] of Object.entries(value)) {
    // Not an assignment: a field called __proto__ is a field like any other.
    const field = { value: cloneRecord(item), writable: true, enumerable: true, configurable: true }
    Object.defineProperty(copy, key, field)
  }
  return copy
}
