/** F58: functions of the user that misbehave, in a whole job: who it was is named, and no output is wrong. */
import { describe, expect, test } from 'vitest'
import { collect, collection, generator, job, startJob, state, tumbling, type JobBuilder, type SinkSpec } from '../../src/index.ts'
import type { RunOutcome } from '../../src/index.ts'
import { harness } from '../../src/testing/harness.ts'

type Build = (j: JobBuilder<'exactly-once'>, sink: ReturnType<typeof collect<unknown>>, fail: () => never) => void
const numbers = () => generator({ count: 200, record: (n) => ({ n, at: n * 1000 }) })
const timed = { eventTime: (r: { at: number }) => r.at }
const counted = { state: { n: state.value<number>() } }

/** Where the function stands, the operator that must be named, and the job around it. */
const THROWING: readonly (readonly [where: string, operator: string | undefined, build: Build])[] = [
  ['map', undefined, (j, sink, fail) => void j.from('numbers', numbers()).map(fail).to('out', sink)],
  ['filter', undefined, (j, sink, fail) => void j.from('numbers', numbers()).filter(fail).to('out', sink)],
  ['flatMap, after its first record', undefined, (j, sink, fail) => void j.from('numbers', numbers()).flatMap(function* (r) {
    yield r
    fail()
  }).to('out', sink)],
  ['keyBy', 'count', (j, sink, fail) => void j.from('numbers', numbers()).keyBy(fail).count('count').to('out', sink)],
  ['eventTime', 'numbers', (j, sink, fail) =>
    void j.from('numbers', numbers(), { eventTime: fail }).to('out', sink)],
  ['reduce', 'sum', (j, sink, fail) => void j.from('numbers', numbers()).keyBy(() => 1).reduce('sum', () => 0, fail).to('out', sink)],
  ['a window function', 'windows', (j, sink, fail) => void j.from('numbers', numbers(), timed).keyBy(() => 1)
    .window('windows', tumbling('10s')).process(fail).to('out', sink)],
  ['onRecord, after a change of state', 'process', (j, sink, fail) => void j.from('numbers', numbers()).keyBy(() => 1)
    .process<number, typeof counted.state>('process', counted, {
      *onRecord(_, context) {
        yield context.state.n.update((n = 0) => n + 1)
        fail()
      },
    }).to('out', sink)],
  ['onTimer', 'process', (j, sink, fail) => void j.from('numbers', numbers(), timed).keyBy(() => 1)
    .process<number, typeof counted.state>('process', counted, {
      *onRecord(r, context) {
        context.timer.at(r.at + 5000)
        yield r.n
      },
      onTimer: fail,
    }).to('out', sink)],
]

async function outcomeOf(build: Build, fail: () => never): Promise<{ outcome: RunOutcome; committed: readonly unknown[] }> {
  const sink = collect<unknown>()
  const made = job('misbehaves', { checkpoint: { every: '1h' }, restart: 'none' }, (j) => build(j, sink, fail))
  return { outcome: await startJob(made).done, committed: sink.committed }
}

describe('a function that throws', () => {
  test.each(THROWING)('in %s ends the job with its operator and the cause, and commits nothing', async (_where, operator, build) => {
    const { outcome, committed } = await outcomeOf(build, () => { throw new Error('of the user') })
    expect(outcome.kind).toBe('failed')
    if (outcome.kind !== 'failed') return
    expect(outcome.error.cause).toMatchObject({ message: 'of the user' })
    expect(outcome.error.place.operator).toBeTypeOf('string')
    if (operator !== undefined) expect(outcome.error.place.operator).toBe(operator)
    expect(committed).toEqual([])
  })
})

describe('a function that is not what it should be', () => {
  test('an async one where many records are expected is refused with the operator', async () => {
    const sink = collect<unknown>()
    const made = job('async', { restart: 'none' }, (j) => {
      j.from('one', collection([1])).flatMap((async () => []) as unknown as () => number[]).to('out', sink)
    })
    const outcome = await startJob(made).done
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'E065' } })
    expect(sink.committed).toEqual([])
  })

  test('one that changes its input is stopped at the change', async () => {
    const made = job('changes', (j) => {
      j.from('rows', collection<{ n: number }>([])).map((row) => {
        (row as { n: number }).n += 1
        return row
      }).to('out', collect())
    })
    await using t = await harness(made)
    await expect(t.send('rows', [{ n: 1 }])).rejects.toMatchObject({
      code: 'E061', cause: { message: expect.stringContaining('read only') },
    })
    expect(t.committed('out')).toEqual([])
  })
})

describe('a sink of the user', () => {
  const throwing = (where: 'write' | 'prepareCommit' | 'commit' | 'removeAbandoned' | 'close'): SinkSpec<unknown, 'transactional'> => {
    const fail = (at: string): void => {
      if (at === where) throw new Error(`thrown in ${at}`)
    }
    return {
      kind: 'throwing', resource: 'nowhere', commit: 'transactional',
      createWriter: () => ({
        full: false,
        write: () => fail('write'),
        *prepareCommit() {
          fail('prepareCommit')
          return [1]
        },
        close: () => fail('close'),
      }),
      createCommitter: () => ({
        *commit() { fail('commit') },
        *removeAbandoned() { fail('removeAbandoned') },
      }),
    }
  }

  test.each(['write', 'prepareCommit', 'commit', 'removeAbandoned'] as const)(
    'that throws in %s ends the job with the words that were thrown', async (where) => {
      const made = job('outlet', { restart: 'none', checkpoint: { tolerableFailures: 0 } }, (j) => {
        j.from('one', collection([1])).to('out', throwing(where))
      })
      const outcome = await startJob(made).done
      expect(outcome.kind).toBe('failed')
      if (outcome.kind === 'failed') expect(`${outcome.error.message} ${String(outcome.error.cause)}`).toContain(`thrown in ${where}`)
    })
})
