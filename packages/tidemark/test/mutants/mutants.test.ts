/** Known bugs, put in on purpose: the quickest of each class here, all of them by `npm run mutants`. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runMutants } from '../../../../scripts/mutants.mjs'
import { MUTANTS, QUICK } from './catalogue.mjs'

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url))

test('every patch of every mutant still fits the source, and changes it', () => {
  for (const { name, patches } of MUTANTS) {
    for (const { file, find, replace } of patches) {
      expect(readFileSync(SOURCE + file, 'utf8').split(find).length - 1, `${name} in ${file}`).toBe(1)
      expect(find).not.toBe(replace)
    }
  }
})

test('there are at least two mutants of each class of bugs, and no two of one name', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  for (const kind of 'ABCDEFGILNPRSUVW') {
    expect(MUTANTS.filter((one) => one.class === kind).length, kind).toBeGreaterThanOrEqual(2)
  }
})

test('the quickest mutants of each class are noticed', async () => {
  const quick = MUTANTS.filter(({ name }) => QUICK.includes(name))
  expect(quick.length).toBe(QUICK.length)
  const results = await runMutants(quick, 2)
  expect(results.filter(({ caught }) => !caught)).toEqual([])
}, 600_000)
