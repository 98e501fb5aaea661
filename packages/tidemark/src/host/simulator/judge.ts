/**
 * Which errors the faults of a world explain; any other is a violation, even if the job recovers.
 *
 * Called by the simulator for every restart and every failed end.
 */
import { isStreamError, type StreamError } from '../../base/errors.ts'
import type { Faults } from './faults.ts'
import { POISONED } from './world.ts'

const STORAGE: readonly string[] = ['E052', 'E053']
/** The cause of E041 where a checkpoint could not have its number. */
const TAKEN = 'is taken by a writer that was succeeded'
const DAMAGED: readonly string[] = ['E044', 'E045', 'E050', 'E057', 'E059']

export interface Circumstances {
  /** A bit of the state directory is flipped right now. */
  readonly flipped: boolean
  /** An epoch was claimed while this process and one that was given up were both at work. */
  readonly rivalClaim: boolean
  /** A worker thread has died. */
  readonly lost: boolean
}

export function isExplained(error: StreamError, faults: Faults, { flipped, rivalClaim, lost }: Circumstances): boolean {
  const failing = faults.ioErrorOneIn > 0 || faults.commitFailsOneIn > 0
  if (failing && isStorageError(error)) return true
  if (faults.poison.length > 0 && error.message.includes(POISONED)) return true
  const slow = faults.slowSyncMs > 0 || faults.hangOneIn > 0
  if (error.code === 'E041' && (failing || slow)) return true
  if (flipped && isDamage(error)) return true
  if (lost && error.code === 'E086') return true
  // Fenced, or the other one has used a number that was to be the next.
  return rivalClaim && (error.code === 'E046' || (error.code === 'E041' && isTaken(error.cause)))
}

const isTaken = (cause: unknown): boolean => cause instanceof Error && cause.message.includes(TAKEN)

export const isDamage = (error: StreamError): boolean => error.kind === 'corrupt' || DAMAGED.includes(error.code)

/** An injected error of storage, or one that was caused by it. */
export function isStorageError(error: StreamError): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isStreamError(cause) && STORAGE.includes(cause.code)) return true
  }
  return false
}

export function describeError(thrown: unknown): string {
  if (isStreamError(thrown)) {
    const cause = thrown.cause instanceof Error ? `\n${thrown.cause.stack}` : ''
    return `${thrown.code} ${thrown.message}${cause}`
  }
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}
