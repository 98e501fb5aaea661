/**
 * Functions that are compiled at run time, for objects of one stable shape; with what replaces them.
 *
 * Used where each record is made or read. Generated source holds no text from data but field names, and of
 * those only plain identifiers, as string literals; any other name (and `__proto__`, which an object literal
 * would take for the prototype) goes to code that is not generated.
 */
const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/

/** True if source may hold these names. */
export const canGenerate = (names: readonly string[]): boolean =>
  names.every((name) => PLAIN_NAME.test(name) && name !== '__proto__')

/**
 * Compiles `body` as a function of `parameters`; undefined where the process forbids generated code
 * (--disallow-code-generation-from-strings).
 */
export function generate<F>(parameters: readonly string[], body: string): F | undefined {
  try {
    // The body holds no text from data (see above), which is what makes this different from eval.
    // oxlint-disable-next-line no-implied-eval
    return new Function(...parameters, `'use strict';${body}`) as F
  } catch {
    return undefined
  }
}

/** Sets an own property, also one that is called `__proto__`. */
export function setField(row: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(row, name, { value, writable: true, enumerable: true, configurable: true })
  } else {
    row[name] = value
  }
}
