/** The lock is the kernel's: only real processes can show that it holds. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { lockDirectory } from '../../src/host/directory-lock.ts'

const SOURCES = [
  'host/directory-lock', 'host/make-directories', 'host/socket-path', 'host/places', 'host/s3/place', 'host/s3/errors', 'checkpoint/errors',
  'base/errors', 'base/storage-errors',
]

let compiled: string
let root: string
let children: Starter[]

/** The starters are many and short-lived: they get the lock as plain JavaScript. */
beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), 'tidemark-lock-js-'))
  await writeFile(join(compiled, 'package.json'), '{"type":"module"}')
  await copyFile(new URL('./lock-holder.mjs', import.meta.url), join(compiled, 'lock-holder.mjs'))
  for (const name of SOURCES) {
    const text = await readFile(new URL(`../../src/${name}.ts`, import.meta.url), 'utf8')
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: {
        module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    })
    await mkdir(dirname(join(compiled, name)), { recursive: true })
    await writeFile(join(compiled, `${name}.js`), outputText)
  }
})

afterAll(() => rm(compiled, { recursive: true, force: true }))

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tidemark-lock-'))
  children = []
})

afterEach(async () => {
  for (const child of children) child.process.kill('SIGKILL')
  await rm(root, { recursive: true, force: true })
})

class Starter {
  readonly process: ChildProcessWithoutNullStreams
  #text = ''
  #errors = ''
  #closed = false

  constructor(directory: string, mode: string) {
    this.process = spawn(process.execPath, [join(compiled, 'lock-holder.mjs'), directory, mode])
    this.process.stdout.on('data', (chunk: Buffer) => void (this.#text += chunk.toString()))
    this.process.on('close', () => void (this.#closed = true))
    this.process.stderr.on('data', (chunk: Buffer) => void (this.#errors += chunk.toString()))
  }

  get pid(): number {
    return this.process.pid as number
  }

  /** The n-th line it says. */
  async line(n: number): Promise<string> {
    for (;;) {
      const lines = this.#text.split('\n')
      if (lines.length > n + 1) return lines[n] as string
      if (this.#closed) throw new Error(`it ended: ${this.#errors}`)
      await Promise.race([once(this.process.stdout, 'data'), once(this.process, 'close')])
    }
  }

  go(): void {
    this.process.stdin.write('go\n')
  }

  async die(): Promise<void> {
    const closed = once(this.process, 'close')
    this.process.kill('SIGKILL')
    await closed
  }
}

async function ready(directory: string, mode = 'plain'): Promise<Starter> {
  const starter = new Starter(directory, mode)
  children.push(starter)
  expect(await starter.line(0)).toBe('ready')
  return starter
}

describe('the lock of a state directory', () => {
  test('of 20 processes that start at the same moment exactly one gets it, also over a dead holder', async () => {
    for (const before of ['nobody', 'a dead holder'] as const) {
      const directory = join(root, before)
      if (before === 'a dead holder') {
        const dead = await ready(directory)
        dead.go()
        expect(await dead.line(1)).toBe(`held ${dead.pid}`)
        await dead.die()
      }
      const starters = await Promise.all(Array.from({ length: 20 }, () => ready(directory)))
      for (const starter of starters) starter.go()
      const said = await Promise.all(starters.map((starter) => starter.line(1)))
      const holders = starters.filter((_, i) => said[i]?.startsWith('held'))
      expect(holders.length, said.join('\n')).toBe(1)
      const refused = said.filter((line) => !line.startsWith('held'))
      expect(new Set(refused)).toEqual(new Set([`refused E051 ${holders[0]?.pid}`]))
      const left = (await readdir(directory)).filter((name) => name.startsWith('.lock-'))
      // Starters still ending may have their own; the next holder removes them.
      expect(left.length).toBeLessThanOrEqual(20)
    }
  })

  test('it is free at once after kill -9 of its holder, five times in a row', async () => {
    let holder = await ready(root)
    holder.go()
    await holder.line(1)
    for (let i = 0; i < 5; i++) {
      const [refused, next] = await Promise.all([ready(root), ready(root)])
      refused.go()
      expect(await refused.line(1)).toBe(`refused E051 ${holder.pid}`)
      await holder.die()
      next.go()
      expect(await next.line(1)).toBe(`held ${next.pid}`)
      holder = next
    }
    const locks = (await readdir(root)).filter((name) => /^lock-[0-9]+$/.test(name))
    expect(locks).toEqual(['lock-6'])
  })

  test('a stopped holder keeps it, its pid is still named, and --take-over passes by', async () => {
    const holder = await ready(root)
    holder.go()
    await holder.line(1)
    const [refused, taker] = await Promise.all([ready(root), ready(root, 'take-over')])
    holder.process.kill('SIGSTOP')
    refused.go()
    expect(await refused.line(1)).toBe(`refused E051 ${holder.pid}`)
    taker.go()
    expect(await taker.line(1)).toBe(`held ${taker.pid}`)
    holder.process.kill('SIGCONT')
  })

  test('it is given back by release, and refused while held in the same process', async () => {
    const first = await lockDirectory(root)
    await expect(lockDirectory(root)).rejects.toMatchObject({ code: 'E051', details: { pid: process.pid, answers: true } })
    await first.release()
    const second = await lockDirectory(root)
    await second.release()
  })

  test('a path longer than a socket address works', async () => {
    const directory = join(root, ...Array.from({ length: 12 }, (_, i) => `${i}-${'long name '.repeat(8)}ü`))
    expect(Buffer.byteLength(directory)).toBeGreaterThan(900)
    const lock = await lockDirectory(directory)
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'E051' })
    await lock.release()
    await (await lockDirectory(directory)).release()
  })

  test('what starters left behind is removed by the next holder, and its socket is private', async () => {
    const half = await ready(root)
    half.go()
    await half.line(1)
    await half.die()
    const lock = await lockDirectory(root)
    const names = (await readdir(root)).toSorted()
    expect(names).toEqual(['lock-2', 'lock-2.pid'])
    expect((await stat(join(root, 'lock-2'))).mode & 0o777).toBe(0o600)
    await lock.release()
  })
})
