import { expect, test } from 'vitest'
import { collect, collection } from '../../src/connector/collection.ts'
import { count, job, sum, tumbling } from '../../src/index.ts'
import { startJob } from '../../src/host/run.ts'

interface Bead { colour: string; at: number; grams: number }
const beads: Bead[] = Array.from({ length: 5000 }, (_, i) => ({ colour: ['red', 'blue', 'green'][i % 3] as string, at: i * 10, grams: i % 7 }))

for (const parallelism of [1, 2, 3, 4]) {
  test(`a windowed job in memory gives exact totals at parallelism ${parallelism}`, async () => {
    const out = collect<{ key: string; start: Date; end: Date; n: number; grams: number }>()
    const beadsJob = job('beads', { checkpoint: { every: '5ms' } }, (j) => {
      j.from('beads', collection(beads, { splits: 7 }), { eventTime: (b) => b.at })
        .keyBy((b) => b.colour)
        .window('per-second', tumbling('1s'))
        .aggregate({ n: count(), grams: sum((b) => b.grams) })
        .to('out', out)
    })
    const outcome = await startJob(beadsJob, { parallelism }).done
    if (outcome.kind === 'failed') throw outcome.error
    expect(outcome.kind).toBe('finished')
    const expected = new Map<string, { n: number; grams: number }>()
    for (const b of beads) {
      const key = `${b.colour}@${Math.floor(b.at / 1000) * 1000}`
      const e = expected.get(key) ?? { n: 0, grams: 0 }
      e.n += 1
      e.grams += b.grams
      expected.set(key, e)
    }
    const got = new Map(out.committed.map((r) => [`${r.key}@${r.start.getTime()}`, { n: r.n, grams: r.grams }]))
    expect(out.committed.length).toBe(expected.size)
    expect(got).toEqual(expected)
  })
}
