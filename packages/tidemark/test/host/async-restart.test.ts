import { join } from 'node:path'
import { expect, test } from 'vitest'
import { count, files, job, jsonl, startJob, sum, tumbling } from '../../src/index.ts'
import { beads, committedLines, expectedLines, temporaryDirectory, writeBeads, type Bead } from './kit.ts'

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

test.each([true, false])('mapAsync (ordered: %s) over real promises: failures and restarts leave every total exact', async (ordered) => {
  const directory = temporaryDirectory()
  const [input, out] = [join(directory, 'beads.jsonl'), join(directory, 'out')]
  const all = beads(1200)
  writeBeads(input, all)
  const failing = new Set([300, 700, 1100].map((i) => all[i]?.at))
  let most = 0
  let open = 0
  const weighed = job('weighed', { checkpoint: { every: '5ms' }, restart: { kind: 'fixed-delay', delay: '1ms', attempts: 5 } }, (j) => {
    j.from('beads', jsonl<Bead>(input), { eventTime: (b) => b.at })
      .mapAsync('weigh', async (bead, signal) => {
        open += 1
        most = Math.max(most, open)
        try {
          for (let i = bead.grams % 3; i >= 0; i--) await turn()
          if (!signal.aborted && failing.delete(bead.at)) throw new Error('the scales broke')
          return bead
        } finally {
          open -= 1
        }
      }, { ordered, capacity: 30 })
      .keyBy((b) => b.colour)
      .window('per-second', tumbling('1s'))
      .aggregate({ n: count(), grams: sum((b) => b.grams) })
      .map((w) => ({ colour: w.key, start: w.start.getTime(), n: w.n, grams: w.grams }))
      .to('out', files({ path: out }))
  })
  const outcome = await startJob(weighed, { stateDirectory: join(directory, 'state'), parallelism: 2 }).done
  if (outcome.kind === 'failed') throw outcome.error
  expect(failing.size).toBe(0)
  expect(most).toBeGreaterThan(10)
  expect(committedLines(out)).toEqual(expectedLines(all))
})
