/** Many timers due at once: they fire a few at a time, and a checkpoint may come between. */
import { expect, test } from 'vitest'
import type { ProcessSpec } from '../../src/graph/operator-spec.ts'
import { collect, generator, job, state } from '../../src/index.ts'
import { startJob } from '../../src/host/run.ts'
import { TIMERS_AT_ONCE } from '../../src/operator/timer-service.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'

const alarms: ProcessSpec = {
  kind: 'process', keyOf: (key: any) => key, state: {}, sides: [],
  onRecord: (_record, ctx) => ctx.timer.at(10),
  onTimer: (_time, ctx) => [[ctx.key, ctx.watermark]],
}

const keysOf = (outputs: ReturnType<OperatorHarness['take']>): unknown[] =>
  outputs.flatMap((each) => (each.kind === 'record' ? [(each.value as unknown[])[0]] : []))

test('TS-7: a call fires a bounded number of timers, and the watermark goes on after the last', () => {
  const timers = 3 * TIMERS_AT_ONCE + 7
  const harness = new OperatorHarness(alarms)
  for (let key = 0; key < timers; key++) harness.send(key, 1)
  const { operator } = harness
  operator.onWatermark(20)
  const fired = [harness.take()]
  while (operator.firing?.() === true) {
    operator.fireMore?.(TIMERS_AT_ONCE)
    fired.push(harness.take())
  }
  expect(fired.map((outputs) => keysOf(outputs).length)).toEqual([...Array<number>(3).fill(TIMERS_AT_ONCE), 7])
  expect(fired.flatMap(keysOf)).toEqual(Array.from({ length: timers }, (_, key) => key))
  expect(fired.flat().findIndex(({ kind }) => kind === 'watermark')).toBe(timers)
})

test('TS-7: a snapshot between two timers goes on with the rest, at any parallelism, before anything else', () => {
  const timers = 2 * TIMERS_AT_ONCE
  for (const parallelism of [1, 2]) {
    const old = new OperatorHarness(alarms)
    for (let key = 0; key < timers; key++) old.send(key, 1)
    old.operator.onWatermark(20)
    const before = keysOf(old.take())
    const restored = [old.snapshot()]
    const after = Array.from({ length: parallelism }, (_, subtask) => {
      const next = new OperatorHarness(alarms, { restored, subtask, parallelism })
      expect(next.operator.firing?.()).toBe(true)
      while (next.operator.firing?.() === true) next.operator.fireMore?.(TIMERS_AT_ONCE)
      const outputs = next.take()
      expect(outputs.at(-1)).toEqual({ kind: 'watermark', watermark: 20 })
      return keysOf(outputs)
    }).flat()
    expect(before).toHaveLength(TIMERS_AT_ONCE)
    expect([...before, ...after].sort((a, b) => Number(a) - Number(b)))
      .toEqual(Array.from({ length: timers }, (_, key) => key))
  }
})

test('ST-10: a checkpoint is taken while timers fire, and a failure after it fires the rest alone', async () => {
  const keys = 4 * TIMERS_AT_ONCE
  const out = collect<number>()
  let fired = 0
  /** A checkpoint came to its end while timers of the one watermark were firing. */
  let between = false
  let failed = false
  const record = (n: number) => ({ key: n, at: n < keys ? 0 : 1e12 })
  const options = { checkpoint: { every: '5ms' }, restart: { kind: 'fixed-delay', delay: '1ms', attempts: 1 } } as const
  const many = job('many', options, (j) => {
    j.from('records', generator({ record, count: keys + 1 }), { eventTime: ({ at }) => at })
      .keyBy(({ key }) => key)
      .process('alarm', { state: { seen: state.value<number>() } }, {
        onRecord({ key }, { state: { seen }, timer }) {
          if (key === keys) return
          seen.set(key)
          timer.at(1000)
        },
        onTimer(at, { key, state: { seen }, timer }) {
          fired += 1
          if (!between) {
            // Of the same watermark: timers go on firing until a checkpoint has come between.
            timer.at(at.getTime() + 1)
            return undefined
          }
          if (!failed) {
            failed = true
            throw new Error('after a checkpoint that came between')
          }
          expect(seen.get()).toBe(key)
          seen.clear()
          return [key]
        },
      })
      .to('out', out)
  })
  const outcome = await startJob(many, {
    onEvent: ({ kind }) => { if (kind === 'checkpoint' && fired > 0) between = true },
  }).done
  if (outcome.kind === 'failed') throw outcome.error
  expect(failed).toBe(true)
  expect(out.committed.toSorted((a, b) => a - b)).toEqual(Array.from({ length: keys }, (_, key) => key))
})
