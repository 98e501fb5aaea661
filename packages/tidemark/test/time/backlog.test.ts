/** When a source counts as working off a backlog. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MIN_TIMESTAMP } from '../../src/base/time.ts'
import { Backlog, QUIET_MS } from '../../src/time/backlog.ts'
import { NOT_COUNTED } from '../../src/time/drift.ts'

test('BL-1 behind is who lags by more than the bound; before the first watermark nobody is', () => {
  const backlog = new Backlog(1_000)
  backlog.found(MIN_TIMESTAMP, 50_000)
  expect(backlog.behind).toBe(false)
  backlog.found(49_000, 50_000)
  expect(backlog.behind).toBe(false)
  backlog.found(48_999, 50_000)
  expect(backlog.behind).toBe(true)
  // The next split has begun, and has no watermark yet: it is what the one before was.
  backlog.found(MIN_TIMESTAMP, 60_000)
  expect(backlog.behind).toBe(true)
  backlog.found(NOT_COUNTED, 60_000)
  expect(backlog.behind).toBe(false)
})

test('BL-2 a pause between two fetches changes nothing, a longer one ends the backlog of old records', () => {
  const backlog = new Backlog(1_000)
  backlog.found(0, 50_000)
  expect(backlog.foundNothing(10)).toBe(QUIET_MS)
  expect(backlog.foundNothing(400)).toBe(QUIET_MS - 390)
  backlog.found(5, 50_500)
  expect(backlog.foundNothing(900)).toBe(QUIET_MS)
  expect(backlog.foundNothing(900 + QUIET_MS)).toBe(undefined)
  expect(backlog.behind).toBe(false)
  expect(backlog.foundNothing(99_000)).toBe(undefined)
})

test('BL-3 reports are the changes of the answer, and begin with a backlog', () => {
  fc.assert(fc.property(fc.array(fc.record({ lag: fc.nat(3_000), found: fc.boolean() })), (polls) => {
    const backlog = new Backlog(1_000)
    let monotonicMs = 0
    let said = false
    for (const { lag, found } of polls) {
      monotonicMs += lag
      if (found) backlog.found(100_000 - lag, 100_000)
      else backlog.foundNothing(monotonicMs)
      const report = backlog.report()
      expect(report).toBe(backlog.behind === said ? undefined : backlog.behind)
      said = backlog.behind
      expect(backlog.report()).toBe(undefined)
    }
  }))
})
