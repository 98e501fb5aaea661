import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { invariantsOf, sourceFiles } from '../../scripts/lib/source-facts.mjs'

const ROOT = join(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/invariants.md'), 'utf8')
const inSource = invariantsOf(sourceFiles(ROOT))

function documented(): string[] {
  let file = ''
  return page.split('\n').flatMap((line) => {
    if (line.startsWith('## ')) file = line.slice(3)
    const match = /^- \*\*([A-Z]{2,3}-\d+)\*\* (.*)$/.exec(line)
    return match === null ? [] : [`${file} ${match[1]} ${match[2]}`]
  })
}

describe('docs/invariants.md', () => {
  test('it holds exactly the numbered laws of the file headers, word for word', () => {
    const laws = inSource.map(({ file, id, law }) => `${file} ${id} ${law.replace(/</g, '&lt;')}`)
    expect(documented()).toEqual(laws)
    expect(laws.length).toBeGreaterThan(20)
  })

  test('an id names one law', () => {
    const files = new Map<string, string[]>()
    for (const { id, file } of inSource) files.set(id, [...(files.get(id) ?? []), file])
    expect([...files].filter(([, where]) => where.length > 1)).toEqual([])
  })

  test('an id that a comment or a test names exists', () => {
    const known = new Set(inSource.map(({ id }) => id))
    const prefixes = new Set([...known].map((id) => id.split('-')[0]))
    const named = sourceFiles(ROOT).flatMap(({ name, text }) =>
      [...text.matchAll(/\b([A-Z]{2,3})-(\d+)\b/g)]
        .filter(([id, prefix]) => prefixes.has(prefix) && !known.has(id))
        .map(([id]) => `${name}: ${id}`))
    expect(named).toEqual([])
  })
})
