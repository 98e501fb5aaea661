/**
 * One world to destroy: a state directory, an output, an input with a known answer, and its chance.
 *
 * Made by campaign.mjs for every scenario. What a scenario does is its own affair; in the end the world
 * is settled: the same command without the fault must end with 0, and every line is compared.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { compareLines } from '../lib/flights-extract.mjs'
import { demand, Engine, pause } from './engine.mjs'

const EVERY = ['100ms', '150ms', '200ms']

export class World {
  engines = []
  /** Processes that died of SIGKILL, for the report. */
  kills = 0
  #cleanups = []

  constructor({ directory, input, expected, random, rate, machine }) {
    this.directory = directory
    this.input = input
    this.expected = expected
    this.random = random
    this.rate = rate
    this.machine = machine
    this.state = join(directory, 'state')
    this.out = join(directory, 'out')
    this.straceLog = join(directory, 'strace.log')
    /** Where the directories are seen from here; another place if they lie in a mount namespace. */
    this.view = (path) => path
    /** What every engine of this world is wrapped in. */
    this.wrap = []
    mkdirSync(directory, { recursive: true })
  }

  /** Runs at the end, whatever happened, last one first. */
  onEnd(cleanup) {
    this.#cleanups.push(cleanup)
  }

  pick(items) {
    return items[this.random.between(0, items.length - 1)]
  }

  /** One process; `fast` reads the input as fast as it goes, `slow` lasts for long. */
  start({ fast = false, slow = false, wrap = [], env = {}, failpoint, flags = [], parallelism } = {}) {
    const args = [
      'examples/flights/job.ts', '--state', this.state, '--parallelism',
      String(parallelism ?? this.random.between(1, 4)), ...flags,
      '-c', `out=${this.out}`, '-c', `input=${this.input}`, '-c', `checkpointEvery=${this.pick(EVERY)}`,
      '-c', `rate=${fast ? 0 : slow ? this.rate / 5 : this.rate}`,
    ]
    const engine = new Engine({
      args, wrap: [...this.wrap, ...wrap],
      env: { ...env, ...(failpoint === undefined ? {} : { TIDEMARK_FAILPOINTS: failpoint }) },
    })
    engine.ended.then(({ signal }) => {
      if (signal === 'SIGKILL') this.kills += 1
    }, () => {})
    this.engines.push(engine)
    return engine
  }

  /** A process that has completed a few checkpoints and was then killed; a state worth damaging. */
  async killedMidway(least = 2) {
    for (let tries = 1; ; tries++) {
      const engine = this.start()
      const alive = await engine.untilCheckpoints(least)
      await engine.kill()
      if (alive) return engine
      engine.must(tries < 3, `no ${least} checkpoints before the end of the input`)
      rmSync(this.state, { recursive: true, force: true })
      rmSync(this.out, { recursive: true, force: true })
    }
  }

  /** A second life of what was killed before: a term of its own with a checkpoint of its own. */
  async killedAgain() {
    const engine = this.start()
    engine.must(await engine.untilCheckpoints(1), `no checkpoint in the second life`)
    await engine.kill()
  }

  checkpoints() {
    return numbersIn(this.view(join(this.state, 'checkpoints')), /^(\d+)\.manifest$/)
  }

  epochs() {
    return numbersIn(this.view(join(this.state, 'epochs')), /^(\d+)\.json$/)
  }

  /** Output so far: nothing wrong and nothing doubled, although much is still missing. */
  examine({ stagedAllowed = true } = {}) {
    const { duplicated, wrong, examples } = this.#compare(stagedAllowed)
    const told = `before the end: ${duplicated} duplicated, ${wrong} wrong\n  ${examples.join('\n  ')}`
    demand(duplicated + wrong === 0, told)
  }

  /** The same command, undisturbed: must end with 0. Returns the comparison of every line. */
  async settle() {
    const engine = this.start({ fast: true })
    engine.must((await engine.outcome()) === 'exit 0', `the undisturbed run did not end with 0`)
    if (this.random.between(0, 3) === 0) {
      const again = this.start({ fast: true })
      again.must((await again.outcome()) === 'exit 0', `run again after the end`)
      again.must(again.last?.kind === 'already-finished', `run again after the end it did not say so`)
    }
    return this.#compare(false)
  }

  #compare(stagedAllowed) {
    const result = { lost: 0, duplicated: 0, wrong: 0, examples: [] }
    const out = this.view(this.out)
    if (existsSync(out)) Object.assign(result, compareLines(out, this.expected))
    else result.lost = this.expected.size
    if (stagedAllowed) {
      const staged = existsSync(out) ? readdirSync(out).filter((name) => name.startsWith('.')).length : 0
      result.wrong -= staged
    }
    // The late records go elsewhere; there are none, and nothing may be left of them.
    const late = this.view(`${this.out}-late`)
    for (const name of existsSync(late) && !stagedAllowed ? readdirSync(late) : []) {
      result.wrong += 1
      const { size } = statSync(join(late, name))
      result.examples.push(`left in the place of late records: ${name} (${size} bytes)`)
    }
    return result
  }

  async end() {
    for (const engine of this.engines) {
      if (engine.result === undefined) await engine.kill()
    }
    for (const cleanup of this.#cleanups.toReversed()) await cleanup()
  }

  remove() {
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** A random moment, long enough that something happens and short enough that it is not over. */
  someTime(mostMs = 1500) {
    return pause(this.random.between(0, mostMs))
  }
}

function numbersIn(directory, pattern) {
  const names = existsSync(directory) ? readdirSync(directory) : []
  return names.map((name) => Number(pattern.exec(name)?.[1] ?? 0)).filter((n) => n > 0).sort((a, b) => a - b)
}
