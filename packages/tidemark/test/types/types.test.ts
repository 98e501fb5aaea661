import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const here = fileURLToPath(new URL('.', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

// A third more than what is needed now (98,000): a change that multiplies the work of the type
// checker is seen, an ordinary addition is not.
const INSTANTIATIONS_MAX = 130_000

describe('types of the public API', () => {
  it('hold every claim of the *.test-d.ts files, within the budget of the type checker', () => {
    const args = [tsc, '-p', `${here}tsconfig.json`, '--extendedDiagnostics']
    const run = spawnSync(process.execPath, args, { encoding: 'utf8' })
    const errors = run.stdout.split('\n').filter((line) => line.includes('error TS'))
    expect(errors).toEqual([])
    expect(run.status).toBe(0)
    expect(diagnostic(run.stdout, 'Instantiations')).toBeLessThan(INSTANTIATIONS_MAX)
  })

  it('say in the compiler\'s own message why a sink or a source is refused', () => {
    const messages = check(`
      import { job } from '../../src/api/job.ts'
      import { items, live, stdout } from './fixtures.ts'
      job('refused', (j) => {
        j.from('n', items([1, 2, 3])).to('out', stdout())
        j.from('live', live((async function* () { yield 1 })()))
      })
    `)
    expect(messages).toHaveLength(2)
    expect(messages[0]).toContain(
      `Type '"plain: can neither roll back nor de-duplicate"' is not assignable to type ` +
      `'"transactional" | "idempotent"'`)
    expect(messages[1]).toContain(
      `Type '"live: cannot rewind after a failure"' is not assignable to type '"can rewind"'`)
  })
})

function diagnostic(output: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(output)
  expect(match, `tsc reports ${name}`).not.toBeNull()
  return Number(match?.[1])
}

/** Messages of the compiler for a text that stands in this folder but in no file. */
function check(text: string): string[] {
  const { config } = ts.readConfigFile(`${here}tsconfig.json`, (path) => ts.sys.readFile(path))
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, here)
  const path = `${here}virtual.ts`
  const host = ts.createCompilerHost(options)
  const getSourceFile = host.getSourceFile.bind(host)
  const fileExists = host.fileExists.bind(host)
  host.fileExists = (name) => name === path || fileExists(name)
  host.getSourceFile = (name, language, ...rest) =>
    name === path ? ts.createSourceFile(name, text, language) : getSourceFile(name, language, ...rest)
  const program = ts.createProgram([path], options, host)
  return ts.getPreEmitDiagnostics(program, program.getSourceFile(path))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
