import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startJob, type Job } from 'tidemark'
import asking from '../../../../examples/functions/async.ts'
import limits from '../../../../examples/functions/broadcast.ts'
import shipping from '../../../../examples/functions/connect.ts'
import tables from '../../../../examples/functions/tables.ts'
import { committedLines, temporaryDirectory } from './kit.ts'

/** Runs an example to its end and gives the rows of each of its outputs. */
async function outputsOf(example: Job, parallelism: number, ...names: string[]): Promise<any[][]> {
  const out = temporaryDirectory()
  const outcome = await startJob(example, { stateDirectory: join(out, 'state'), config: { out }, parallelism }).done
  if (outcome.kind === 'failed') throw outcome.error
  return names.map((name) => committedLines(join(out, name)).map((line) => JSON.parse(line)))
}

test('the example of connect ships what is paid, in whichever order the two came, and names the rest', async () => {
  const [shipped, unpaid] = await outputsOf(shipping, 2, 'shipped', 'unpaid') as [any[], any[]]
  expect(shipped.map(({ id }) => id).toSorted((a, b) => a - b))
    .toEqual(Array.from({ length: 100 }, (_, n) => n).filter((n) => n % 5 !== 0))
  expect(unpaid.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n * 5))
})

test('the example of broadcast finds the same alerts at any parallelism: those above the limit of their time', async () => {
  const [one] = await outputsOf(limits, 1, 'alerts') as [any[]]
  const [three] = await outputsOf(limits, 3, 'alerts') as [any[]]
  const expected = Array.from({ length: 600 }, (_, n) => {
    const set = Math.floor(n / 10)
    const last = set - ((set - n) % 3 + 3) % 3
    return { n, amount: (n * 7919) % 1000, most: last < 0 ? Infinity : 900 - (last * 13) % 100 }
  }).filter(({ amount, most }) => amount > most)
  expect(one.map(({ amount, limit }) => `${amount} above ${limit}`).toSorted())
    .toEqual(expected.map(({ amount, most }) => `${amount} above ${most}`).toSorted())
  expect(three.map((row) => JSON.stringify(row)).toSorted()).toEqual(one.map((row) => JSON.stringify(row)).toSorted())
})

test('the example of mapAsync has each visit once: with its city, or without an answer after three tries', async () => {
  const [cities, unknown] = await outputsOf(asking, 1, 'cities', 'unknown') as [any[], any[]]
  expect(cities.map(({ id }) => id).toSorted((a, b) => a - b))
    .toEqual(Array.from({ length: 300 }, (_, n) => n).filter((n) => n % 50 !== 49))
  expect(unknown.toSorted((a, b) => a.id - b.id)).toEqual([49, 99, 149, 199, 249, 299].map((id) => ({ id, tries: 3 })))
})

test('the example of tables ends with the three best of each game, and with each player on one level', async () => {
  const [podium, levels] = await outputsOf(tables, 2, 'podium', 'levels') as [any[], any[]]
  // Lines are sorted, not in their order: what was put in and not taken back is what is there.
  const left = (changes: any[], idOf: (row: any) => string): string[] => {
    const rows = new Map<string, number>()
    for (const { op, ...row } of changes) {
      const id = idOf(row)
      rows.set(id, (rows.get(id) ?? 0) + (op === 'insert' || op === 'update-after' ? 1 : -1))
    }
    return [...rows].filter(([, n]) => n !== 0).map(([id, n]) => `${id} ${n}`).toSorted()
  }
  const scores = Array.from({ length: 400 }, (_, n) => ({ game: n % 3, points: (n * 7919) % 1000 }))
  const best = [0, 1, 2].flatMap((game) => scores.filter((s) => s.game === game)
    .map(({ points }) => points).toSorted((a, b) => b - a).slice(0, 3).map((p, i) => `game-${game} ${i + 1} ${p} 1`))
  expect(left(podium, (r) => `${r.game} ${r.rank} ${r.points}`)).toEqual(best.toSorted())
  expect(left(levels, (r) => `${r.level} ${r.players}`).map((text) => Number(text.split(' ')[1])).reduce((a, b) => a + b, 0)).toBe(25)
})
