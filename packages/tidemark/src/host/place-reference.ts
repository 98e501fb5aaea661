/** `DIR#REF`: a checkpoint of a place, in one word. Called by the command line and by `startJob({ from })`. */
import { existsSync } from 'node:fs'
import { isReference } from '../checkpoint/references.ts'

/** Of `DIR` or `DIR#REF`. A directory may have such a name itself. */
export function splitReference(given: string): { readonly path: string; readonly ref?: string } {
  const mark = given.lastIndexOf('#')
  const ref = given.slice(mark + 1)
  return mark < 1 || !isReference(ref) || existsSync(given) ? { path: given } : { path: given.slice(0, mark), ref }
}
