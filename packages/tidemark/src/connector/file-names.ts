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
 *   FN-3  A final name holds the number of the checkpoint for which its part was first reported. Nothing
 *         is committed before that one or a later one is complete, and numbers are never used again.
 */
import { murmur3 } from '../base/hash.ts'

const LONGEST_FIELD = 60
const JOB_CHARS = 8

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

/** The epoch in a staged name of this operator of this job; undefined if it is none. */
export function stagedEpoch(name: string, jobId: string, operator: string): number | undefined {
  const prefix = stagedPrefix(jobId, operator)
  const match = name.startsWith(prefix) ? /^(\d{1,15})~\d{1,15}~\d{1,15}$/.exec(name.slice(prefix.length)) : null
  return match === null ? undefined : Number(match[1])
}

/** What the final names of one operator of one job begin with. */
const finalPrefix = (jobId: string, operator: string): string =>
  `${nameField(operator)}-${nameField(jobId).slice(0, JOB_CHARS)}-`

export const finalName = (name: PartName, checkpoint: number, ending: string): string =>
  `${finalPrefix(name.jobId, name.operator)}${name.subtask}-${name.epoch}-${checkpoint}-${name.part}.${ending}`

const FINAL = /^(\d{1,15})-(\d{1,15})-(\d{1,15})-(\d{1,15})\.[a-z]+$/

/** The numbers in a final name of this operator of this job; undefined if it is none. */
export function parseFinal(
  name: string, jobId: string, operator: string,
): { readonly subtask: number; readonly epoch: number; readonly checkpoint: number; readonly part: number } | undefined {
  const prefix = finalPrefix(jobId, operator)
  const match = name.startsWith(prefix) ? FINAL.exec(name.slice(prefix.length)) : null
  if (match === null) return undefined
  const [subtask, epoch, checkpoint, part] = match.slice(1).map(Number) as [number, number, number, number]
  return { subtask, epoch, checkpoint, part }
}

/** The largest part number among `names` of this epoch and subtask, 0 if there is none. */
export function largestPart(names: readonly string[], name: Omit<PartName, 'part'>): number {
  const staged = stagedName({ ...name, part: 0 }).slice(0, -1)
  let largest = 0
  for (const candidate of names) {
    const rest = candidate.startsWith(staged) ? candidate.slice(staged.length) : ''
    if (/^\d{1,15}$/.test(rest)) largest = Math.max(largest, Number(rest))
    const final = parseFinal(candidate, name.jobId, name.operator)
    if (final?.epoch === name.epoch && final.subtask === name.subtask) largest = Math.max(largest, final.part)
  }
  return largest
}
