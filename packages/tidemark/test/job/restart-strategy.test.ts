import { expect, test } from 'vitest'
import { DEFAULT_RESTART } from '../../src/graph/logical-graph.ts'
import { decideRestart } from '../../src/job/restart-strategy.ts'

test('an error that cannot heal is never retried, whatever the strategy', () => {
  const fixed = { kind: 'fixed-delay', delayMs: 5, attempts: 3 } as const
  for (const strategy of [DEFAULT_RESTART, fixed, { kind: 'none' } as const]) {
    expect(decideRestart(strategy, 0, false)).toEqual({ kind: 'give-up', why: 'not-retryable' })
  }
})

test('none gives up at the first failure', () => {
  expect(decideRestart({ kind: 'none' }, 0, true)).toEqual({ kind: 'give-up', why: 'no-restart' })
})

test('a fixed delay is the same each time and ends with its budget', () => {
  const strategy = { kind: 'fixed-delay', delayMs: 250, attempts: 2 } as const
  expect([0, 1, 2].map((restarts) => decideRestart(strategy, restarts, true))).toEqual([
    { kind: 'restart', delayMs: 250 },
    { kind: 'restart', delayMs: 250 },
    { kind: 'give-up', why: 'budget-spent' },
  ])
})

test('exponential: the first restart is immediate, then the delay grows by the factor up to its most', () => {
  const strategy = { kind: 'exponential-delay', initialMs: 100, maxMs: 1_000, factor: 2, attempts: 7 } as const
  const delays = [0, 1, 2, 3, 4, 5, 6].map((restarts) => decideRestart(strategy, restarts, true))
  expect(delays.map((decision) => (decision.kind === 'restart' ? decision.delayMs : decision.why))).toEqual([
    0, 100, 200, 400, 800, 1_000, 1_000,
  ])
  expect(decideRestart(strategy, 7, true)).toEqual({ kind: 'give-up', why: 'budget-spent' })
})
