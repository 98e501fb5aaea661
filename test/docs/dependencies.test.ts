import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesWithAny, sourceFiles } from '../../scripts/lib/source-facts.mjs'

const ROOT = join(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8')
const packageJson = (path: string): Record<string, Record<string, string>> =>
  JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
const [packages = '', any = ''] = page.split('## any')

describe('docs/dependencies.md', () => {
  test('every dependency of the engine and of the workspace has a row with its version, and nothing else has', () => {
    const engine = packageJson('packages/tidemark/package.json')
    const workspace = packageJson('package.json')
    const wanted = { ...engine['dependencies'], ...workspace['devDependencies'] }
    const listed = [...packages.matchAll(/^\| `([^`]+)` \| ([^ |]+) \|/gm)].map(([, name, version]) => [name, version])
    expect(Object.fromEntries(listed)).toEqual(wanted)
  })

  test('every file that uses `any` is listed with its reason, and no other', () => {
    const listed = [...any.matchAll(/^\| ([\w/.-]+\.ts) \| \S.*\|$/gm)].map(([, file]) => file)
    expect(listed).toEqual(filesWithAny(sourceFiles(ROOT)))
  })
})
