/** node --test examples/testing/*.test.mjs */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, harness } from 'tidemark/testing'
import { forgetful, takings } from './sales.mjs'

const sales = Array.from({ length: 40 }, (_, i) => ({ shop: `shop ${i % 3}`, at: i * 1000, euros: 1 + (i % 7) }))

for (const job of [takings, forgetful]) {
  test(`${job.name}: totals run on, as an ordinary test sees them`, async () => {
    const t = await harness(job)
    await t.send('sales', [{ shop: 'a', at: 0, euros: 3 }, { shop: 'b', at: 1, euros: 5 }, { shop: 'a', at: 2, euros: 4 }])
    assert.deepEqual(t.output('totals').map(({ shop, total }) => [shop, total]), [['a', 3], ['b', 5], ['a', 7]])
    await t.close()
  })
}

test('takings: the state is in the checkpoint, and follows its keys to four subtasks', async () => {
  const t = await harness(takings)
  await t.send('sales', [{ shop: 'a', at: 0, euros: 3 }])
  const checkpoint = await t.checkpoint()
  assert.equal(checkpoint.state('total').get('total', 'a'), 3)
  await t.crash()
  await t.restore({ parallelism: 4 })
  await t.send('sales', [{ shop: 'a', at: 1, euros: 4 }])
  assert.equal(t.output('totals').at(-1).total, 7)
  await t.close()
})

test('takings: no failure changes the output', async () => {
  const report = await explore(takings, { input: { sales }, seeds: 60 })
  assert.ok(report.crashes > 20)
})

test('forgetful takings: explore() finds the planted bug', async (t) => {
  await assert.rejects(explore(forgetful, { input: { sales } }), (error) => {
    for (const line of error.message.split('\n')) t.diagnostic(line)
    assert.equal(error.name, 'ExploreFailure')
    assert.match(error.message, /gives other output after failures/)
    return true
  })
})
