import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { failpoints, stepName, STEPS } from '../../src/host/failpoints.ts'

const SOURCE = new URL('../../src/', import.meta.url).pathname
const PROBE = /\b#?probe\((?:'([^']+)'|`([^`]+)`)\)/g

test('STEPS names exactly the steps that the engine reports', () => {
  const reported = new Set<string>()
  for (const name of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    for (const [, plain, counted] of readFileSync(join(SOURCE, name), 'utf8').matchAll(PROBE)) {
      reported.add(plain ?? (counted as string).replace(/\$\{[^}]+\}/, 'k'))
    }
  }
  expect([...reported].toSorted()).toEqual(STEPS.toSorted())
})

test('a counted step is found by its number and by k, the others by their name', () => {
  expect(stepName('cp.ack.recv.12')).toBe('cp.ack.recv.k')
  expect(stepName('commit.3.before')).toBe('commit.k.before')
  expect(stepName('cp.acks.all')).toBe('cp.acks.all')
  const warnings: string[] = []
  const probe = failpoints('gc.k=throw@2,cp.ack.recv.3=throw', (text) => warnings.push(text))
  expect(warnings.length).toBe(1)
  probe('gc.1')
  expect(() => probe('gc.2')).toThrow(/Failpoint gc.k threw/)
  probe('gc.3')
  probe('cp.ack.recv.2')
  expect(() => probe('cp.ack.recv.3')).toThrow(/cp.ack.recv.3/)
})

test('a step counted for three threads is no failpoint for the fourth in that place', () => {
  const dies = (generation: number) => () => failpoints('gc.k=throw@1x3', () => {}, generation)('gc.1')
  for (const generation of [1, 2, 3]) expect(dies(generation)).toThrow(/gc.k/)
  expect(dies(4)).not.toThrow()
})

test('without the variable a probe does nothing; an unknown step is refused with the list of steps', () => {
  expect(() => failpoints(undefined, () => {})('src.poll')).not.toThrow()
  expect(() => failpoints('cp.manifest.lost=kill9', () => {})).toThrow(/cp.manifest.lost/)
})
