/** F80: some sources have ended, others go on; a failure falls between; the output of both ends comes once. */
import { expect, test } from 'vitest'
import { collect, collection, job } from '../../src/index.ts'
import { harness } from '../../src/testing/harness.ts'

const numbers = collection<number>([])

const mixed = job('mixed', (j) => {
  const bounded = j.from('bounded', numbers)
  const endless = j.from('endless', numbers)
  bounded.to('all-bounded', collect())
  bounded.union(endless).keyBy((n) => n % 3).count('count').to('counts', collect())
})

const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)

const countsOf = (values: readonly number[]): readonly unknown[] => {
  const seen = new Map<number, number>()
  return values.map((n) => {
    const value = (seen.get(n % 3) ?? 0) + 1
    seen.set(n % 3, value)
    return { key: n % 3, value }
  })
}

for (const parallelism of [1, 3]) {
  for (const when of ['before', 'after'] as const) {
    test(`a crash ${when} the checkpoint that follows the end of one source, at parallelism ${parallelism}`, async () => {
      await using t = await harness(mixed, { parallelism })
      await t.send('bounded', [1, 2, 3])
      await t.send('endless', [4])
      await t.checkpoint()
      await t.send('bounded', [5])
      await t.end('bounded')
      expect(t.status).toBe('running')
      if (when === 'after') await t.checkpoint()
      await t.crash()
      await t.restore()
      expect(t.status).toBe('running')
      await t.send('endless', [6, 7])
      await t.checkpoint()
      expect(ascending(t.committed('all-bounded'))).toEqual([1, 2, 3, 5])
      await t.end()
      expect(t.status).toBe('finished')
      expect(ascending(t.committed('all-bounded'))).toEqual([1, 2, 3, 5])
      const counts = t.committed('counts')
      expect(counts).toHaveLength(7)
      expect(counts).toEqual(expect.arrayContaining(countsOf([1, 2, 3, 4, 5, 6, 7]) as unknown[]))
    })
  }
}

test('all sources have ended and the process dies before the commits: the next one makes up for them, and ends', async () => {
  for (const at of ['cp.acks.all', 'cp.manifest.linked', 'commit.begin', 'commit.all']) {
    await using t = await harness(mixed, { parallelism: 2 })
    await t.send('bounded', [1, 2])
    await t.end('bounded')
    await t.send('endless', [3])
    await t.crash({ at })
    await t.end('endless')
    expect(t.status, at).toBe('crashed')
    await t.restore()
    expect(t.status, at).toBe('finished')
    expect(ascending(t.committed('all-bounded')), at).toEqual([1, 2])
    expect(t.committed('counts'), at).toHaveLength(3)
  }
})
