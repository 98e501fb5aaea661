/**
 * One process of the engine under destruction: started, listened to, killed, and judged by how it ended.
 *
 * Used by world.mjs and the faults. A wrapper (strace, prlimit, nsenter) must become the engine by exec,
 * so that the process id that is signalled is the engine's own.
 */
import { spawn } from 'node:child_process'
import { CLI, ROOT } from '../lib/workspace.mjs'

const HUNG_AFTER_MS = 60_000
const KEPT_CHARACTERS = 4000
/** What a controlled end looks like; 1 would be a bug of the engine, and so would most signals. */
const CONTROLLED = new Set([0, 2, 3, 4, 5, 8])

/** The engine did what it must never do. */
export class Violation extends Error {}

export function demand(condition, text) {
  if (!condition) throw new Violation(text)
}

export class Engine {
  events = []
  stderr = ''
  result = undefined
  hung = false
  badLine = undefined
  #watchers = new Set()

  constructor({ args, wrap = [], env = {} }) {
    const [command, ...rest] = [...wrap, process.execPath, CLI, 'run', ...args, '--json']
    this.child = spawn(command, rest, {
      cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env },
    })
    let text = ''
    this.child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
      const lines = text.split('\n')
      text = lines.pop()
      for (const line of lines) this.#take(line)
    })
    this.child.stderr.setEncoding('utf8').on('data', (chunk) => {
      this.stderr = (this.stderr + chunk).slice(-KEPT_CHARACTERS)
    })
    const timer = setTimeout(() => {
      this.hung = true
      this.child.kill('SIGKILL')
    }, HUNG_AFTER_MS)
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => {
        clearTimeout(timer)
        this.result = { code, signal }
        for (const watch of this.#watchers) watch()
        resolve(this.result)
      })
    })
  }

  get pid() {
    return this.child.pid
  }

  get started() {
    return this.events.some((event) => event.kind === 'started')
  }

  get restoredFrom() {
    return this.events.find((event) => event.kind === 'started')?.restoredFrom?.checkpoint
  }

  get last() {
    return this.events.at(-1)
  }

  /** The error it failed with, if it said one. */
  get error() {
    return this.last?.kind === 'failed' ? this.last.error : undefined
  }

  /** Resolves to true when `predicate` holds, to false if the process ends before. */
  until(predicate) {
    return new Promise((resolve) => {
      const watch = () => {
        const holds = predicate(this)
        if (!holds && this.result === undefined) return
        this.#watchers.delete(watch)
        resolve(holds)
      }
      this.#watchers.add(watch)
      watch()
    })
  }

  untilStarted() {
    return this.until(() => this.started)
  }

  untilCheckpoints(n) {
    return this.until(() => this.events.filter((event) => event.kind === 'checkpoint').length >= n)
  }

  async kill(signal = 'SIGKILL') {
    this.child.kill(signal)
    return await this.ended
  }

  /** Says how it ended, in a few words; a hang, a crash and an internal error are violations. */
  async outcome() {
    const { code, signal } = await this.ended
    demand(this.badLine === undefined, `a line on stdout is no JSON: ${this.badLine}`)
    demand(!this.hung, `no end after ${HUNG_AFTER_MS / 1000} s\n${this.told()}`)
    demand(signal === null && CONTROLLED.has(code), `ended with ${signal ?? `exit ${code}`}\n${this.told()}`)
    return code === 0 ? 'exit 0' : `exit ${code} ${this.error?.code ?? ''}`.trim()
  }

  /** A demand on this process; what it said last is told with it. */
  must(condition, text) {
    demand(condition, `${text}\n${this.told()}`)
  }

  told() {
    const said = this.last === undefined ? '' : JSON.stringify(this.last).slice(0, 1500)
    return `  ${said}\n  ${this.stderr.slice(-1500)}`
  }

  #take(line) {
    try {
      this.events.push(JSON.parse(line))
    } catch {
      this.badLine ??= line.slice(0, 200)
    }
    for (const watch of this.#watchers) watch()
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
