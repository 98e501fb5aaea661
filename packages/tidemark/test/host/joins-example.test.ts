import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startJob } from 'tidemark'
import shop from '../../../../examples/joins/job.ts'
import { committedLines, temporaryDirectory } from './kit.ts'

const ORDERS = Array.from({ length: 600 }, (_, n) => n)

test('the example of joins gives every order its price, its payment or none, and its greeting', async () => {
  const out = temporaryDirectory()
  const outcome = await startJob(shop, { stateDirectory: join(out, 'state'), config: { out } }).done
  if (outcome.kind === 'failed') throw outcome.error
  const byOrder = (directory: string): Record<string, unknown>[] => committedLines(join(out, directory))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .sort((a, b) => Number(a['order']) - Number(b['order']))
  expect(byOrder('priced')).toEqual(ORDERS.map((n) => ({ order: n, cents: 100 + Math.floor(n / 60) })))
  expect(byOrder('paid').map(({ order, paidAt }) => [order, paidAt])).toEqual(
    ORDERS.map((n) => [n, n % 4 === 0 ? null : Date.UTC(2024, 0, 1, 0, n + 20)]))
  expect(byOrder('greetings').filter(({ greeting }) => greeting === 'Dear customer').map(({ order }) => order))
    .toEqual(ORDERS.filter((n) => n % 7 === 6))
  expect(byOrder('greetings')).toHaveLength(ORDERS.length)
  expect(existsSync(join(out, 'late-payments')), 'nothing is late').toBe(false)
})
