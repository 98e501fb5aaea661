/**
 * What it means to stop a job, as data: asked for, and come to.
 *
 * Made by signals, by `tidemark stop` and by a change of the parallelism (host/live-rescale.ts); carried out by the
 * supervisor.
 */
import type { StreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { E155_NOT_STOPPED } from '../checkpoint/errors-savepoint.ts'
import type { SavepointOutcome } from '../checkpoint/live-savepoint.ts'
import type { RequestOutcome } from '../checkpoint/request-decider.ts'

export interface StopRequest {
  /** The input ends here: windows fire, and the job is finished for good. Else it may go on later, exactly. */
  readonly drain?: boolean
  /** Absolute path for a savepoint of the last checkpoint. */
  readonly savepoint?: string
  /** How it is said that the job goes on; E155 if nothing else is. */
  readonly refusal?: (details: { readonly problem: string }, options: { readonly cause?: StreamError }) => StreamError
  /** Who asked is answered; without it (a signal) stopping is tried until it works. */
  readonly answer?: (outcome: StopOutcome) => void
}

export type StopOutcome =
  | {
      readonly kind: 'stopped'
      /** Undefined: it was between two attempts, and the next start goes on from the last completed one. */
      readonly checkpoint: CheckpointId | undefined
      /** Nothing is left to do. */
      readonly finished: boolean
      readonly savepoint?: SavepointOutcome
    }
  /** The job goes on, unless it has ended by itself in failure. */
  | { readonly kind: 'failed'; readonly error: StreamError }

type Failed = Extract<RequestOutcome, { kind: 'failed' }>

/** Not now: a subtask is being deployed, or just leaving. */
export const isPassing = ({ reason }: Failed): boolean => reason === 'not-ready' || reason === 'partly-finished'

export const whyFailed = ({ reason, error }: Failed): string =>
  `its last checkpoint did not complete (${reason})${error === undefined ? '' : `: ${error.message}`}`

/** In the words of who asked. */
export const refusalOf = ({ refusal = E155_NOT_STOPPED }: StopRequest, problem: string, cause?: StreamError): StreamError =>
  refusal({ problem }, cause === undefined ? {} : { cause })
