/**
 * Says where and why a value cannot be stored. The slow twin of value-codec.ts.
 *
 * The codec refuses in the middle of a fast loop that keeps no path; this walk finds the place again
 * for the message. It is also run where user code writes state in dev and tests, so that the error
 * comes at the line that caused it and not at the next checkpoint.
 *
 *   VC-1  It finds something whenever `encodeValue` refuses the value, and besides that only fields
 *         named by a symbol, which the codec leaves out.
 */
import type { StreamError } from '../base/errors.ts'
import { E071_UNSTORABLE_VALUE, type UnstorableValue } from './errors.ts'
import { describeKind, isPlainObject } from './plain.ts'
import { formatPath, type PathStep } from './value-path.ts'
import { MAX_DEPTH, typedArrayIndex } from './value-tags.ts'

/** E071 with the place, or nothing. */
export function checkStorable(value: unknown): void {
  const problem = findUnstorable(value)
  if (problem !== undefined) throw E071_UNSTORABLE_VALUE(problem)
}

/** For a value that the codec refused. */
export function unstorable(value: unknown): StreamError {
  return E071_UNSTORABLE_VALUE(findUnstorable(value) ?? {
    path: '', found: 'something that changes while it is read', fix: 'store plain data without getters',
  })
}

export function findUnstorable(value: unknown): UnstorableValue | undefined {
  return walk(value, [], [])
}

const FIX_PLAIN = 'store a plain object with the fields needed, and build the instance when it is read'

function walk(value: unknown, path: PathStep[], above: object[]): UnstorableValue | undefined {
  switch (typeof value) {
    case 'undefined':
    case 'boolean':
    case 'number':
    case 'bigint':
    case 'string':
      return undefined
    case 'function':
    case 'symbol':
      return at(path, describeKind(value), 'leave it out, or store the data it is made from')
  }
  if (value === null) return undefined
  const object: object = value as object
  if (above.includes(object)) {
    return at(path, 'a reference back to what holds it (a cycle)', 'store ids instead of references')
  }
  if (above.length >= MAX_DEPTH) {
    return at(path.slice(0, 3), `nested more than ${MAX_DEPTH} levels deep`, 'store a flat list instead')
  }
  above.push(object)
  const problem = walkObject(object, path, above)
  above.pop()
  return problem
}

function walkObject(object: object, path: PathStep[], above: object[]): UnstorableValue | undefined {
  const proto: unknown = Object.getPrototypeOf(object)
  const inside = (step: PathStep, value: unknown): UnstorableValue | undefined => {
    path.push(step)
    const problem = walk(value, path, above)
    path.pop()
    return problem
  }
  if (Array.isArray(object)) {
    if (proto !== Array.prototype) return at(path, describeKind(object), FIX_PLAIN)
    for (let i = 0; i < object.length; i++) {
      if (!(i in object)) return at([...path, i], 'a hole in an array', 'fill it with null or undefined')
      const problem = inside(i, object[i])
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (proto === Map.prototype) {
    for (const [key, item] of object as Map<unknown, unknown>) {
      const step = typeof key === 'string' || typeof key === 'number' ? key : describeStep(key)
      const problem = inside(step, key) ?? inside(step, item)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (proto === Set.prototype) {
    let i = 0
    for (const item of object as Set<unknown>) {
      const problem = inside(i++, item)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (proto === Date.prototype || proto === ArrayBuffer.prototype) return undefined
  if (ArrayBuffer.isView(object) && typedArrayIndex(object) >= 0) return undefined
  if (!isPlainObject(object)) return at(path, describeKind(object), FIX_PLAIN)
  const symbol = Object.getOwnPropertySymbols(object)[0]
  if (symbol !== undefined) {
    return at([...path, symbol], 'a field named by a symbol', 'name the field by a string')
  }
  for (const key of Object.keys(object)) {
    const problem = inside(key, (object as Record<string, unknown>)[key])
    if (problem !== undefined) return problem
  }
  return undefined
}

function describeStep(key: unknown): string {
  return typeof key === 'bigint' || typeof key === 'boolean' ? `${key}` : describeKind(key)
}

function at(path: readonly PathStep[], found: string, fix: string): UnstorableValue {
  return { path: formatPath(path), found, fix }
}
