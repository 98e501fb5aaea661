/**
 * Values of state as JSON that loses nothing: what JSON cannot say is an object with one key that begins with $.
 *
 *   undefined            {"$undefined": true}
 *   NaN, Infinity, -0    {"$number": "NaN"}
 *   bigint               {"$bigint": "123"}
 *   Date                 {"$date": "2001-01-01T00:00:00.000Z"}, {"$date": null} if it is invalid
 *   Map, Set             {"$map": [[key, value], …]}, {"$set": [item, …]}
 *   typed array          {"$bytes": "base64 of the bytes in memory", "as": "Float64Array"}
 *   ArrayBuffer          {"$bytes": "base64", "as": "ArrayBuffer"}
 *   null prototype       {"$bare": [["field", value], …]}
 *   a field "$…"         {"$object": [["$field", value], …]}
 *
 * Called by `state get`, `query`, `export` and `checkpoint diff`.
 *
 *   TG-1  `fromTaggedJson(JSON.parse(JSON.stringify(toTaggedJson(v))))` is v for every v that state can hold,
 *         by the measure of record/value-codec.ts.
 *   TG-2  Different values have different JSON.
 */
import { assert } from '../../base/assert.ts'
import { TYPED_ARRAYS, typedArrayIndex } from '../../record/value-tags.ts'
import { fromBase64, toBase64 } from './base64.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export function toTaggedJson(value: unknown): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value
      return { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint':
      return { $bigint: String(value) }
    case 'undefined':
      return { $undefined: true }
    default:
      assert(typeof value === 'object', 'state holds neither functions nor symbols')
      return value === null ? null : ofObject(value)
  }
}

function ofObject(value: object): Json {
  if (Array.isArray(value)) return value.map(toTaggedJson)
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() }
  if (value instanceof Map) return { $map: [...value].map(([key, item]) => [toTaggedJson(key), toTaggedJson(item)]) }
  if (value instanceof Set) return { $set: [...value].map(toTaggedJson) }
  if (value instanceof ArrayBuffer) return { $bytes: toBase64(new Uint8Array(value)), as: 'ArrayBuffer' }
  if (ArrayBuffer.isView(value)) {
    const as = TYPED_ARRAYS[typedArrayIndex(value)]?.name
    assert(as !== undefined, 'the value codec knows the typed array')
    return { $bytes: toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)), as }
  }
  const fields = Object.entries(value).map(([key, item]) => [key, toTaggedJson(item)] as const)
  if (Object.getPrototypeOf(value) === null) return { $bare: fields }
  // fromEntries defines own properties, so a key `__proto__` stays a key.
  return fields.some(([key]) => key.startsWith('$')) ? { $object: fields } : Object.fromEntries(fields)
}

/** Throws `RangeError` on what `toTaggedJson` did not make. */
export function fromTaggedJson(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map(fromTaggedJson)
  const fields = Object.entries(json)
  const [tag, held] = fields[0] ?? ['', undefined]
  if (!tag.startsWith('$')) return Object.fromEntries(fields.map(([key, item]) => [key, fromTaggedJson(item)]))
  return ofTag(tag, held, fields)
}

function ofTag(tag: string, held: unknown, fields: readonly (readonly [string, unknown])[]): unknown {
  switch (tag) {
    case '$undefined':
      return undefined
    case '$number':
      return Number(held)
    case '$bigint':
      return BigInt(textOf(held))
    case '$date':
      return new Date(held === null ? NaN : textOf(held))
    case '$map':
      return new Map(pairsOf(held).map(([key, item]) => [fromTaggedJson(key), fromTaggedJson(item)]))
    case '$set':
      return new Set(listOf(held).map(fromTaggedJson))
    case '$object':
      return record({}, held)
    case '$bare':
      return record(Object.create(null) as object, held)
    case '$bytes':
      return bytesAs(fromBase64(textOf(held)), fields[1]?.[1])
  }
  throw new RangeError(`${tag} is no tag`)
}

function record(into: object, held: unknown): object {
  for (const [key, item] of pairsOf(held)) {
    const value = fromTaggedJson(item)
    Object.defineProperty(into, textOf(key), { value, writable: true, enumerable: true, configurable: true })
  }
  return into
}

function bytesAs(bytes: Uint8Array, as: unknown): unknown {
  const buffer = bytes.slice().buffer
  if (as === 'ArrayBuffer') return buffer
  const maker = TYPED_ARRAYS.find(({ name }) => name === as)
  if (maker === undefined) throw new RangeError(`${String(as)} is no typed array`)
  return new maker(buffer)
}

function textOf(held: unknown): string {
  if (typeof held === 'string') return held
  throw new RangeError('a string belongs here')
}

function listOf(held: unknown): readonly unknown[] {
  if (Array.isArray(held)) return held
  throw new RangeError('a list belongs here')
}

const pairsOf = (held: unknown): (readonly [unknown, unknown])[] =>
  listOf(held).map((pair) => {
    const [key, value] = listOf(pair)
    return [key, value]
  })
