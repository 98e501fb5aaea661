/** Runs tests against the source with one mutant in it (TIDEMARK_MUTANT), patched as it is loaded. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { MUTANTS } from './catalogue.mjs'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url))
const name = process.env['TIDEMARK_MUTANT']
const mutant = MUTANTS.find((one) => one.name === name)
if (name !== undefined && mutant === undefined) throw new Error(`there is no mutant ${name}`)

export default defineConfig({
  root: ROOT,
  plugins: [{
    name: 'mutant',
    enforce: 'pre',
    load(id) {
      const path = id.split('?')[0] as string
      const patches = mutant?.patches.filter(({ file }) => path === SOURCE + file) ?? []
      if (patches.length === 0) return undefined
      return patches.reduce((text, { find, replace }) => text.replace(find, () => replace), readFileSync(path, 'utf8'))
    },
  }],
  test: { include: ['packages/tidemark/test/**/*.test.ts'], testTimeout: 120_000 },
  resolve: { conditions: ['source'] },
})
