/**
 * Runs what a command does to a simulated disk while no process of the job is at work, with faults of its own.
 *
 * Called by story.ts for cleaning, and for looking at savepoints. Nothing else happens meanwhile, so that it is over
 * when this returns, or has died on the way.
 */
import { start, type Io, type Outcome } from '../../base/io.ts'
import type { Ports, Random } from '../../base/ports.ts'
import { OK, type Fate, type OperationInfo, type SimulatedDisk } from './storage.ts'

/** Of a machine that nothing happens on. */
const NOW_MS = 1_000_000_000_000

export type HandResult<T> = Outcome<T> | 'died'

export function byHand<T>(
  disk: SimulatedDisk, random: Random, io: (ports: Ports) => Io<T>, fate: (info: OperationInfo) => Fate = () => OK,
): HandResult<T> {
  const usual = disk.onOperation
  disk.onOperation = fate
  const storage = disk.mount()
  let result: HandResult<T> = 'died'
  try {
    const ports: Ports = {
      clock: { wallMs: () => NOW_MS, monotonicMs: () => NOW_MS }, random, storage, log: () => {}, probe: () => {},
      // Waiting is over at once: there is nobody to wait for.
      timers: { after: (_delayMs, fire) => { fire(); return { cancel: () => {} } } },
      executor: { post: (_lane, mail) => mail() },
    }
    start(io(ports), (outcome) => {
      result = outcome
    })
  } finally {
    storage.kill()
    disk.onOperation = usual
  }
  return result
}
