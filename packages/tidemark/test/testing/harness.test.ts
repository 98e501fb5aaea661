import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expect, test } from 'vitest'
import { collect, collection, count, isStreamError, job, sideOutput, state, tumbling } from '../../src/index.ts'
import { harness } from '../../src/testing/harness.ts'

interface Word {
  readonly at: number
  readonly text: string
}

const nowhere = collection<Word>([])

const words = job('words', (j) => {
  const counts = j.from('words', nowhere, { eventTime: (w) => w.at })
    .keyBy((w) => w.text)
    .window('per-minute', tumbling('1m'), { lateness: '30s' })
    .aggregate({ n: count() })
  counts.to('counts', collect())
  counts.late.to('late', collect())
})

const totals = job('totals', (j) => {
  const options = { state: { n: state.value<number>(), seen: state.map<string, number>() } }
  j.from('words', nowhere, { eventTime: (w) => w.at })
    .keyBy((w) => w.text)
    .process<object, typeof options.state>('totals', options, {
      *onRecord(word, context) {
        const n = context.state.n.update((before) => (before ?? 0) + 1)
        context.state.seen.set(`at ${word.at}`, n)
        context.timer.at(word.at + 1000)
        yield { key: word.text, n }
      },
      *onTimer(time, { key }) {
        yield { key, timer: time.getTime() }
      },
    })
    .to('out', collect())
})

test('a window speaks at the watermark, a record within the lateness counts, a later one is late', async () => {
  await using t = await harness(words, { parallelism: 2 })
  await t.send('words', [{ at: 0, text: 'be' }, { at: 30_000, text: 'be' }, { at: 1000, text: 'to' }])
  expect(t.output('counts')).toEqual([])
  await t.watermark('words', 60_000)
  expect(t.output('counts')).toHaveLength(2)
  expect(t.output('counts')).toContainEqual(expect.objectContaining({ key: 'be', n: 2 }))
  await t.send('words', [{ at: 59_999, text: 'be' }])
  expect(t.output('counts').at(-1)).toMatchObject({ key: 'be', n: 3 })
  await t.watermark('words', 100_000)
  await t.send('words', [{ at: 5, text: 'be' }])
  expect(t.output('late')).toMatchObject([{ key: 'be', record: { at: 5, text: 'be' } }])
})

test('output is committed by a checkpoint and not before', async () => {
  await using t = await harness(totals)
  await t.send('words', [{ at: 1, text: 'a' }])
  expect(t.output('out')).toEqual([{ key: 'a', n: 1 }])
  expect(t.committed('out')).toEqual([])
  await t.checkpoint()
  expect(t.committed('out')).toEqual([{ key: 'a', n: 1 }])
})

test('the state in a checkpoint is that of the checkpoint, whatever comes after; timers are in it', async () => {
  await using t = await harness(totals, { parallelism: 3 })
  await t.send('words', [{ at: 1, text: 'a' }, { at: 2, text: 'a' }, { at: 3, text: 'b' }])
  const c = await t.checkpoint()
  await t.send('words', [{ at: 4, text: 'c' }])
  const stored = c.state('totals')
  expect(new Set(stored.keys())).toEqual(new Set(['a', 'b']))
  expect(stored.names).toEqual(['n', 'seen'])
  expect(stored.get('n', 'a')).toBe(2)
  expect(stored.get('seen', 'b')).toEqual(new Map([['at 3', 1]]))
  expect(stored.timers().map(({ key, time }) => [key, time])).toEqual([['a', 1001], ['a', 1002], ['b', 1003]])
  expect(t.state('totals').get('n', 'c')).toBe(1)
  expect(c.operators).toContain('words')
})

test('event-time timers fire by the watermark, processing-time windows by advance', async () => {
  await using t = await harness(totals)
  await t.send('words', [{ at: 1, text: 'a' }])
  await t.watermark('words', 1001)
  expect(t.output('out').at(-1)).toEqual({ key: 'a', timer: 1001 })

  const clocked = job('clocked', (j) => {
    j.from('words', nowhere).keyBy((w) => w.text)
      .window('w', tumbling('10s', { time: 'processing' })).aggregate({ n: count() }).to('out', collect())
  })
  await using p = await harness(clocked, { now: 5_000 })
  await p.send('words', [{ at: 0, text: 'a' }])
  await p.advance(4_999)
  expect(p.output('out')).toEqual([])
  await p.advance(1)
  expect(p.output('out')).toMatchObject([{ key: 'a', n: 1, start: new Date(0), end: new Date(10_000) }])
})

test('a crash loses what no checkpoint covers and nothing else; sources are read again from it', async () => {
  const t = await harness(totals)
  await t.send('words', [{ at: 1, text: 'a' }])
  await t.checkpoint()
  await t.send('words', [{ at: 2, text: 'a' }])
  expect(t.output('out')).toHaveLength(2)
  await t.crash()
  expect(t.status).toBe('crashed')
  expect(t.output('out')).toEqual([{ key: 'a', n: 1 }])
  await t.restore()
  expect(t.output('out')).toEqual([{ key: 'a', n: 1 }, { key: 'a', n: 2 }])
  await t.send('words', [{ at: 3, text: 'a' }])
  await t.end()
  expect(t.status).toBe('finished')
  expect(t.committed('out').filter((line) => 'n' in line)).toEqual([1, 2, 3].map((n) => ({ key: 'a', n })))
  await t.close()
})

