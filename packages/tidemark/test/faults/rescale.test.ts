/** F47: the parallelism changes between two runs, from every size to every other that is used elsewhere as a test. */
import { expect, test } from 'vitest'
import { collect, collection, job, startJob, state, sum, tumbling } from '../../src/index.ts'
import { harness } from '../../src/testing/harness.ts'

interface Bead {
  readonly at: number
  readonly colour: string
}

const KEYS = Array.from({ length: 60 }, (_, i) => `colour ${i}`)

const totals = job('totals', { maxParallelism: 6 }, (j) => {
  const options = { state: { n: state.value<number>() } }
  const beads = j.from('beads', collection<Bead>([]), { eventTime: (bead) => bead.at })
  beads.keyBy((bead) => bead.colour)
    .process<object, typeof options.state>('count', options, {
      *onRecord(bead, context) {
        const n = context.state.n.update((before) => (before ?? 0) + 1)
        context.timer.at(60_000)
        yield { key: bead.colour, n }
      },
      *onTimer(_, { key, state: { n } }) {
        yield { key, atLast: n.get() }
      },
    })
    .to('counts', collect())
  beads.keyBy((bead) => bead.colour).window('per-minute', tumbling('1m')).aggregate({ sum: sum(() => 1) })
    .to('windows', collect())
})

const keysOf = (rows: readonly { readonly key: string }[]): string[] => rows.map(({ key }) => key).toSorted()

/** The pairs of Flink's Kafka sink tests, one after the other, and through 1 at both ends. */
const WALK = [1, 2, 3, 5, 6, 5, 2, 5, 3, 2, 1, 6, 1]

test('along every change of parallelism each key keeps its state, its timer and its window, once', async () => {
  await using t = await harness(totals, { parallelism: WALK[0] as number })
  let round = 0
  for (const parallelism of WALK) {
    if (round > 0) await t.rescale(parallelism)
    round += 1
    await t.send('beads', KEYS.map((colour) => ({ at: round, colour })))
    const last = t.output('counts').slice(-KEYS.length)
    expect(new Set(last.map(({ key }) => key)), `at ${parallelism}`).toEqual(new Set(KEYS))
    expect(last.every(({ n }) => n === round), `at ${parallelism}`).toBe(true)
  }
  await t.end()
  const fired = t.committed('counts').filter((line) => 'atLast' in line)
  expect(keysOf(fired)).toEqual(keysOf(KEYS.map((key) => ({ key }))))
  expect(fired.every(({ atLast }) => atLast === WALK.length)).toBe(true)
  expect(keysOf(t.committed('windows'))).toEqual(keysOf(fired))
  expect(t.committed('windows').every((window) => window.sum === WALK.length)).toBe(true)
})

test('more subtasks than key groups are refused, and the checkpoint is still good for fewer', async () => {
  expect(() => startJob(totals, { parallelism: 7 })).toThrow(expect.objectContaining({ code: 'E033' }))
  await using t = await harness(totals, { parallelism: 6 })
  await t.send('beads', [{ at: 1, colour: 'red' }])
  await t.checkpoint()
  await expect(t.restore({ parallelism: 7 })).rejects.toMatchObject({ code: 'E033' })
  await t.restore({ parallelism: 2 })
  await t.send('beads', [{ at: 2, colour: 'red' }])
  expect(t.output('counts').at(-1)).toEqual({ key: 'red', n: 2 })
})
