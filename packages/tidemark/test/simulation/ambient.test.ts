/** The engine asks its ports and nobody else: with the ambient ones gone, every seed runs as before. */
import { afterEach, expect, test } from 'vitest'
import { simulate, simulateProtocol } from '../../src/host/simulator/simulator.ts'

const REAL = { now: Date.now, random: Math.random }
const realPerformance = globalThis.performance
const TIMERS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'] as const
const real = Object.fromEntries(TIMERS.map((name) => [name, globalThis[name]]))

function refuse(name: string): () => never {
  return () => {
    throw new Error(`${name} was used in a simulation`)
  }
}

function takeAwayTheWorld(): void {
  Date.now = refuse('Date.now')
  Math.random = refuse('Math.random')
  Object.assign(globalThis, { performance: { now: refuse('performance.now') } })
  for (const name of TIMERS) Object.assign(globalThis, { [name]: refuse(name) })
}

function giveItBack(): void {
  Date.now = REAL.now
  Math.random = REAL.random
  Object.assign(globalThis, real, { performance: realPerformance })
}

afterEach(giveItBack)

test('no clock, timer or chance but that of the ports is used', () => {
  const outcomes: unknown[] = []
  takeAwayTheWorld()
  try {
    for (let seed = 1; seed <= 40; seed++) outcomes.push(simulateProtocol(seed).violation)
    for (let seed = 1; seed <= 15; seed++) outcomes.push(simulate(seed).violation)
  } finally {
    giveItBack()
  }
  expect(outcomes).toEqual(outcomes.map(() => undefined))
})

test('what is taken away does fail loudly', () => {
  takeAwayTheWorld()
  const uses = [() => Date.now(), () => Math.random(), () => setTimeout(() => {}, 0)]
  const thrown = uses.map((use) => {
    try {
      use()
      return 'nothing'
    } catch (error) {
      return (error as Error).message
    }
  })
  giveItBack()
  expect(thrown).toEqual(['Date.now', 'Math.random', 'setTimeout'].map((name) => `${name} was used in a simulation`))
})
