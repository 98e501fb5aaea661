/**
 * Makes row objects of one stable shape: generated code where allowed, a loop otherwise.
 *
 * Called once per split by csv.
 */
import { canGenerate, generate, setField } from '../base/generated-code.ts'

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
