/**
 * Makes row objects of one stable shape: generated code where allowed, a loop otherwise.
 *
 * Called once per split by csv and parquet. Generated source holds no text from data but the field
 * names, and of those only plain identifiers, as string literals; any other name (and `__proto__`,
 * which an object literal would take for the prototype) goes to the loop.
 */

const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/

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

/** A function that makes `{name: fields[index]}` of the given names and indexes. */
export function fieldPicker(
  names: readonly string[], indexes: readonly number[],
): (fields: readonly string[]) => Record<string, string> {
  if (canGenerate(names)) {
    const parts = names.map((name, i) => `${JSON.stringify(name)}:f[${Number(indexes[i])}]`)
    const made = generate<(fields: readonly string[]) => Record<string, string>>(['f'], `return {${parts.join(',')}}`)
    if (made !== undefined) return made
  }
  return (fields) => {
    const row: Record<string, string> = {}
    names.forEach((name, i) => setField(row, name, fields[indexes[i] as number]))
    return row
  }
}
