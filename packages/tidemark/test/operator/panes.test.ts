import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createGeneralWindow } from '../../src/operator/window-general.ts'
import { createWindow } from '../../src/operator/window.ts'
import { createPaneWindow, sharesPanes } from '../../src/operator/window-panes.ts'
import { compareOutputs, runScript, ScaledHarness, type ScriptStep } from '../../src/testing/operator-script.ts'
import { PaneGrid } from '../../src/time/panes.ts'
import { windowStart } from '../../src/time/window-assigner.ts'
import { aggregateWindow, exactCountAndSum, exactWindow, sliding, type Row } from './specs.ts'
import { comparable, lateness, model, steps } from './window-model.ts'

const overlapping = fc.tuple(
  fc.integer({ min: 2, max: 14 }), fc.integer({ min: 1, max: 13 }), fc.integer({ min: -6, max: 6 }),
).filter(([size, slide, offset]) => slide < size && Math.abs(offset) < slide)
  .map(([size, slide, offset]) => sliding(size, slide, offset))

test('PE-1, PE-2: panes cover all time once, windows are unions of them, two a slide at most', () => {
  fc.assert(fc.property(overlapping, fc.integer({ min: -100, max: 100 }), (assigner, time) => {
    if (assigner.kind !== 'sliding') throw new Error('sliding')
    const { sizeMs, slideMs, offsetMs } = assigner
    const grid = new PaneGrid(sizeMs, slideMs, offsetMs)
    const start = grid.startOf(time)
    const end = grid.endOf(start)
    expect(start <= time && time < end).toBe(true)
    expect(grid.startOf(end)).toBe(end)
    expect(grid.endOf(grid.startOf(start - 1))).toBe(start)
    const windows: number[] = []
    for (let s = start - sizeMs; s <= end; s++) {
      if (windowStart(s, offsetMs, slideMs) === s && s <= time && time < s + sizeMs) windows.push(s)
    }
    expect([grid.firstWindowOf(time), grid.lastWindowOf(time)]).toEqual([windows[0], windows.at(-1)])
    for (const window of windows) expect(start >= window && end <= window + sizeMs).toBe(true)
    let panes = 0
    for (let at = windowStart(time, offsetMs, slideMs); at < windowStart(time, offsetMs, slideMs) + slideMs; panes++) {
      at = grid.endOf(at)
    }
    expect(panes).toBeLessThanOrEqual(2)
  }))
})

test('paned, general and recomputed windows agree on any input, order, lateness and restore point', () => {
  fc.assert(fc.property(overlapping, lateness, steps, (assigner, latenessMs, script) => {
    const operator = exactWindow(assigner, { latenessMs })
    expect(sharesPanes(operator)).toBe(true)
    const paned = runScript({ operator, steps: script }, 'plain')
    expect(comparable(paned)).toEqual(model(operator, script))
    compareOutputs(paned, runScript({ operator, steps: script, create: createGeneralWindow }, 'plain'), 'general')
    compareOutputs(paned, runScript({ operator, steps: script }, 'restored'), 'restored')
    compareOutputs(paned, runScript({ operator, steps: script }, 'rescaled'), 'rescaled')
  }), { numRuns: 120 })
})

test('the operators of windows go on from a snapshot of panes, and panes are not chosen for theirs', () => {
  fc.assert(fc.property(overlapping, lateness, steps, steps, (assigner, latenessMs, before, after) => {
    const operator = exactWindow(assigner, { latenessMs })
    const general = exactWindow(assigner, { latenessMs, trigger: { kind: 'event-time' } })
    const inexact = aggregateWindow(assigner, { latenessMs })
    const outputs = [
      [operator, operator], [operator, inexact], [inexact, operator], [inexact, inexact], [inexact, general],
    ].map(([first, second]) => {
      const old = new ScaledHarness({ operator: first!, steps: [] })
      for (const each of before) old.play(each)
      const next = new ScaledHarness({ operator: second!, steps: [], create: createWindow })
      next.restore(2, old.snapshot())
      return after.map((each) => {
        next.play(each)
        return next.take()
      })
    })
    for (const other of outputs.slice(1)) compareOutputs(outputs[0]!, other, 'other')
  }), { numRuns: 60 })
})

test('PN-3: a restore that goes back before the end of a fired window fires no key twice', () => {
  const operator = exactWindow(sliding(10, 5), { latenessMs: 100 })
  const old = new ScaledHarness({ operator, steps: [], parallelism: 2 })
  for (const row of [['a', 1], ['b', 2], ['c', 3], ['d', 4]]) old.play({ kind: 'send', value: row, timestamp: 5 })
  old.subtasks[0]!.watermark(20)
  const before = old.take().filter((each) => each.kind === 'record')
  old.restore(1)
  old.restore(3) // what is held is in the snapshot too
  old.play({ kind: 'send', value: ['a', 5], timestamp: 6 })
  old.take()
  old.play({ kind: 'watermark', watermark: 30 })
  const after = old.take().flatMap((each) => (each.kind === 'record' ? [each.value as unknown[]] : []))
  expect(before.length).toBeGreaterThan(0)
  expect(after.length).toBeGreaterThan(0)
  const keysOf = (values: readonly unknown[][]): string[] => values.map(([key, start]) => `${String(key)} ${String(start)}`)
  const fired = keysOf(before.map((each) => each.value as unknown[]))
  expect(keysOf(after).filter((each) => fired.includes(each)).every((each) => each.startsWith('a'))).toBe(true)
  expect(new Set([...fired, ...keysOf(after)]).size).toBe(8)
  expect(after.filter(([key]) => key === 'a')).toEqual([['a', 0, 10, 2, 6], ['a', 5, 15, 2, 6]])
})

test('PU-3: panes are safe from an aggregate whose merge gives back its second argument', () => {
  const aggregate: typeof exactCountAndSum = {
    ...exactCountAndSum,
    merge: (a, b) => (a.count === 0 ? b : exactCountAndSum.merge!(a, b)),
  }
  const operator = exactWindow(sliding(9, 2), { latenessMs: 4 })
  if (operator.compute.kind !== 'aggregate') throw new Error('aggregate')
  const careless = { ...operator, compute: { ...operator.compute, aggregate } }
  const script: ScriptStep[] = Array.from({ length: 200 }, (_, i): ScriptStep => i % 5 === 4
    ? { kind: 'watermark', watermark: i - 8 }
    : { kind: 'send', value: ['a', i] satisfies Row, timestamp: i - (i % 7) })
  compareOutputs(
    runScript({ operator, steps: script, create: createGeneralWindow }, 'plain'),
    runScript({ operator: careless, steps: script, create: createPaneWindow }, 'plain'), 'careless')
})

test('a changed slide is refused and not miscounted', () => {
  const old = new ScaledHarness({ operator: exactWindow(sliding(10, 5)), steps: [] })
  old.play({ kind: 'send', value: ['a', 1], timestamp: 7 })
  const next = new ScaledHarness({ operator: exactWindow(sliding(10, 4)), steps: [] })
  expect(() => next.restore(1, old.snapshot())).toThrow(expect.objectContaining({ code: 'E140' }))
})
