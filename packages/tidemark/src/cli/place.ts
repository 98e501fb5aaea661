/**
 * Which checkpoint of which directory a command line means: one form for all commands.
 *
 *   DIR            its latest checkpoint
 *   DIR REF        with `--at REF` where other arguments follow
 *   DIR#REF        the same in one word; the only form for a second directory
 *   REF --state DIR
 *
 * DIR is a state directory or a savepoint, on this machine or s3://BUCKET/PREFIX; REF is latest, latest-1, a number or
 * @label (checkpoint/references.ts).
 * Called by the commands that look at checkpoints.
 */
import { existsSync, statSync } from 'node:fs'
import { isReference } from '../checkpoint/references.ts'
import { E099_NOT_FOUND } from '../host/load/errors.ts'
import { splitReference } from '../host/place-reference.ts'
import { isRemote, resolvePlace } from '../host/places.ts'
import { E095_COMMAND_LINE } from './errors.ts'

export interface CheckpointPlace {
  readonly directory: string
  readonly ref: string
}

/** Of `DIR` or `DIR#REF`, with the reference that stands elsewhere. Throws E095, E099. */
export function placeOf(given: string, at?: string): CheckpointPlace {
  const { path, ref } = splitReference(given)
  if (ref !== undefined && at !== undefined) {
    throw E095_COMMAND_LINE({
      problem: `Two checkpoints are named: #${ref} and ${at}.`, hints: ['leave one of them away'],
    })
  }
  return { directory: stateDirectory(path), ref: ref ?? at ?? 'latest' }
}

/** Of a reference, or of another directory as `DIR` or `DIR#REF`. */
export function placeIn(directory: string, given: string): CheckpointPlace {
  return isReference(given) ? { directory, ref: given } : placeOf(given)
}

/** Of `DIR [REF]`, or of `[REF] --state DIR`. */
export function placeFrom(
  first: string | undefined, second: string | undefined, state: string | undefined,
): CheckpointPlace {
  if (state !== undefined) {
    if (second === undefined) return placeOf(state, first)
    throw E095_COMMAND_LINE({
      problem: `"${second}" is one argument too many.`, hints: ['with --state only the checkpoint is named'],
    })
  }
  if (first === undefined || (second === undefined && isReference(first) && !existsSync(first))) throw noDirectory()
  return placeOf(first, second)
}

/** Of `DIR`, or of `--state DIR`. */
export function directoryFrom(given: string | undefined, state: string | undefined): string {
  const directory = given ?? state
  if (directory === undefined) throw noDirectory()
  return stateDirectory(directory)
}

const noDirectory = (): Error =>
  E095_COMMAND_LINE({
    problem: 'The state directory is missing.',
    hints: ['name it first, or after --state: tidemark checkpoint show .tidemark/flights latest'],
  })

/** Of an argument; throws E099 where there is none. Of one in object storage whoever reads it learns that. */
export function stateDirectory(given: string): string {
  const path = resolvePlace(given)
  if (isRemote(path)) return path
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path
  throw E099_NOT_FOUND({
    what: 'state directory', path,
    hints: ['give the directory that `tidemark run` was given as --state', 'its default is .tidemark/<job>'],
  })
}
