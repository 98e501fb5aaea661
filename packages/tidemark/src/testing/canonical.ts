/**
 * Values as text: equal values, equal text, whatever the order of their fields.
 *
 * For comparing outputs as multisets and for showing them. `1`, `1n` and `'1'` differ.
 */
import { inspect } from 'node:util'
import type { Key } from '../graph/key.ts'
import { isPlainObject } from '../record/plain.ts'

export function canonical(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'bigint':
      return `${value}n`
    case 'object':
      return value === null ? 'null' : canonicalObject(value)
    case 'number':
      return Object.is(value, -0) ? '0' : String(value)
    default:
      return String(value)
  }
}

function canonicalObject(value: object): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => `${canonical(key)}=>${canonical(item)}`)
    return `Map{${entries.toSorted().join(',')}}`
  }
  if (value instanceof Set) return `Set{${[...value].map(canonical).toSorted().join(',')}}`
  if (!isPlainObject(value)) return inspect(value, { depth: 8, sorted: true, breakLength: Infinity })
  const record = value as Record<string, unknown>
  const fields = Object.keys(record).toSorted().map((key) => `${JSON.stringify(key)}:${canonical(record[key])}`)
  return `{${fields.join(',')}}`
}

export const encodeKeyText = (key: Key): string => `${typeof key}:${String(key)}`
