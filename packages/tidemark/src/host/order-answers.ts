/** What became of an order, as whoever gave it is told: plain data (control-socket.ts). Called by run.ts. */
import { reportOf } from '../base/errors.ts'
import type { SavepointOutcome } from '../checkpoint/live-savepoint.ts'
import type { StopOutcome } from '../job/stop.ts'
import type { OrderAnswer } from './control-socket.ts'
import type { RescaleOutcome } from './live-rescale.ts'

export function savepointAnswer(outcome: SavepointOutcome): OrderAnswer {
  if (outcome.kind === 'failed') return { kind: 'failed', error: reportOf(outcome.error) }
  const { path, checkpoint, bytes } = outcome.savepoint
  return { kind: 'savepoint', savepoint: { path, checkpoint, bytes } }
}

export function stopAnswer(outcome: StopOutcome): OrderAnswer {
  if (outcome.kind === 'failed') return { kind: 'failed', error: reportOf(outcome.error) }
  const { checkpoint, finished, savepoint } = outcome
  const taken = savepoint === undefined ? undefined : savepointAnswer(savepoint)
  return {
    kind: 'stopped', finished,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(taken?.kind === 'savepoint' ? { savepoint: taken.savepoint } : {}),
    ...(taken?.kind === 'failed' ? { savepointError: taken.error } : {}),
  }
}

export function rescaleAnswer(outcome: RescaleOutcome, workers: number, tookMs: number): OrderAnswer {
  switch (outcome.kind) {
    case 'failed':
      return { kind: 'failed', error: reportOf(outcome.error) }
    case 'unchanged':
      return { kind: 'rescaled', from: outcome.parallelism, to: outcome.parallelism, workers, tookMs }
    case 'rescaled': {
      const { from, to, checkpoint } = outcome
      return { kind: 'rescaled', from, to, workers: outcome.workers, checkpoint, tookMs }
    }
  }
}
