/** Checkpoints while a source works off a backlog, in a real process. */
import { expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import type { SourceSpec, Split } from '../../src/graph/source.ts'
import { collect, job, startJob } from '../../src/index.ts'

const EVERY_MS = 20
const HOUR_MS = 3_600_000
const DEADLINE_MS = 30_000

/** A record now and then: an hour old until it is told that it has caught up. */
class Log {
  given = 0
  caughtUp = false

  source(): SourceSpec<{ at: number }, Split, 'can rewind'> {
    return {
      kind: 'log', resource: 'a log', rewind: 'can rewind', splitsInTimeOrder: true, assignment: 'spread', discoverEveryMs: 1_000,
      *discover() {
        return { splits: [{ id: 'all' }], state: undefined, complete: true }
      },
      openSplit: (_split, position, context) => {
        const { timers, clock } = context.ports
        let at = typeof position === 'number' ? position : 0
        let waits = false
        return {
          poll: () => {
            if (waits) return 'pending'
            waits = true
            timers.after(2, () => {
              waits = false
              context.wake()
            })
            at += 1
            this.given += 1
            const record = { at: clock.wallMs() - (this.caughtUp ? 0 : HOUR_MS) }
            return { records: [record], malformed: [], place: () => `record ${at}` }
          },
          position: () => at,
          close: () => {},
        }
      },
    }
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it has not come to be in time')
    await new Promise((resolve) => { setTimeout(resolve, 5) })
  }
}

test.each([1, 2])('A10 none comes by itself while the source is far behind, and they come again when it has caught up, at parallelism %i', async (parallelism) => {
  const log = new Log()
  let checkpoints = 0
  const reading = job('reading', { checkpoint: { every: `${EVERY_MS}ms`, duringBacklog: { lag: '1m', every: false } } }, (j) => {
    j.from('log', log.source(), { eventTime: ({ at }) => at }).filter(() => false).to('nowhere', collect())
  })
  const handle = startJob(reading, { parallelism, onEvent: ({ kind }) => { if (kind === 'checkpoint') checkpoints += 1 } })
  await until(() => log.given > 20)
  const before = checkpoints
  await until(() => log.given > 200)
  // One may have been on its way when the first record showed how far behind they are.
  expect(checkpoints - before).toBeLessThanOrEqual(1)
  log.caughtUp = true
  await until(() => checkpoints > before + 5)
  handle.stop()
  expect((await handle.done).kind).toBe('stopped')
})

test.each(['10ms', '0ms'] as const)('an interval of %s, shorter than the usual one, is refused', (every) => {
  const bad = job('bad', { checkpoint: { every: '20ms', duringBacklog: { lag: '1m', every } } }, (j) => {
    j.from('log', new Log().source(), { eventTime: ({ at }) => at }).to('nowhere', collect())
  })
  expect(() => buildGraph(bad)).toThrow('duringBacklog.every')
})
