/** The ports of a real process: its clocks, timers and chance. Storage and log come from the caller. */
import { randomBytes } from 'node:crypto'
import type { Clock, Executor, Log, Ports, Probe, Storage, Timers } from '../base/ports.ts'
import { Prng } from '../base/prng.ts'

/** Longest delay Node's timers take; a longer one is cut and comes again. */
const MAX_TIMER_MS = 2 ** 31 - 1

const clock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

function timersOf(executor: Executor): Timers {
  return {
    after(delayMs, fire) {
      let cancelled = false
      const due = performance.now() + delayMs
      const arm = (): NodeJS.Timeout =>
        setTimeout(() => {
          if (performance.now() < due - 1) {
            timeout = arm()
            return
          }
          executor.post('timer', () => {
            if (!cancelled) fire()
          })
        }, Math.min(MAX_TIMER_MS, Math.max(0, due - performance.now())))
      let timeout = arm()
      return {
        cancel() {
          cancelled = true
          clearTimeout(timeout)
        },
      }
    },
  }
}

export function realPorts(init: { executor: Executor; storage: Storage; log: Log; probe: Probe }): Ports {
  const { executor, storage, log, probe } = init
  const random = new Prng(randomBytes(4).readInt32LE())
  return { clock, timers: timersOf(executor), random, executor, storage, log, probe }
}
