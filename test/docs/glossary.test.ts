import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { classesIn, sourceFiles } from '../../scripts/lib/source-facts.mjs'

const ROOT = join(import.meta.dirname, '../..')
const SRC = join(ROOT, 'packages/tidemark/src')
const page = readFileSync(join(ROOT, 'docs/glossary.md'), 'utf8')
const [terms = '', classes = ''] = page.split('<!-- classes -->')
const rows = (table: string): string[][] =>
  table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| term') && !line.startsWith('| class'))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()))

describe('docs/glossary.md', () => {
  test.each(rows(terms).map(([term, , where]) => [term, where] as const))(
    'the term %s names a place in the source that is there: %s',
    (_, where = '') => {
      const [, identifier, file = ''] = /^(?:`(\w+)` in )?`([\w/.-]+\.ts)`$/.exec(where) ?? []
      expect(existsSync(join(SRC, file)), `${file} exists`).toBe(true)
      if (identifier === undefined) return
      const text = readFileSync(join(SRC, file), 'utf8')
      expect(text).toMatch(new RegExp(`export (?:abstract |async )?(?:class|const|function\\*?|interface|type) ${identifier}\\b`))
    },
  )

  test('terms are sorted and each stands once', () => {
    const names = rows(terms).map(([term = '']) => term)
    expect(names).toEqual([...new Set(names)].sort())
    expect(names.length).toBeGreaterThan(20)
  })

  test('the class table holds exactly the exported classes of the core', () => {
    const listed = rows(classes).map(([name, file]) => `${name} ${file}`)
    expect(listed).toEqual(classesIn(sourceFiles(ROOT)).map(({ name, file }) => `\`${name}\` ${file}`))
  })
})
