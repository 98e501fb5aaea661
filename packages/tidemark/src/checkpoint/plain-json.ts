/** Any value that can be in state, as JSON for people: what JSON lacks becomes a telling string. */

const MOST_BYTES = 32

export function toPlainJson(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return `${value}n`
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : ofObject(value)
    default:
      return `[${typeof value}]`
  }
}

function ofObject(value: object): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (Array.isArray(value)) return value.map(toPlainJson)
  if (value instanceof Map) return [...value].map(([key, item]) => [toPlainJson(key), toPlainJson(item)])
  if (value instanceof Set) return [...value].map(toPlainJson)
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    const hex = Array.from(bytes.subarray(0, MOST_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('')
    return `0x${hex}${bytes.length > MOST_BYTES ? `… (${bytes.length} bytes)` : ''}`
  }
  // fromEntries defines own properties, so a key `__proto__` stays a key.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlainJson(item)]))
}
