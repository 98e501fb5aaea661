/**
 * The clock of a side: runs in the child process, around the work and nothing else.
 *
 * Besides wall time it takes processor time, which a busy machine disturbs less, and where the
 * system tells it (Linux), what the main thread used and how long it was ready but had no core.
 */
import { readFileSync } from 'node:fs'

/** How long the main thread has run, and was ready without a core; undefined where the system does not tell. */
export function mainThread() {
  try {
    const [ran, waited] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')
    return { ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 }
  } catch {
    return undefined
  }
}

/** Times `work`; its result comes back beside the times. Garbage of the preparation is cleared before. */
export async function timed(work) {
  globalThis.gc?.()
  const thread = mainThread()
  const cpu = process.cpuUsage()
  const began = performance.now()
  const result = await work()
  const wallMs = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  const after = mainThread()
  const times = { wallMs, cpuMs: (user + system) / 1000, maxRssMb: process.resourceUsage().maxRSS / 1024 }
  if (thread !== undefined && after !== undefined) {
    times.mainCpuMs = after.ranMs - thread.ranMs
    times.mainWaitedMs = after.waitedMs - thread.waitedMs
  }
  return { result, times }
}

/** The last line a side writes: what the parent reads. */
export function report(value) {
  process.stdout.write(`\n${JSON.stringify(value)}\n`)
}
