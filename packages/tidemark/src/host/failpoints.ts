/**
 * Failpoints: makes the process die, stall or throw at a named step, for fault tests.
 *
 * `TIDEMARK_FAILPOINTS="cp.manifest.linked=kill9@3,commit.begin=throw"`: action, then the how-many-th
 * time the step is reached (default 1), then for how many threads in one place (`exit@2x4`: a worker thread and
 * its first three successors; default: all of them, which never ends if a thread cannot get past the step).
 * Read once at start; without the variable a probe is a no-op.
 * With it the process warns: nobody should meet this in production by accident.
 */
import { defineError } from '../base/errors.ts'
import type { Probe } from '../base/ports.ts'

type Action = 'kill9' | 'exit' | 'throw'

export const E080_BAD_FAILPOINT = defineError<{ given: string; known: readonly string[] }>({
  code: 'E080',
  kind: 'usage',
  retryable: false,
  title: 'A failpoint cannot be understood',
  what: (d) => `TIDEMARK_FAILPOINTS holds "${d.given}".`,
  fix: (d) => [`write step=action@count, for worker threads also step=action@countxthreads, with action kill9, exit or throw; steps: ${d.known.join(', ')}`],
})

export const E081_INJECTED = defineError<{ step: string }>({
  code: 'E081',
  kind: 'job',
  retryable: true,
  title: 'An injected failure',
  what: (d) => `Failpoint ${d.step} threw, as TIDEMARK_FAILPOINTS asked.`,
  fix: () => ['unset TIDEMARK_FAILPOINTS'],
})

/** Every step that the engine reports; a `k` stands for a number that counts (cp.ack.recv.1, gc.2 …). */
export const STEPS: readonly string[] = [
  'src.poll', 'cp.trigger.before', 'cp.barrier.injected', 'task.barrier.first', 'task.aligned',
  'task.snapshot.sync', 'task.snapshot.write', 'task.snapshot.fsync', 'task.ack.sent', 'cp.ack.recv.k',
  'cp.acks.all', 'cp.manifest.tmp', 'cp.manifest.fsynced', 'cp.manifest.linked', 'cp.manifest.dirsynced',
  'commit.begin', 'commit.k.before', 'commit.k.after', 'commit.all', 'gc.before', 'gc.k', 'restore.list',
  'restore.read', 'restore.apply', 'restore.abort-foreign', 'restore.recommit', 'run.resume', 'stop.final',
]

/** The name in STEPS of a step as it was reported. */
export const stepName = (reported: string): string => reported.replace(/\.\d+(?=\.|$)/, '.k')

const PATTERN = /^([a-z.0-9-]+)=(kill9|exit|throw)(?:@(\d+)(?:x(\d+))?)?$/

/** `generation`: the how-many-th thread in its place this is, from 1. */
export function failpoints(text: string | undefined, warn: (message: string) => void, generation = 1): Probe {
  if (text === undefined || text === '') return () => {}
  const left = new Map<string, { action: Action; count: number }>()
  for (const part of text.split(',')) {
    const match = PATTERN.exec(part.trim())
    if (match === null || !STEPS.includes(stepName(match[1] as string))) {
      throw E080_BAD_FAILPOINT({ given: part, known: STEPS })
    }
    if (generation > Number(match[4] ?? Infinity)) continue
    left.set(match[1] as string, { action: match[2] as Action, count: Number(match[3] ?? 1) })
  }
  warn(`failpoints are on: ${text}. This process will be made to fail.`)
  return (reported) => {
    // 'cp.ack.recv.2' is that one alone, 'cp.ack.recv.k' is any of them.
    const step = left.has(reported) ? reported : stepName(reported)
    const point = left.get(step)
    if (point === undefined) return
    point.count -= 1
    if (point.count > 0) return
    left.delete(step)
    if (point.action === 'kill9') process.kill(process.pid, 'SIGKILL')
    if (point.action === 'exit') process.exit(7)
    throw E081_INJECTED({ step })
  }
}
