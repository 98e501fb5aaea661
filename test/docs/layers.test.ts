import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXIT_MEANING } from '../../packages/tidemark/src/cli/exit-codes.ts'
import { STEPS } from '../../packages/tidemark/src/host/failpoints.ts'
import { ENGINE_SETTINGS } from '../../packages/tidemark/src/cli/settings.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const rules = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as {
  forbidden: { name: string; comment: string }[]
}

describe('pages that repeat a table of the source', () => {
  test('ARCHITECTURE.md draws the layers that the rules enforce', () => {
    const enforced = rules.forbidden.filter(({ name }) => name.startsWith('layer-'))
      .map(({ comment }) => /^(\w+) may import (.*)$/.exec(comment)?.slice(1) ?? [])
    const drawn = [...read('ARCHITECTURE.md').matchAll(/^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$/gm)]
      .map(([, layer, imports = '']) => [layer, imports.replaceAll('`', '').trim()])
    expect(drawn).toEqual(enforced)
  })

  test('ARCHITECTURE.md stays short', () => {
    expect(read('ARCHITECTURE.md').split('\n').length).toBeLessThanOrEqual(300)
  })

  test('docs/guide/reliability.md prints the exit codes', () => {
    const printed = [...read('docs/guide/reliability.md').matchAll(/^\| (\d+) \| (.+) \|$/gm)]
      .map(([, code, meaning]) => [Number(code), meaning])
    expect(printed).toEqual(EXIT_MEANING.map(([code, meaning]) => [code, meaning]))
  })

  test('docs/guide/reliability.md names every failpoint, and no other', () => {
    const section = read('docs/guide/reliability.md').split('## Failpoints')[1]?.split('\n## ')[0] ?? ''
    const rows = section.split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split('|')[1] ?? '')
    const named = rows.flatMap((cell) => [...cell.matchAll(/`([a-z.-]+)`/g)].map(([, step = '']) => step))
    expect(named.toSorted()).toEqual([...STEPS].sort())
  })

  test('docs/guide/reliability.md prints the settings of the engine', () => {
    const printed = [...read('docs/guide/reliability.md').matchAll(/^\| `(\w+)` \| (.+) \|$/gm)]
      .map(([, key, brief]) => [key, brief])
    expect(printed).toEqual(Object.entries(ENGINE_SETTINGS).map(([key, { brief }]) => [key, brief]))
  })
})
