import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MIN_TIMESTAMP } from '../../src/base/time.ts'
import { SplitWatermarks } from '../../src/time/split-watermarks.ts'
import { BoundedOutOfOrderness, IdlenessTimer } from '../../src/time/watermark-generator.ts'
import { assignWindows, checkAssigner, mergeWindows, windowStart } from '../../src/time/window-assigner.ts'

test('a window contains its timestamp, starts on the grid, and sliding gives every such window', () => {
  fc.assert(fc.property(fc.integer({ min: -10_000, max: 10_000 }), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), fc.integer({ min: -49, max: 49 }), (t, size, slide, offset) => {
    fc.pre(Math.abs(offset) < slide)
    const start = windowStart(t, offset, slide)
    expect(start <= t && t < start + slide).toBe(true)
    expect(Math.abs((start - offset) % slide)).toBe(0)
    const expected: number[] = []
    for (let s = t; s > t - size; s--) if ((((s - offset) % slide) + slide) % slide === 0) expected.push(s)
    const windows = assignWindows({ kind: 'sliding', time: 'event', sizeMs: size, slideMs: slide, offsetMs: offset }, t, 0)
    expect(windows.map((w) => w.start)).toEqual(expected)
    expect(windows.every((w) => w.end - w.start === size)).toBe(true)
  }))
})

test('merged sessions are apart, cover the same points, and name what they came from', () => {
  const window = fc.tuple(fc.nat(40), fc.nat(6)).map(([start, length]) => ({ start, end: start + length }))
  fc.assert(fc.property(fc.array(window, { maxLength: 12 }), (windows) => {
    const merges = mergeWindows(windows)
    for (const { merged, into } of merges) {
      expect(merged.length).toBeGreaterThan(1)
      expect(into).toEqual({ start: Math.min(...merged.map((w) => w.start)), end: Math.max(...merged.map((w) => w.end)) })
    }
    const gone = new Set(merges.flatMap((m) => m.merged.map((w) => `${w.start} ${w.end}`)))
    const alone = windows.filter((w) => !gone.has(`${w.start} ${w.end}`))
    const unique = [...new Map([...alone, ...merges.map((m) => m.into)].map((w) => [`${w.start} ${w.end}`, w])).values()]
      .sort((a, b) => a.start - b.start)
    for (let i = 1; i < unique.length; i++) expect(unique[i]!.start).toBeGreaterThan(unique[i - 1]!.end)
  }))
})

test('sizes, slides and offsets that make no grid are refused', () => {
  const bad = [[0, 1, 0], [-1, 1, 0], [10, 0, 0], [10, 5, 5], [10, 5, -6], [1.5, 1, 0]] as const
  for (const [sizeMs, slideMs, offsetMs] of bad) {
    expect(() => checkAssigner({ kind: 'sliding', time: 'event', sizeMs, slideMs, offsetMs }))
      .toThrow(expect.objectContaining({ code: 'E024' }))
  }
})

test('the bounded generator gives the maximum minus bound minus one, and MIN before the first record', () => {
  fc.assert(fc.property(fc.nat(1000), fc.array(fc.integer({ min: -5000, max: 5000 })), (bound, times) => {
    const generator = new BoundedOutOfOrderness(bound)
    for (const time of times) generator.onEvent(time)
    expect(generator.watermark).toBe(times.length === 0 ? MIN_TIMESTAMP : Math.max(...times) - bound - 1)
  }))
})

test('idleness is reached strictly after the timeout since the first quiet check', () => {
  let now = 0
  const timer = new IdlenessTimer(10, () => now)
  const at = (time: number): boolean => {
    now = time
    return timer.check()
  }
  expect([at(0), at(10), at(11)]).toEqual([false, false, true])
  timer.activity()
  expect([at(12), at(30), at(41)]).toEqual([false, false, true])
})

test('split watermarks: minimum over what is not idle, monotone, nothing from no splits', () => {
  const command = fc.tuple(fc.constantFrom('add', 'wm', 'wm', 'idle', 'active', 'remove'), fc.constantFrom('p', 'q', 'r'), fc.nat(20))
  fc.assert(fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
    const splits = new SplitWatermarks()
    const model = new Map<string, { wm: number; idle: boolean }>()
    let out = MIN_TIMESTAMP
    for (const [kind, id, wm] of commands) {
      const part = model.get(id)
      if (kind === 'add' ? part !== undefined : part === undefined) continue
      const before = [splits.watermark, splits.idle]
      let changed: boolean | undefined
      if (kind === 'add') {
        model.set(id, { wm: MIN_TIMESTAMP, idle: false })
        splits.add(id)
      } else if (kind === 'wm') {
        model.set(id, { wm: Math.max(part!.wm, wm), idle: false })
        changed = splits.onWatermark(id, wm)
      } else if (kind === 'remove') {
        model.delete(id)
        changed = splits.remove(id)
      } else {
        model.set(id, { wm: part!.wm, idle: kind === 'idle' })
        changed = splits.onIdle(id, kind === 'idle')
      }
      const active = [...model.values()].filter((each) => !each.idle).map((each) => each.wm)
      if (active.length > 0) out = Math.max(out, Math.min(...active))
      expect(splits.watermark).toBe(out)
      if (model.size > 0) expect(splits.idle).toBe(active.length === 0)
      if (changed !== undefined) expect(changed).toBe(before[0] !== splits.watermark || before[1] !== splits.idle)
    }
  }))
})
