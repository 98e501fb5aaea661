/** The fault catalogue is complete, and all that it names is there. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { allFaults } from '../../../../scripts/destroy/campaign.mjs'
import { Prng } from '../../src/base/prng.ts'
import { STEPS } from '../../src/host/failpoints.ts'
import { drawFaults, drawMoreFaults } from '../../src/host/simulator/faults.ts'
import { FAULTS, faultPage, type Proof } from './catalogue.mjs'

const TESTS = new URL('../', import.meta.url)
const PAGE = new URL('../../../../docs/faults.md', import.meta.url)
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `F${String(from + i).padStart(2, '0')}`)

/** Strings that stand first behind `test(` or `it(`, or behind the table of a `test.each(…)`. */
function titlesIn(text: string): ReadonlySet<string> {
  const TITLE = /(?:\b(?:test|it)(?:\.skipIf\([^\n]*?\)|\.\w+)?(?:<[^(\n]*>)?\(|\)\()\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1\s*,/g
  return new Set([...text.matchAll(TITLE)].map(([, , title]) => (title as string).replaceAll(/\\(['"`])/g, '$1')))
}

const destroyable = new Set(allFaults(STEPS).map(({ name }) => name))
const drawable = new Set(['protocol', 'full'].flatMap((kind) =>
  Object.keys({ ...drawFaults(new Prng(1), 10), ...drawMoreFaults(new Prng(1), kind as 'protocol' | 'full') })))

function missing(proof: Proof): string | undefined {
  if (proof.kind === 'destroy') return destroyable.has(proof.name) ? undefined : `destroy has no ${proof.name}`
  if (proof.kind === 'drawn') return drawable.has(proof.name) ? undefined : `no seed draws ${proof.name}`
  if (proof.kind === 'step') return STEPS.includes(proof.name) ? undefined : `there is no step ${proof.name}`
  const url = new URL(proof.file, TESTS)
  if (!existsSync(url)) return `there is no ${proof.file}`
  return titlesIn(readFileSync(url, 'utf8')).has(proof.title) ? undefined : `${proof.file} has no test "${proof.title}"`
}

describe('the fault catalogue', () => {
  test('has every row of processes, storage, time, load and the engine itself exactly once, in order', () => {
    expect(FAULTS.map(({ id }) => id)).toEqual([...numbers(1, 59), ...numbers(76, 80)])
  })

  test('names only tests, faults and steps that exist', () => {
    expect(FAULTS.flatMap(({ id, by }) => by.map(missing).filter((what) => what !== undefined).map((what) => `${id}: ${what}`)))
      .toEqual([])
  })

  test('has a proof of each row, or says which capability it waits for', () => {
    expect(FAULTS.filter(({ by, needs }) => by.length === 0 && needs === undefined).map(({ id }) => id)).toEqual([])
    const simulated = ({ kind, ...proof }: Proof): boolean => kind !== 'destroy' && !('file' in proof && proof.file.startsWith('e2e/'))
    const lacking = FAULTS.filter(({ layers, by, needs }) => layers.includes('S') && needs === undefined && !by.some(simulated))
    expect(lacking.map(({ id }) => id)).toEqual([])
  })

  test('agrees with the rows that each fault of destroy says it is for', () => {
    const listed = (name: string): string[] =>
      FAULTS.filter(({ by }) => by.some((proof) => proof.kind === 'destroy' && proof.name === name)).map(({ id }) => id)
    for (const { name, rows } of allFaults(STEPS)) {
      for (const id of listed(name)) expect(rows, `${name} and ${id}`).toContain(id)
    }
  })

  test('is what docs/faults.md says', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(faultPage())
  })
})
