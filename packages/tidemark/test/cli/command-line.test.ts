import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { fixture, jsonLines, Place, runCli } from './run-cli.ts'

describe('the command line', () => {
  let place: Place
  beforeAll(() => build(), 120_000)
  beforeEach(() => {
    place = new Place()
  })
  afterEach(() => place.remove())

  test('alone it teaches every command, with exit code 0 and nothing on stderr', async () => {
    const { exitCode, stdout, stderr } = await runCli([])
    expect(exitCode).toBe(0)
    expect(stderr).toBe('')
    for (const command of ['run', 'top', 'graph', 'checkpoint list', 'checkpoint show', 'checkpoint verify', 'checkpoint prune', 'rescale', 'state edit', 'version']) {
      expect(stdout).toContain(`tidemark ${command}`)
    }
  })

  test.each(['run', 'top', 'graph', 'checkpoint list', 'checkpoint show', 'checkpoint verify', 'checkpoint gc', 'checkpoint prune',
    'rescale', 'state edit', 'state import', 'version'])(
    'CL-1 the help of %s has an example',
    async (command) => {
      const { exitCode, stdout } = await runCli([...command.split(' '), '--help'])
      expect(exitCode).toBe(0)
      expect(stdout).toMatch(new RegExp(`Examples?\\n  tidemark ${command}`))
    },
  )

  test.each([
    [['rnu', 'x.ts'], 2, 'E095', 'Did you mean "run"?'],
    [['help', 'chekpoint'], 2, 'E095', 'Did you mean "checkpoint"?'],
    [['checkpoint', 'lst'], 2, 'E095', 'Did you mean "list"?'],
    [['run', '--paralelism', '2', 'x.ts'], 2, 'E095', 'Did you mean "--parallelism"?'],
    [['run'], 2, 'E095', '<file> is missing'],
    [['run', 'a.ts', 'b.ts'], 2, 'E095', 'one argument too many'],
    [['run', 'a.ts', '--parallelism', '0'], 2, 'E095', 'a whole number from 1'],
    [['job.ts'], 2, 'E095', 'tidemark run job.ts'],
    [['run', 'x.ts', '-c', 'checkpointEvery'], 2, 'E096', 'key=value'],
    [['run', '/no/such/job.ts'], 5, 'E099', '/no/such/job.ts'],
    [['checkpoint', 'list', '--state', '/no/such/dir'], 5, 'E099', '/no/such/dir'],
  ])('CL-2 %j ends with exit code %i and %s', async (args, exitCode, code, text) => {
    const ended = await runCli(args)
    expect(ended.exitCode).toBe(exitCode)
    expect(ended.stderr).toContain(code)
    expect(ended.stderr).toContain(text)
    expect(ended.stdout).toBe('')
  })

  test('a setting that nobody reads is refused with the nearest one', async () => {
    const ended = await runCli(['run', fixture('endless.ts'), '--state', place.state, '-c', `out=${place.out}`, '-c', 'raet=1'])
    expect(ended).toMatchObject({ exitCode: 2, stdout: '' })
    expect(ended.stderr).toContain('E091')
    expect(ended.stderr).toContain('Did you mean "rate"?')
    expect(place.pid()).toBeUndefined()
  })

  test('an export that is no job is refused, and the jobs of the file are named', async () => {
    const ended = await runCli(['graph', `${fixture('plain.mjs')}#notAJob`])
    expect(ended.exitCode).toBe(2)
    expect(ended.stderr).toContain('E092')
    expect(ended.stderr).toContain('is a number, not a job')
    expect(ended.stderr).toContain('#default')
  })

  test('an export other than the default is run by its name', async () => {
    const ended = await runCli(['run', `${fixture('endless.ts')}#second`, '--state', place.state])
    expect(ended).toMatchObject({ exitCode: 0, stdout: '0\n1\n2\n' })
  })

  test.each(['broken.ts', 'broken.mjs'])('a syntax error in %s is shown with its line', async (name) => {
    const file = join(place.root, name)
    copyFileSync(fixture('broken.ts.txt'), file)
    const ended = await runCli(['graph', file])
    expect(ended.exitCode).toBe(3)
    expect(ended.stderr).toContain('E098')
    expect(ended.stderr).toContain(`${file}:${name.endsWith('.ts') ? 5 : 4}`)
  })

  test('with --json an error is one object on stdout', async () => {
    const ended = await runCli(['checkpoint', 'list', '--state', '/no/such/dir', '--json'])
    expect(ended).toMatchObject({ exitCode: 5, stderr: '' })
    expect(jsonLines(ended.stdout)).toMatchObject([{ kind: 'failed', error: { code: 'E099', kind: 'not-found' } }])
  })

  test('--json and --mermaid exclude each other', async () => {
    const ended = await runCli(['graph', 'x.ts', '--json', '--mermaid'])
    expect(ended.exitCode).toBe(2)
    expect(jsonLines(ended.stdout)).toMatchObject([{ error: { code: 'E095' } }])
  })

  test('version --json names engine, Node and platform', async () => {
    const ended = await runCli(['version', '--json'])
    expect(jsonLines(ended.stdout)).toEqual([
      { schema: 'tidemark.version/1', tidemark: '0.1.0', node: process.version, platform: `${process.platform}-${process.arch}` },
    ])
  })

  test('graph prints text, one JSON document, or a Mermaid diagram, and runs nothing', async () => {
    const args = ['graph', fixture('endless.ts'), '-c', `out=${place.out}`]
    expect((await runCli(args)).stdout).toContain('per-second')
    const json = await runCli([...args, '--json', '--parallelism', '3'])
    expect(JSON.parse(json.stdout)).toMatchObject({ schema: 'tidemark.graph/1', job: 'endless', parallelism: 3 })
    expect((await runCli([...args, '--mermaid'])).stdout).toMatch(/^flowchart/)
    expect(place.lines()).toEqual([])
  })
})
