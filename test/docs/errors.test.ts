import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { exitCodeOf } from '../../packages/tidemark/src/cli/exit-codes.ts'
import type { ErrorDefinition } from '../../packages/tidemark/src/base/errors.ts'
import { codesIn, definitionsIn, errorFiles, sourceFiles } from '../../scripts/lib/source-facts.mjs'

const ROOT = join(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
const documented = new Map(page.split(/^## /m).slice(1).map((section) => [section.slice(0, 4), section]))
const files = sourceFiles(ROOT)

describe('docs/errors.md', () => {
  let definitions: readonly ErrorDefinition<never>[]
  beforeAll(async () => {
    definitions = definitionsIn(await Promise.all(errorFiles(files).map(({ path }) => import(path))))
  })

  test('every error of the source has a section, and every section an error', () => {
    expect([...documented.keys()].sort()).toEqual(definitions.map(({ code }) => code))
  })

  test('every code that is written in the source is defined once', () => {
    const codes = codesIn(files).map(({ code }) => code).sort()
    expect(codes).toEqual(definitions.map(({ code }) => code))
  })

  test('title, kind, exit code and whether it is retried are those of the definition', () => {
    for (const { code, title, kind, retryable } of definitions) {
      const again = retryable ? 'the job is restarted' : 'not retried'
      expect(documented.get(code), code).toContain(
        `**${title}** · kind \`${kind}\` · exit code ${exitCodeOf({ code, kind })} · ${again}`,
      )
    }
  })
})
