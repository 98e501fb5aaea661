import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startJob } from 'tidemark'
import shops from '../../../../examples/windows/job.ts'
import { committedLines, temporaryDirectory } from './kit.ts'

interface Line {
  readonly shop: string
  readonly start: string
  readonly end: string
  readonly orders: number
}

const parse = (line: string): Line => JSON.parse(line) as Line

test('the example of windows counts 92 orders on the day that has 23 hours, and 96 on the others', async () => {
  const out = temporaryDirectory()
  const outcome = await startJob(shops, { stateDirectory: join(out, 'state'), config: { out } }).done
  if (outcome.kind === 'failed') throw outcome.error
  const rows = committedLines(join(out, 'days')).map(parse)
  const found = rows.map(({ shop, start, end, orders }) => [shop, start, (Date.parse(end) - Date.parse(start)) / 3_600_000, orders])
  expect(found).toEqual(['Mitte', 'Wedding'].flatMap((shop) => [
    [shop, '2024-03-28T23:00:00.000Z', 24, 96], [shop, '2024-03-29T23:00:00.000Z', 24, 96],
    [shop, '2024-03-30T23:00:00.000Z', 23, 92], [shop, '2024-03-31T22:00:00.000Z', 24, 96],
  ]))
  // Early results may come or not, by the clock; the last word on each day is its total, in both outputs.
  const soFar: Record<string, number> = {}
  for (const line of committedLines(join(out, 'so-far'))) {
    const { shop, start, orders } = parse(line)
    soFar[`${shop} ${start}`] = Math.max(soFar[`${shop} ${start}`] ?? 0, orders)
  }
  expect(soFar).toEqual(Object.fromEntries(rows.map(({ shop, start, orders }) => [`${shop} ${start}`, orders])))
})
