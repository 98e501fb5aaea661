/**
 * The job of `bench -- state`: a rolling aggregate over many keys.
 *
 * Every key comes once, and then records that all fall on the same hundredth of them. A module of its own, since
 * worker threads load it. `hooks.onRecord` is called in the thread that has it; with `mark`, a file says when a record came.
 */
import { writeFileSync } from 'node:fs'
import { generator, job } from 'tidemark'

const STEP = 7919
const NOBODY = { orders: 0, amount: 0, customer: undefined }

export const hooks = { onRecord: () => {} }

export const large = job('large-state', (j) => {
  const keys = j.config.number('keys', 0)
  const mark = j.config.string('mark', '')
  const hot = Math.ceil(keys / 100)
  if (mark !== '') {
    hooks.onRecord = () => {
      writeFileSync(mark, '')
      hooks.onRecord = () => {}
    }
  }
  const record = (n) => ({ key: n < keys ? n : ((n - keys) * STEP) % hot, amount: n % 100 })
  j.from('orders', generator({ record, count: Number.MAX_SAFE_INTEGER }), { eventTime: () => 0 })
    .keyBy(({ key }) => key)
    .reduce('total', () => NOBODY, ({ orders, amount, customer }, { key, amount: more }) => {
      hooks.onRecord()
      return { orders: orders + 1, amount: amount + more, customer: customer ?? `customer number ${key}` }
    })
    .filter(({ value }) => value.orders < 0)
    .print('never')
})
