import { expect, test } from 'vitest'
import { MAX_TIMESTAMP } from '../../src/base/time.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { aggregateWindow, session } from './specs.ts'

const trigger = { kind: 'continuous-event-time', intervalMs: 10 } as const

test('a continuous trigger on a window without end comes to an end with the input', () => {
  const harness = new OperatorHarness(aggregateWindow({ kind: 'global' }, { trigger }))
  harness.send(['a', 1], 3)
  harness.watermark(25)
  expect(harness.values()).toHaveLength(2)
  harness.watermark(MAX_TIMESTAMP)
  expect(harness.values()).toHaveLength(4)
})

test('a continuous trigger fires at every interval of a session and at its end, also at the end of the input', () => {
  const harness = new OperatorHarness(aggregateWindow(session(35), { trigger }))
  harness.send(['a', 1], 3)
  harness.watermark(MAX_TIMESTAMP)
  expect(harness.values()).toHaveLength(4) // 10, 20, 30, 37
})
