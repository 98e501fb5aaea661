import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../../src/base/time.ts'
import { WatermarkValve, type ValveChange } from '../../src/time/watermark-valve.ts'

type Command =
  | { kind: 'watermark'; ch: number; wm: number }
  | { kind: 'idle'; ch: number; idle: boolean }
  | { kind: 'finished'; ch: number }

/** The rules WV-1 to WV-4 written as a full recomputation from what each channel last said. */
class Model {
  readonly said: number[]
  readonly state: ('active' | 'behind' | 'idle' | 'finished')[]
  out = MIN_TIMESTAMP
  idle = false

  constructor(n: number) {
    this.said = Array.from({ length: n }, () => MIN_TIMESTAMP)
    this.state = Array.from({ length: n }, () => 'active')
  }

  apply(command: Command): { watermark: number | undefined; idle: boolean | undefined } {
    const { ch } = command
    const [out, idle] = [this.out, this.idle]
    const state = this.state[ch]
    const finishes = command.kind === 'finished' || (command.kind === 'watermark' && command.wm >= MAX_TIMESTAMP)
    if (state !== 'finished') {
      if (finishes) {
        this.state[ch] = 'finished'
        if (this.state.every((s) => s === 'finished')) {
          this.out = MAX_TIMESTAMP
          this.idle = false
        } else if (state !== 'idle') this.left(ch)
      } else if (command.kind === 'watermark' && state !== 'idle' && command.wm > this.said[ch]!) {
        this.said[ch] = command.wm
        if (command.wm >= this.out) this.state[ch] = 'active'
        this.minimum()
      } else if (command.kind === 'idle' && command.idle && state !== 'idle') {
        this.state[ch] = 'idle'
        this.left(ch)
      } else if (command.kind === 'idle' && !command.idle && state === 'idle') {
        this.state[ch] = this.said[ch]! >= this.out ? 'active' : 'behind'
        this.idle = false
      }
    }
    return {
      watermark: this.out === out ? undefined : this.out,
      idle: this.idle === idle ? undefined : this.idle,
    }
  }

  left(ch: number): void {
    const held = this.said[ch] === this.out
    if (this.state.some((s) => s === 'active' || s === 'behind')) {
      if (held) this.minimum()
      return
    }
    if (held) this.out = Math.max(this.out, ...this.said)
    this.idle = true
  }

  minimum(): void {
    const aligned = this.said.filter((_, i) => this.state[i] === 'active')
    if (aligned.length > 0) this.out = Math.max(this.out, Math.min(...aligned))
  }
}

const commands = (n: number) => fc.array(fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('watermark' as const), ch: fc.nat(n - 1), wm: fc.oneof({ weight: 9, arbitrary: fc.nat(30) }, { weight: 1, arbitrary: fc.constant(MAX_TIMESTAMP) }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('idle' as const), ch: fc.nat(n - 1), idle: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('finished' as const), ch: fc.nat(n - 1) }) },
), { maxLength: 60 })

function run(valve: WatermarkValve, command: Command): ValveChange {
  if (command.kind === 'watermark') return valve.onWatermark(command.ch, command.wm)
  return command.kind === 'idle' ? valve.onIdle(command.ch, command.idle) : valve.onFinished(command.ch)
}

test('the valve equals its model, and its watermark never decreases', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 4 }).chain((n) => fc.tuple(fc.constant(n), commands(n))), ([n, script]) => {
    const valve = new WatermarkValve(n)
    const model = new Model(n)
    let last = MIN_TIMESTAMP
    for (const command of script) {
      const change = run(valve, command)
      expect(change).toEqual(model.apply(command))
      if (change.watermark !== undefined) expect(change.watermark).toBeGreaterThan(last)
      last = valve.watermark
      expect([valve.watermark, valve.idle]).toEqual([model.out, model.idle])
    }
  }), { numRuns: 2000 })
})

test('an input that ends while the others are idle does not end event time (FLINK-38477)', () => {
  const valve = new WatermarkValve(2)
  valve.onWatermark(0, 10)
  valve.onIdle(1, true)
  expect(valve.onWatermark(0, MAX_TIMESTAMP)).toEqual({ watermark: undefined, idle: true })
  expect(valve.onIdle(1, false)).toEqual({ watermark: undefined, idle: false })
  expect(valve.onWatermark(1, 12)).toEqual({ watermark: 12, idle: undefined })
  expect(valve.onWatermark(1, MAX_TIMESTAMP)).toEqual({ watermark: MAX_TIMESTAMP, idle: undefined })
})

test('the end of all inputs gives MAX also where the last of them was idle', () => {
  const valve = new WatermarkValve(2)
  valve.onFinished(0)
  expect(valve.onIdle(1, true)).toEqual({ watermark: undefined, idle: true })
  expect(valve.onFinished(1)).toEqual({ watermark: MAX_TIMESTAMP, idle: false })
})

test('WV-5: whatever the others say, the watermark does not rise before its holder moves, and then it does', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 4 }).chain((n) => fc.tuple(fc.constant(n), commands(n))), ([n, script]) => {
    const valve = new WatermarkValve(n, ['a', 'b', 'c', 'd'])
    for (const command of script) run(valve, command)
    const { watermark, heldBy, idle } = valve.holder()
    expect([watermark, idle]).toEqual([valve.watermark, valve.idle])
    const holder = heldBy === undefined ? -1 : ['a', 'b', 'c', 'd'].indexOf(heldBy)
    if (watermark === MAX_TIMESTAMP) return
    for (let ch = 0; ch < n; ch++) if (ch !== holder) valve.onWatermark(ch, 1_000_000)
    if (holder < 0) {
      expect(valve.watermark).toBe(watermark)
      return
    }
    const before = valve.watermark
    valve.onWatermark(holder, 999_999)
    expect(valve.watermark).toBeGreaterThan(watermark)
    // Only where the holder had yet to catch up could the others move without it.
    if (before !== watermark) expect(before).toBe(1_000_000)
  }), { numRuns: 500 })
})

test('the holder is named', () => {
  const valve = new WatermarkValve(3, ['0/0', '0/1', '1/0'])
  valve.onWatermark(0, 5)
  valve.onWatermark(1, 3)
  valve.onWatermark(2, 9)
  expect(valve.holder()).toEqual({ watermark: 3, heldBy: '0/1', idle: false })
  valve.onIdle(1, true)
  expect(valve.holder()).toEqual({ watermark: 5, heldBy: '0/0', idle: false })
  valve.onFinished(0)
  valve.onIdle(2, true)
  expect(valve.holder()).toEqual({ watermark: 9, heldBy: undefined, idle: true })
})