test('a crash between manifest and commit is made up for by the restore', async () => {
  await using t = await harness(totals)
  await t.send('words', [{ at: 1, text: 'a' }])
  await t.crash({ at: 'commit.begin' })
  await t.checkpoint()
  expect(t.status).toBe('crashed')
  expect(t.committed('out')).toEqual([])
  await t.restore()
  expect(t.committed('out')).toEqual([{ key: 'a', n: 1 }])

  await t.send('words', [{ at: 2, text: 'a' }])
  await t.crash({ at: 'cp.manifest.tmp' })
  await expect(t.checkpoint()).rejects.toMatchObject({ code: 'E123' })
  await t.restore()
  expect(t.output('out')).toEqual([{ key: 'a', n: 1 }, { key: 'a', n: 2 }])
})

test('state follows its keys to another parallelism', async () => {
  await using t = await harness(totals)
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
  await t.send('words', keys.map((text) => ({ at: 0, text })))
  await t.rescale(4)
  expect(t.parallelism).toBe(4)
  await t.send('words', keys.map((text) => ({ at: 1, text })))
  expect(t.output('out').filter(({ n }) => n === 2)).toHaveLength(40)
  await t.rescale(1)
  await t.send('words', [{ at: 2, text: 'k7' }])
  expect(t.output('out').at(-1)).toEqual({ key: 'k7', n: 3 })
})

test('restoreFrom goes back to a checkpoint, also of an older version of the job', async () => {
  await using t = await harness(totals)
  await t.send('words', [{ at: 1, text: 'a' }])
  const first = await t.checkpoint()
  await t.send('words', [{ at: 2, text: 'a' }])
  await t.checkpoint()
  await t.restoreFrom(first)
  expect(t.committed('out')).toEqual([{ key: 'a', n: 1 }])
  expect(t.output('out')).toEqual([{ key: 'a', n: 1 }, { key: 'a', n: 2 }])

  const doubled = job('totals', (j) => {
    const options = { state: { n: state.value<number>(), seen: state.map<string, number>() } }
    j.from('words', nowhere, { eventTime: (w) => w.at }).keyBy((w) => w.text)
      .process<object, typeof options.state>('totals', options, {
        *onRecord(_, context) {
          yield { twice: 2 * context.state.n.update((n) => (n ?? 0) + 1) }
        },
        *onTimer() {},
      })
      .to('out', collect())
  })
  await using next = await harness(doubled, { parallelism: 2 })
  await next.restoreFrom(first)
  await next.send('words', [{ at: 5, text: 'a' }])
  expect(next.output('out')).toEqual([{ key: 'a', n: 1 }, { twice: 4 }])
})

test('a function that throws fails the action with the error of the job; records are frozen, fixtures not', async () => {
  const careless = job('careless', (j) => {
    j.from('words', nowhere).map((w) => {
      ;(w as { text: string }).text = 'changed'
      return w
    }).to('out', collect())
  })
  const fixture = { at: 1, text: 'a' }
  const t = await harness(careless)
  const error: unknown = await t.send('words', [fixture]).catch((thrown: unknown) => thrown)
  expect(isStreamError(error) && error.code).toBe('E061')
  expect(String(error)).toContain('read only')
  expect(Object.isFrozen(fixture)).toBe(false)
  expect(t.status).toBe('failed')
  await expect(t.advance(1)).rejects.toBe(error)
})

test('names that the job does not have, and steps that make no sense, are refused with what there is', async () => {
  await using t = await harness(words)
  await expect(t.send('word', [])).rejects.toMatchObject({ code: 'E122', fix: ['use one of: words'] })
  expect(() => t.output('out')).toThrow(/no sink called "out"/)
  expect(() => t.state('minute')).toThrow(/no operator with state called "minute"/)
  await expect(t.crash({ at: 'cp.manifest.lost' })).rejects.toMatchObject({ code: 'E122' })
  await t.end('words')
  await expect(t.send('words', [])).rejects.toMatchObject({ code: 'E123' })
  await expect(t.checkpoint()).rejects.toMatchObject({ code: 'E123' })
})

test('invalid records and side outputs go to their sinks', async () => {
  const schema: StandardSchemaV1<unknown, Word> = {
    '~standard': {
      version: 1, vendor: 'test',
      validate: (value) => (value as Word).text === '' ? { issues: [{ message: 'no text' }] } : { value: value as Word },
    },
  }
  const checked = job('checked', (j) => {
    const input = j.from('words', nowhere, { schema, eventTime: (w) => w.at, onInvalid: 'side' })
    input.invalid.to('invalid', collect())
    const side = { long: sideOutput<string>() }
    const split = input.process<string, typeof side>('split', { side }, {
      *onRecord(word, context) {
        if (word.text.length > 3) context.side.long(word.text)
        else yield word.text
      },
    })
    split.to('short', collect())
    split.side.long.to('long', collect())
  })
  await using t = await harness(checked)
  await t.send('words', [{ at: 1, text: 'be' }, { at: 2, text: '' }, { at: 3, text: 'question' }])
  await t.watermark('words', 1_500_000_000)
  expect(t.output('short')).toEqual(['be'])
  expect(t.output('long')).toEqual(['question'])
  expect(t.output('invalid')).toHaveLength(1)
})
