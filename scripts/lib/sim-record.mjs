/**
 * The record of a long run of the simulator: what was run, on which build, and how far it has come.
 *
 * `npm run sim -- … --record FILE` writes it every few seconds, and goes on from it when the same command is given
 * again, so that hours of seeds survive an interruption. A record belongs to one build and one range of seeds:
 * seeds of two builds never add up to one run.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const WRITE_EVERY_MS = 5_000

/** Of all compiled files, names and contents. */
export function buildHash(directory) {
  const hash = createHash('sha256')
  for (const name of readdirSync(directory, { recursive: true }).map(String).sort()) {
    if (name.endsWith('.js')) hash.update(name).update('\0').update(readFileSync(join(directory, name)))
  }
  return hash.digest('hex')
}

/** The state of an earlier, interrupted run of the same; undefined: there is none. Throws if it is of another. */
export function readRecord(file, run) {
  if (!existsSync(file)) return undefined
  const { run: recorded, state } = JSON.parse(readFileSync(file, 'utf8'))
  for (const [what, value] of Object.entries(run)) {
    if (JSON.stringify(recorded[what]) === JSON.stringify(value)) continue
    throw new Error(`${file} records a run with ${what} ${JSON.stringify(recorded[what])}, this one has ` +
      `${JSON.stringify(value)}: give another file, or run the same`)
  }
  return state
}

/** Calls `state()` now and then, and keeps what it gives; all or nothing of it. */
export class RecordWriter {
  #file
  #run
  #state
  #nextMs = 0

  constructor(file, run, state) {
    this.#file = file
    this.#run = run
    this.#state = state
  }

  later() {
    if (performance.now() >= this.#nextMs) this.now()
  }

  now() {
    this.#nextMs = performance.now() + WRITE_EVERY_MS
    const text = `${JSON.stringify({ run: this.#run, state: this.#state() }, null, 1)}\n`
    writeFileSync(`${this.#file}.tmp`, text)
    renameSync(`${this.#file}.tmp`, this.#file)
  }
}
