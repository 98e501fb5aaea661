/**
 * Names of output files: staged and final.
 *
 * Called by the file sink's writer and committer. A staged name holds job id, operator, epoch, subtask
 * and part number, so that leftovers can be told from what belongs to others by name alone.
 *
 * Invariants
 *   FN-1  Staged names start with '.'; final names never do.
 *   FN-2  A field of a name holds only A-Z a-z 0-9 '_' and '-', with '%' for the rest: no path can come
 *         from data, and '~' only separates fields.
 */
import { murmur3 } from '../base/hash.ts'

const LONGEST_FIELD = 60

/** The name as a part of a file name: readable, reversible for short names, cut with a hash for long ones. */
export function nameField(name: string): string {
  const bytes = new TextEncoder().encode(name)
  let field = ''
  for (const byte of bytes) {
    const unit = String.fromCharCode(byte)
    field += /[A-Za-z0-9_-]/.test(unit) ? unit : `%${byte.toString(16).padStart(2, '0')}`
  }
  if (field.length <= LONGEST_FIELD) return field
  return `${field.slice(0, LONGEST_FIELD - 9)}%${(murmur3(bytes) >>> 0).toString(16).padStart(8, '0')}`
}

export interface PartName {
  readonly jobId: string
  readonly operator: string
  readonly epoch: number
  readonly subtask: number
  readonly part: number
}

/** What the staged names of one operator of one job begin with. */
export const stagedPrefix = (jobId: string, operator: string): string =>
  `.tidemark~${nameField(jobId)}~${nameField(operator)}~`

export const stagedName = (name: PartName): string =>
  `${stagedPrefix(name.jobId, name.operator)}${name.epoch}~${name.subtask}~${name.part}`

export const finalName = (name: PartName, ending: string): string =>
  `${nameField(name.operator)}-${name.subtask}-${name.epoch}-${name.part}.${ending}`

/** The largest part number among `names` of this epoch and subtask, 0 if there is none. */
export function largestPart(names: readonly string[], name: Omit<PartName, 'part'>, ending: string): number {
  const staged = stagedName({ ...name, part: 0 }).slice(0, -1)
  const final = finalName({ ...name, part: 0 }, ending).slice(0, -ending.length - 2)
  let largest = 0
  for (const candidate of names) {
    const rest = candidate.startsWith(staged)
      ? candidate.slice(staged.length)
      : candidate.startsWith(final) && candidate.endsWith(`.${ending}`)
        ? candidate.slice(final.length, -ending.length - 1)
        : ''
    if (/^\d{1,15}$/.test(rest)) largest = Math.max(largest, Number(rest))
  }
  return largest
}
