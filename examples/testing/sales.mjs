/**
 * Takings per shop, twice: once kept in state, once kept where they are lost.
 *
 * The second job passes every ordinary test. sales.test.mjs lets explore() look at both.
 */
import { job, jsonl, files, state } from 'tidemark'

/** { shop, at, euros } */
const source = () => jsonl('sales.jsonl')

export const takings = job('takings', (j) => {
  j.from('sales', source(), { eventTime: (sale) => sale.at })
    .keyBy((sale) => sale.shop)
    .process('total', { state: { total: state.value() } }, {
      *onRecord(sale, { state: { total } }) {
        yield { shop: sale.shop, at: sale.at, total: total.update((before = 0) => before + sale.euros) }
      },
    })
    .to('totals', files({ path: 'out/' }))
})

export const forgetful = job('forgetful-takings', (j) => {
  // The bug: a variable of the build function is no state. It is gone with the process, while the
  // source goes on from its position.
  const totals = new Map()
  j.from('sales', source(), { eventTime: (sale) => sale.at })
    .keyBy((sale) => sale.shop)
    .process('total', {}, {
      *onRecord(sale) {
        totals.set(sale.shop, (totals.get(sale.shop) ?? 0) + sale.euros)
        yield { shop: sale.shop, at: sale.at, total: totals.get(sale.shop) }
      },
    })
    .to('totals', files({ path: 'out/' }))
})
