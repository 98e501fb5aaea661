/**
 * SIGINT and SIGTERM: the first one stops with a final checkpoint, the second one at once.
 *
 * Called by run.ts for as long as a job runs.
 *
 * Invariants
 *   SG-1  One key press is one signal: npx and a terminal may each deliver the same Ctrl-C.
 *   SG-2  The second signal ends the process whatever the job is doing.
 */
export type StopSignal = 'SIGINT' | 'SIGTERM'

export interface StopHandlers {
  /** First signal. */
  stop(signal: StopSignal): void
  /** Second signal; must not return to the job. */
  now(signal: StopSignal): void
}

/** Copies of one key press arrive within a few milliseconds; no person presses twice so fast. */
const SAME_PRESS_MS = 200

/** Installs the handlers; the result removes them. */
export function onStopSignals(
  handlers: StopHandlers,
  monotonicMs: () => number = () => performance.now(),
): () => void {
  let firstAtMs: number | undefined
  const handle = (signal: StopSignal): void => {
    if (firstAtMs === undefined) {
      firstAtMs = monotonicMs()
      handlers.stop(signal)
    } else if (monotonicMs() - firstAtMs >= SAME_PRESS_MS) {
      handlers.now(signal)
    }
  }
  process.on('SIGINT', handle)
  process.on('SIGTERM', handle)
  return () => {
    process.off('SIGINT', handle)
    process.off('SIGTERM', handle)
  }
}
