/** What counts as a plain object: made by a literal, by Object.create(null), or so in another realm. */
export function isPlainObject(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto === Object.prototype || proto === null) return true
  // Object.prototype of another realm (node:vm, some test runners): a root that owns hasOwnProperty.
  return Object.getPrototypeOf(proto) === null && Object.hasOwn(proto as object, 'hasOwnProperty') &&
    Object.prototype.toString.call(value) === '[object Object]'
}

/** A short name for any value, for messages: `a function`, `an instance of Session`. */
export function describeKind(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
  if (typeof value === 'symbol') return `the symbol ${String(value)}`
  if (typeof value !== 'object') return `a ${typeof value}`
  const maker = (value as { constructor?: unknown }).constructor
  const name = typeof maker === 'function' ? maker.name : ''
  return name === '' ? 'an object with a prototype of its own' : `an instance of ${name}`
}
