/**
 * Names in a state directory: the only place that makes or takes apart one.
 *
 *   DIR/job.json                              identity of the directory
 *   DIR/epochs/<epoch>.json                   one writer's term, claimed by link()
 *   DIR/epochs/<epoch>.start.json             what that term went on from, written after the claim
 *   DIR/checkpoints/<id>.manifest             a completed checkpoint, claimed by link()
 *   DIR/checkpoints/<id>/e<epoch>-<p>.state   segments written by process p of that epoch
 *   DIR/checkpoints/<id>/trace.jsonl          what happened, for people
 *   DIR/completed-<lineage>                   this lineage has completed a checkpoint
 *   DIR/finished-<lineage>-<id>               the job ended with that checkpoint, all is committed
 *   DIR/origin.json                           what this directory was begun from, if from elsewhere
 *   DIR/label-<id>-<name>                     somebody gave that checkpoint a name: it is kept
 *   .tmp-e<epoch>-<what>-<salt>               in any of them: not yet claimed
 *   .tmp-e<epoch>-removing-<id>               checkpoints up to that one may be on their way out
 *
 *   SAVEPOINT/savepoint.json                  says that the savepoint is whole; claimed by link(), last
 *   SAVEPOINT/checkpoints/…                   one checkpoint, named as in a state directory
 *   SAVEPOINT/.taking                         somebody writes here, or died while doing so
 *   SAVEPOINT/claimed.json                    it belongs to the job that began from it
 *
 * Called by everything in checkpoint/.
 *
 *   LY-1  A name read from disk is either exactly a name this file makes, or unknown: numbers have
 *         no sign, no leading zero and stay within the safe integers.
 *   LY-2  A file named in a manifest is a plain name inside that checkpoint's own directory.
 *
 * Source: decisions D7, D8 and S12 of the reliability notes; own design.
 */
import type { CheckpointId, Epoch } from '../base/ids.ts'

export const jobFile = (dir: string): string => `${dir}/job.json`
export const ORIGIN_FILE = 'origin.json'
export const originFile = (dir: string): string => `${dir}/${ORIGIN_FILE}`
export const savepointFile = (dir: string): string => `${dir}/savepoint.json`
export const claimedFile = (dir: string): string => `${dir}/claimed.json`
export const takingFile = (dir: string): string => `${dir}/.taking`
export const epochsDirectory = (dir: string): string => `${dir}/epochs`
export const epochFile = (dir: string, n: number): string => `${dir}/epochs/${n}.json`
export const epochStartFile = (dir: string, n: number): string => `${dir}/epochs/${n}.start.json`
export const checkpointsDirectory = (dir: string): string => `${dir}/checkpoints`
export const manifestFile = (dir: string, id: number): string => `${dir}/checkpoints/${id}.manifest`
export const checkpointDirectory = (dir: string, id: number): string => `${dir}/checkpoints/${id}`
export const checkpointFile = (dir: string, id: number, name: string): string =>
  `${dir}/checkpoints/${id}/${name}`
export const stateFileName = (epoch: number, process: string): string => `e${epoch}-${process}.state`
export const TRACE_FILE = 'trace.jsonl'
export const completedFile = (dir: string, lineage: number): string => `${dir}/completed-${lineage}`
export const finishedFile = (dir: string, lineage: number, id: number): string =>
  `${dir}/finished-${lineage}-${id}`
export const labelFile = (dir: string, id: number, name: string): string => `${dir}/label-${id}-${name}`
export const temporaryName = (epoch: number, what: string, salt: number): string =>
  `.tmp-e${epoch}-${what}-${salt.toString(36)}`
export const removingFile = (dir: string, epoch: number, id: number): string => `${dir}/.tmp-e${epoch}-removing-${id}`

const NUMBER = '(0|[1-9][0-9]{0,15})'
/** Lower case alone: some file systems do not tell the cases apart. */
const LABEL = '[a-z0-9][a-z0-9._-]{0,63}'
const PATTERNS = {
  epoch: new RegExp(`^${NUMBER}\\.json$`),
  epochStart: new RegExp(`^${NUMBER}\\.start\\.json$`),
  manifest: new RegExp(`^${NUMBER}\\.manifest$`),
  directory: new RegExp(`^${NUMBER}$`),
  state: new RegExp(`^e${NUMBER}-[a-z0-9-]{1,32}\\.state$`),
  temporary: new RegExp(`^\\.tmp-e${NUMBER}-[a-z0-9-]+$`),
  completed: new RegExp(`^completed-${NUMBER}$`),
  finished: new RegExp(`^finished-${NUMBER}-${NUMBER}$`),
  label: new RegExp(`^label-${NUMBER}-(${LABEL})$`),
  removing: new RegExp(`^\\.tmp-e${NUMBER}-removing-${NUMBER}$`),
  labelTemporary: new RegExp(`^\\.tmp-e${NUMBER}-label-`),
  labelName: new RegExp(`^${LABEL}$`),
} as const

function numberIn(pattern: RegExp, name: string, group = 1): number | undefined {
  const match = pattern.exec(name)
  if (match === null) return undefined
  const n = Number(match[group])
  return Number.isSafeInteger(n) ? n : undefined
}

/** The numbers that names held, without the names that held none. */
export const ascending = <N extends number>(numbers: readonly (N | undefined)[]): N[] =>
  numbers.filter((n) => n !== undefined).toSorted((a, b) => a - b)

const positive = (n: number | undefined): number | undefined => (n === undefined || n < 1 ? undefined : n)

export const parseEpochFile = (name: string): Epoch | undefined =>
  positive(numberIn(PATTERNS.epoch, name)) as Epoch | undefined
export const parseEpochStartFile = (name: string): Epoch | undefined =>
  positive(numberIn(PATTERNS.epochStart, name)) as Epoch | undefined
export const parseManifestFile = (name: string): CheckpointId | undefined =>
  positive(numberIn(PATTERNS.manifest, name)) as CheckpointId | undefined
export const parseCheckpointDirectory = (name: string): CheckpointId | undefined =>
  positive(numberIn(PATTERNS.directory, name)) as CheckpointId | undefined
/** The epoch of a state file. */
export const parseStateFile = (name: string): Epoch | undefined =>
  positive(numberIn(PATTERNS.state, name)) as Epoch | undefined
/** The epoch of a temporary file; 0 for those made before an epoch was claimed. */
export const parseTemporary = (name: string): number | undefined => numberIn(PATTERNS.temporary, name)
/** The lineage of a mark that a checkpoint was completed. */
export const parseCompleted = (name: string): number | undefined => numberIn(PATTERNS.completed, name)
export function parseFinished(name: string): { lineage: number; checkpoint: number } | undefined {
  const lineage = numberIn(PATTERNS.finished, name)
  const checkpoint = numberIn(PATTERNS.finished, name, 2)
  return lineage === undefined || checkpoint === undefined ? undefined : { lineage, checkpoint }
}
/** The highest number that may be on its way out. */
export const parseRemoving = (name: string): number | undefined => numberIn(PATTERNS.removing, name, 2)
/** Somebody may be giving a label (labels.ts). */
export const isLabelTemporary = (name: string): boolean => PATTERNS.labelTemporary.test(name)
export const isLabelName = (name: string): boolean => PATTERNS.labelName.test(name)
export function parseLabel(name: string): { checkpoint: CheckpointId; name: string } | undefined {
  const checkpoint = positive(numberIn(PATTERNS.label, name)) as CheckpointId | undefined
  const label = PATTERNS.label.exec(name)?.[2]
  return checkpoint === undefined || label === undefined ? undefined : { checkpoint, name: label }
}
