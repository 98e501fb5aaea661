import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createJiti } from 'jiti'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { importKept, keep } from '../../src/host/load/compiled-jobs.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-kept-'))
const cache = join(root, 'node_modules/.cache/tidemark')
const engine = { tidemark: 'the engine' }
const file = join(root, 'job.ts')

afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  rmSync(root, { recursive: true })
  mkdirSync(join(root, 'node_modules/other'), { recursive: true })
  write('node_modules/other/package.json', '{"name":"other","version":"1.0.0","type":"module","exports":"./main.js"}')
  write('node_modules/other/main.js', 'export default "the default"; export const named = "a name"')
  write('plain.mjs', 'export const plain = "plain"')
  write('part.ts', 'import { own } from "./job.ts"; export const part: number = 7; export const later = () => own')
  write('job.ts', `import * as tidemark from 'tidemark'
import other, { named } from 'other'
import * as everything from 'other'
import { join } from 'node:path'
import { part, later } from './part.ts'
import { plain } from './plain.mjs'
interface Unused { readonly a: string }
// A comment about a module and what others require. It must not matter.
export const own = 'own'
export const all = { other, named, everything: everything.named, joined: join('a', 'b'), part, plain, url: import.meta.url, engine: tidemark }
export const thrower = (): Unused => { throw new Error('thrown in line 11') }
export default () => later()
`)
})

const write = (name: string, text: string): void => writeFileSync(join(root, name), text)
const kept = (): ReturnType<typeof importKept> => importKept(file, cache, () => Promise.resolve(engine))

async function compile(): Promise<Readonly<Record<string, unknown>>> {
  const jiti = createJiti(file, {
    fsCache: cache, moduleCache: false, interopDefault: false, virtualModules: { tidemark: engine },
  })
  const module = await jiti.import<Record<string, unknown>>(file)
  keep(file, cache, jiti)
  return module
}
const keptFiles = (): string[] => readdirSync(cache).filter((name) => name.endsWith('.job.json'))

test('kept code exports what the compiler loads: packages, defaults, parts, cycles, the engine', async () => {
  expect(await kept()).toBeUndefined()
  const compiled = await compile()
  const module = await kept()
  expect(Object.keys(module ?? {}).sort()).toEqual(Object.keys(compiled).sort())
  expect(module?.['all']).toMatchObject({
    other: 'the default', named: 'a name', everything: 'a name', joined: 'a/b', part: 7, plain: 'plain',
    url: `file://${file}`, engine,
  })
  expect(compiled['all']).toMatchObject({ named: 'a name', part: 7, url: `file://${file}`, engine })
  const loaded = module?.['default'] as (() => string) | undefined
  expect(loaded?.()).toBe('own')
})

test('an error in kept code has the file and line of the source', async () => {
  await compile()
  const thrower = (await kept())?.['thrower'] as () => void
  let stack = ''
  try {
    thrower()
  } catch (error) {
    stack = (error as Error).stack ?? ''
  }
  expect(stack).toContain(`${file}:11:`)
})

test('a module that throws while it is loaded is not loaded a second time', async () => {
  write('job.ts', 'globalThis.tidemarkRuns = (globalThis.tidemarkRuns ?? 0) + 1\nif (globalThis.tidemarkRuns > 1) throw new Error("second")\nexport const a = 1\n')
  await compile()
  await expect(kept()).rejects.toThrow('second')
  expect((globalThis as { tidemarkRuns?: number }).tidemarkRuns).toBe(2)
})

test.each(['job.ts', 'part.ts'])('after a change of %s the compiler is asked', async (name) => {
  await compile()
  expect(await kept()).toBeDefined()
  write(name, `${readFileSync(join(root, name), 'utf8')}\nexport const more = 1\n`)
  expect(await kept()).toBeUndefined()
})

test('after an imported file or package is gone the compiler is asked', async () => {
  await compile()
  rmSync(join(root, 'node_modules/other'), { recursive: true })
  expect(await kept()).toBeUndefined()
})

test('kept code that others may write to, or that is damaged, is not run', async () => {
  await compile()
  const path = join(cache, keptFiles()[0] as string)
  const good = readFileSync(path, 'utf8')
  for (const mode of [0o620, 0o602, 0o666]) {
    chmodSync(path, mode)
    expect(await kept()).toBeUndefined()
  }
  chmodSync(path, 0o600)
  expect(await kept()).toBeDefined()
  for (const text of [good.slice(0, -9), '{}', good.replace('tidemark.job/1', 'tidemark.job/0')]) {
    writeFileSync(path, text)
    expect(await kept()).toBeUndefined()
  }
})

test.each([
  ['a path without its ending', `import { part } from './part'\nexport const a = part\n`],
  ['a computed import', `const name = './part.ts'\nexport const a = await import(name)\n`],
  ['require', `export const a = typeof require('node:fs')\n`],
])('%s is left to the compiler, and what was kept before goes', async (_, text) => {
  await compile()
  expect(keptFiles()).toHaveLength(1)
  write('part.ts', 'export const part = 7\n')
  write('job.ts', text)
  expect((await compile())['a']).toBeDefined()
  expect(keptFiles()).toHaveLength(0)
})

test('a cache that cannot be written does no harm', async () => {
  rmSync(cache, { recursive: true, force: true })
  const jiti = createJiti(file, { fsCache: false, interopDefault: false, virtualModules: { tidemark: engine } })
  write('node_modules/.cache', 'a file where the directory should be')
  keep(file, cache, jiti)
  expect(existsSync(cache)).toBe(false)
})
