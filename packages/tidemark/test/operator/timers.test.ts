import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ProcessSpec } from '../../src/graph/operator-spec.ts'
import { TimerQueue, type Timer } from '../../src/operator/timer-queue.ts'
import { KeyedSnapshotBuilder } from '../../src/state/keyed-snapshot.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { verifyInAllModes } from '../../src/testing/operator-script.ts'
import { KEY_GROUPS } from '../state/increments-rig.ts'

const queueOf = (name: string): TimerQueue =>
  new TimerQueue((extent) => new KeyedSnapshotBuilder({ name, kind: 'timers', version: 1, extent, maxParallelism: KEY_GROUPS }))
const registered = (queue: TimerQueue): Timer[] => Array.from(queue.slots('of now'), ([, timer]) => timer)
const idOf = ({ key, namespace, time }: Timer): object => ({ key, namespace, time })

test('the timer queue equals a sorted list under any adds, deletes and pops', () => {
  const op = fc.record({
    kind: fc.constantFrom('add', 'add', 'add', 'add', 'delete', 'pop', 'pop', 'list'), key: fc.constantFrom('a', 1, 1n), time: fc.nat(12),
    ns: fc.constantFrom(undefined, { start: 0, end: 5 }, { start: 0, end: 6 }),
  })
  fc.assert(fc.property(fc.array(op, { maxLength: 200 }), (ops) => {
    const queue = queueOf('t')
    let model: { id: string; time: number; key: unknown }[] = []
    for (const { kind, key, time, ns } of ops) {
      const id = `${typeof key}${key} ${ns?.start} ${ns?.end} ${time}`
      const known = model.some((each) => each.id === id)
      if (kind === 'add') {
        expect(queue.add(key, ns, time)).toBe(!known)
        if (!known) model.push({ id, time, key })
      } else if (kind === 'delete') {
        expect(queue.delete(key, ns, time)).toBe(known)
        model = model.filter((each) => each.id !== id)
      } else if (kind === 'pop') {
        const due = model.filter((each) => each.time <= time)
        const first = due.find((each) => each.time === Math.min(...due.map((d) => d.time)))
        const popped = queue.pop(time)
        expect(popped?.time).toBe(first?.time)
        expect(popped?.key).toBe(first?.key)
        model = model.filter((each) => each !== first)
      } else {
        expect(registered(queue).map((timer) => [timer.time, timer.key])).toEqual(model.map((each) => [each.time, each.key]))
      }
      expect(queue.count).toBe(model.length)
    }
    // TQ-4: what is registered anew in this order fires in the same order.
    const anew = queueOf('t')
    for (const { key, namespace, time } of registered(queue)) anew.add(key, namespace, time)
    for (let timer = queue.pop(12); timer !== undefined; timer = queue.pop(12)) expect(anew.pop(12)).toMatchObject(idOf(timer))
    expect(anew.count).toBe(0)
  }))
})

/** Sets what the record says, reports what fires. */
const scripted: ProcessSpec = {
  kind: 'process', keyOf: (r: any) => r.key, state: { seen: { kind: 'value', version: 1 } }, sides: ['fired'],
  onRecord(record, ctx) {
    ctx.state.seen.update((n: number | undefined) => (n ?? 0) + 1)
    if (record.at !== undefined) ctx.timer.at(record.at)
    if (record.wall !== undefined) ctx.timer.atProcessingTime(record.wall)
    if (record.cancel !== undefined) ctx.timer.cancel(record.cancel)
  },
  * onTimer(time, ctx) {
    ctx.side.fired(`${ctx.key}@${ctx.watermark}`)
    yield [ctx.timerDomain, ctx.key, time.getTime(), ctx.state.seen.get()]
  },
}

test('timers fire once, in time order, with their key and state, in every mode', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('send' as const), timestamp: fc.nat(9), value: fc.record({
      key: fc.constantFrom('a', 'b', 7), at: fc.option(fc.nat(20), { nil: undefined }),
      wall: fc.option(fc.nat(20), { nil: undefined }), cancel: fc.option(fc.nat(20), { nil: undefined }),
    }) }),
    fc.record({ kind: fc.constant('watermark' as const), watermark: fc.nat(25) }),
    fc.record({ kind: fc.constant('processing-time' as const), nowMs: fc.integer({ min: 0, max: 25 }) }),
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
    const outputs = verifyInAllModes({ operator: scripted, steps })
    outputs.forEach((step_, i) => {
      const times = step_.flatMap((o) => (o.kind === 'record' && o.tag === 'main' ? [(o.value as any)[2] as number] : []))
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      // A timer set for a time already reached waits for the next advance of its clock.
      if (steps[i]!.kind === 'watermark') for (const t of times) expect(t).toBeLessThanOrEqual((steps[i] as any).watermark)
    })
  }), { numRuns: 60 })
})

test('outputs carry the time of the record or event timer; those of a processing timer carry none', () => {
  const harness = new OperatorHarness(scripted)
  harness.send({ key: 'a', at: 10, wall: 5 }, 3)
  harness.processingTime(5)
  harness.watermark(12)
  expect(harness.outputs.map((o) => (o.kind === 'record' ? [o.tag, o.timestamp] : o.kind))).toEqual([
    ['fired', undefined], ['main', undefined], ['fired', 10], ['main', 10], 'watermark',
  ])
})

test('processing-time timers of the past fire at once after a restore, and never twice', () => {
  const before = new OperatorHarness(scripted)
  before.send({ key: 'a', wall: 50 }, 1)
  const restored = [before.snapshot()]
  const after = new OperatorHarness(scripted, { restored, nowMs: 60 })
  expect(after.values()).toEqual([['processing', 'a', 50, 1]])
  after.processingTime(1000)
  expect(after.values()).toHaveLength(1)
})

test('a timer at no point in time, and a timer without a key, are refused with the operator named', () => {
  const harness = new OperatorHarness(scripted)
  expect(() => harness.send({ key: 'a', at: Number.NaN }, 1)).toThrow(expect.objectContaining({ code: 'E063' }))
  const { keyOf: _, ...unkeyed } = scripted
  expect(() => new OperatorHarness({ ...unkeyed, state: {} , onRecord: (_r, ctx) => ctx.timer.at(1) }).send({}, 1))
    .toThrow(expect.objectContaining({ code: 'E064' }))
})
