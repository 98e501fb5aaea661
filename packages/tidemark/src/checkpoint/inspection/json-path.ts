/** Where two JSON values differ. */

/** Path of the first difference, as `.field[3]`; undefined: none. Order of fields counts, and -0 is not 0. */
export function differingPath(a: unknown, b: unknown): string | undefined {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b) ? undefined : ''
  if (Array.isArray(a) !== Array.isArray(b)) return ''
  const [left, right] = [Object.entries(a), Object.entries(b)]
  for (const [i, [key, item]] of left.entries()) {
    const other = right[i]
    if (other === undefined || other[0] !== key) return ''
    const path = differingPath(item, other[1])
    if (path !== undefined) return `${Array.isArray(a) ? `[${key}]` : `.${key}`}${path}`
  }
  return left.length === right.length ? undefined : ''
}
