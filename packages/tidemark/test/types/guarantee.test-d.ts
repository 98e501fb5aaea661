/** The compiler refuses what could not keep the guarantee, durations that are none, and object keys. */
import { job } from '../../src/api/job.ts'
import { sliding, tumbling } from '../../src/api/windows.ts'
import { items, live, parts, stdout, upsert } from './fixtures.ts'

const endless = (async function* () {
  yield 1
})()

job('exactly-once unless told otherwise', (j) => {
  const s = j.from('n', items([1, 2, 3]))
  // @ts-expect-error a plain sink in an exactly-once job
  s.to('out', stdout())
  // @ts-expect-error a source that cannot rewind in an exactly-once job
  j.from('live', live(endless))
  s.print('debug').to('ok', parts({ path: 'out/' }))
  s.to('too', upsert({ key: (n) => n.toFixed() }))
})

job('with options', { checkpoint: { every: '100ms', retain: 2 }, restart: 'none', parallelism: 2 }, (j) => {
  // @ts-expect-error still exactly-once
  j.from('n', items([1])).to('out', stdout())
})

job('said explicitly', { guarantee: 'exactly-once' }, (j) => {
  // @ts-expect-error a source that cannot rewind
  j.from('live', live(endless))
})

job('at-least-once', { guarantee: 'at-least-once' }, (j) => {
  const s = j.from('live', live(endless))
  s.to('out', stdout())
  s.keyBy((n) => n).window('w', tumbling('1m')).count().to('counts', stdout())
  s.to('parts', parts({ path: 'out/' }))
})

// @ts-expect-error no such guarantee
job('at-most-once', { guarantee: 'at-most-once' }, () => {})

job('durations and keys', (j) => {
  const s = j.from('n', items([1, 2, 3]))
  // @ts-expect-error misspelt duration
  s.keyBy((n) => n).window('w', sliding('1 minute', { every: '10s' }))
  // @ts-expect-error misspelt lateness
  s.keyBy((n) => n).window('w', tumbling('1m'), { lateness: '5 minutes' })
  // @ts-expect-error keys are string | number | bigint
  s.keyBy((n) => ({ n }))
  // @ts-expect-error windows take a name
  s.keyBy((n) => n).window(tumbling('1m'))
  // @ts-expect-error a stream is not read by for await: nothing runs
  void (async () => { for await (const _ of s) break })
})
