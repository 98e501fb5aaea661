import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/ports.ts'
import { MetricsTable, type SubtaskNumbers } from '../../src/observe/metrics-table.ts'

class HandClock implements Clock {
  nowMs = 0
  asked = 0

  wallMs(): number {
    return this.nowMs
  }

  monotonicMs(): number {
    this.asked += 1
    return this.nowMs
  }
}

const NUMBERS: SubtaskNumbers = {
  recordsIn: 7, recordsOut: 5, bytesIn: undefined, bytesOut: 900, inputFill: 0.5, outputFill: undefined,
  inputWatermark: -3, outputWatermark: undefined, eventTimeIdle: false,
}

const waits = fc.constantFrom('input' as const, 'output' as const, undefined)

describe('the metrics table', () => {
  test('MT-2 busy, idle and back-pressured time are those of a model, and their sum is the time that passed', () => {
    const steps = fc.array(fc.record({ waits, restsMs: fc.nat(1000), worksMs: fc.nat(1000) }), { maxLength: 30 })
    fc.assert(fc.property(steps, fc.nat(10_000), (all, startMs) => {
      const clock = new HandClock()
      clock.nowMs = startMs
      const table = new MetricsTable([2, 1])
      const cells = table.write(1, 0, clock, 500)
      const model = { input: 0, output: 0, busy: 0 }
      let state: 'input' | 'output' | 'busy' = 'input'
      const pass = (ms: number): void => {
        clock.nowMs += ms
        model[state] += ms
        const row = table.read(1, 0, clock.nowMs + 500)
        expect(row).toMatchObject({ busyMs: model.busy, idleMs: model.input, backPressuredMs: model.output })
        expect(row?.elapsedMs).toBe(model.busy + model.input + model.output)
        expect(row?.waitsFor ?? 'busy').toBe(state)
      }
      for (const { waits: next, restsMs, worksMs } of all) {
        cells.works()
        state = 'busy'
        pass(worksMs)
        cells.rests(next)
        state = next ?? 'busy'
        pass(restsMs)
      }
      cells.ends()
      const last = table.read(1, 0, clock.nowMs + 500)
      clock.nowMs += 1000
      expect(table.read(1, 0, clock.nowMs + 500)).toEqual(last)
      expect(last).toMatchObject({ ended: true, busyMs: model.busy, idleMs: model.input, backPressuredMs: model.output })
    }))
  })

  test('MT-3 steps that change nothing ask no clock and write nothing', () => {
    const clock = new HandClock()
    const table = new MetricsTable([1])
    const cells = table.write(0, 0, clock, 0)
    cells.works()
    const { asked } = clock
    const before = [...new Uint8Array(table.memory)]
    for (let step = 0; step < 100; step++) {
      cells.works()
      cells.rests(undefined)
    }
    expect(clock.asked).toBe(asked)
    expect([...new Uint8Array(table.memory)]).toEqual(before)
  })

  test('another view of the same memory reads what was written, of each row its own', () => {
    const clock = new HandClock()
    const mine = new MetricsTable([1, 2])
    const theirs = new MetricsTable([1, 2], mine.memory)
    mine.write(1, 1, clock, 0).publish(NUMBERS, 'numbers[0]')
    expect(theirs.read(1, 1, 4)).toMatchObject({ ...NUMBERS, elapsedMs: 4, idleMs: 4, watermarkHolder: 'numbers[0]' })
    expect(theirs.read(0, 0, 4)).toBeUndefined()
    expect(theirs.read(1, 0, 4)).toBeUndefined()
  })

  test('a row that is written anew keeps nothing of the one before; a long holder is cut', () => {
    const clock = new HandClock()
    const table = new MetricsTable([1])
    table.write(0, 0, clock, 0).publish(NUMBERS, 'a split')
    const cells = table.write(0, 0, clock, 0)
    expect(table.read(0, 0, 0)).toMatchObject({ recordsIn: 0, inputWatermark: undefined, watermarkHolder: undefined })
    cells.publish(NUMBERS, 'ö'.repeat(500))
    const holder = table.read(0, 0, 0)?.watermarkHolder ?? ''
    expect(holder).toMatch(/^ö+$/)
    expect(holder.length).toBeLessThan(100)
  })
})
