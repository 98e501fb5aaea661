import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach } from 'vitest'
import { build } from '../../../../scripts/build.mjs'

const BIN = fileURLToPath(new URL('../../bin/tidemark.mjs', import.meta.url))
const DEADLINE_MS = 20_000

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

export interface Ended {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export class RunningCli {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    // What the test runner says about colours is not meant for the command.
    const { NO_COLOR: _no, FORCE_COLOR: _force, ...inherited } = process.env
    this.child = spawn(process.execPath, [BIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'], env: { ...inherited, ...env },
    })
    this.child.stdout?.on('data', (chunk) => (this.stdout += chunk))
    this.child.stderr?.on('data', (chunk) => (this.stderr += chunk))
    this.ended = new Promise((resolve) => {
      this.child.on('close', (exitCode, signal) => {
        resolve({ exitCode, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Waits until `happened`; fails with what the process has said so far. */
  async until(what: string, happened: () => boolean): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS
    while (!happened()) {
      if (Date.now() > deadline) throw new Error(`no ${what} after ${DEADLINE_MS} ms\n${this.stdout}\n${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

export const runCli = (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> =>
  new RunningCli(args, env).ended

/** A directory of one test, with names below it that the commands are given. */
export class Place {
  readonly root = mkdtempSync(join(tmpdir(), 'tidemark-cli-'))
  readonly state = join(this.root, 'state')
  readonly out = join(this.root, 'out')
  readonly pidFile = join(this.state, 'tidemark.pid')

  pid(): number | undefined {
    return existsSync(this.pidFile) ? Number(readFileSync(this.pidFile, 'utf8')) : undefined
  }

  /** Committed lines; a staged file that is left over is an error. */
  lines(): Record<string, unknown>[] {
    if (!existsSync(this.out)) return []
    return readdirSync(this.out).flatMap((name) => {
      if (name.startsWith('.')) throw new Error(`${name} was left`)
      return readFileSync(join(this.out, name), 'utf8').split('\n').filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    })
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

/**
 * Hooks of a block of tests: the engine is built, each test begins in a place of its own, which `begin` is given, and
 * what is in the list that this returns is ended after it.
 */
export function eachInItsPlace(begin: (place: Place) => void): RunningCli[] {
  const running: RunningCli[] = []
  let place: Place
  beforeAll(() => build(), 120_000)
  beforeEach(() => {
    place = new Place()
    begin(place)
  })
  afterEach(async () => {
    for (const cli of running.splice(0)) {
      cli.child.kill('SIGKILL')
      await cli.ended
    }
    place.remove()
  })
  return running
}

export const jsonLines = (text: string): Record<string, unknown>[] =>
  text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
