/**
 * The campaign: every fault at least once, then round and round until the time is over.
 *
 * Used by scripts/destroy.mjs and by the end-to-end test. A violation keeps the directory of its world
 * and the seed that repeats its draws; the moments of real processes are never quite the same again.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeExtract } from '../lib/flights-extract.mjs'
import { generator } from '../lib/soak.mjs'
import { clockFaults } from './faults/clock.mjs'
import { damageFaults } from './faults/damage.mjs'
import { diskFaults } from './faults/disk.mjs'
import { errnoFaults } from './faults/errno.mjs'
import { killFaults } from './faults/kill.mjs'
import { rivalFaults } from './faults/rivals.mjs'
import { signalFaults } from './faults/signals.mjs'
import { probeMachine } from './machine.mjs'
import { World } from './world.mjs'

/** How long an undisturbed run is made to take. */
const LASTS_MS = 3000

export const allFaults = (steps) => [
  ...killFaults(steps), ...rivalFaults, ...signalFaults, ...diskFaults, ...errnoFaults, ...damageFaults,
  ...clockFaults,
]

/** Faults whose name is one of `only` or begins with one and a dot. */
export function chosenFaults(faults, only) {
  if (only === undefined) return faults
  const unknown = only.filter((name) => !faults.some((fault) => matches(fault, name)))
  if (unknown.length > 0) throw new RangeError(`there is no fault ${unknown.join(', ')}`)
  return faults.filter((fault) => only.some((name) => matches(fault, name)))
}

const matches = (fault, name) => fault.name === name || fault.name.startsWith(`${name}.`)

/** A seed of its own for every scenario, so that --only repeats what a whole campaign drew. */
function seedOf(seed, name, nth) {
  let mixed = seed >>> 0
  for (const letter of `${name}#${nth}`) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193) >>> 0
  return mixed
}

async function scenario(context, fault, nth, entry) {
  const { directory, log } = context
  const random = generator(seedOf(context.seed, fault.name, nth))
  // Spaces and letters beyond ASCII in every other path (F42).
  const name = `${fault.name}-${nth}`
  const world = new World({
    ...context, random, directory: join(directory, nth % 2 === 1 ? name : `${name} ä b`),
  })
  let outcome
  let problem
  try {
    outcome = await fault.run(world)
    const { lost, duplicated, wrong, examples } = await world.settle()
    const inexact = lost + duplicated + wrong > 0
    if (inexact && fault.knownGap !== undefined && lost + wrong === 0) {
      outcome += `: KNOWN GAP, ${fault.knownGap}`
    } else if (inexact) {
      entry.lost += lost
      entry.duplicated += duplicated
      entry.wrong += wrong
      problem = `${lost} lost, ${duplicated} duplicated, ${wrong} wrong (after: ${outcome})\n  ` +
        examples.join('\n  ')
    }
  } catch (error) {
    problem = error.constructor.name === 'Violation' ? error.message : error.stack
  } finally {
    await world.end()
  }
  entry.times += 1
  entry.kills += world.kills
  if (problem === undefined) {
    entry.outcomes[outcome] = (entry.outcomes[outcome] ?? 0) + 1
    world.remove()
    log(`✓ ${fault.name}: ${outcome}`)
  } else {
    entry.outcomes['VIOLATION'] = (entry.outcomes['VIOLATION'] ?? 0) + 1
    entry.violations.push({ nth, seed: context.seed, directory: world.directory, problem })
    log(`✗ ${fault.name} (${nth}): ${problem}\n  kept: ${world.directory}`)
  }
}

/** `faults` in turn, in `lanes` at a time, at least `rounds` times and for at least `minutes`. */
export async function destroy({
  steps, only, minutes = 0, rounds = 1, rows = 60_000, lastsMs = LASTS_MS, seed = 1, lanes = 2,
  log = () => {},
}) {
  const machine = probeMachine()
  const chosen = chosenFaults(allFaults(steps), only)
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-destroy-'))
  const input = join(directory, 'flights.jsonl')
  const expected = await writeExtract(input, rows)
  const rate = Math.round((rows * 1000) / lastsMs)
  const context = { directory, input, expected, seed, machine, log, rate }
  const entries = chosen.map((fault) => ({
    name: fault.name, rows: fault.rows, times: 0, kills: 0, outcomes: {},
    lost: 0, duplicated: 0, wrong: 0, violations: [],
    ...(machine[fault.needs] === undefined ? {} : { skipped: machine[fault.needs] }),
  }))
  for (const { name, skipped } of entries) if (skipped !== undefined) log(`- ${name} SKIPPED: ${skipped}`)
  const runnable = chosen.map((fault, i) => ({ fault, entry: entries[i] }))
    .filter(({ entry }) => entry.skipped === undefined)
  const startedMs = performance.now()
  let next = 0
  const lane = async () => {
    while (runnable.length > 0) {
      const mine = next++
      const round = Math.floor(mine / runnable.length) + 1
      if (round > rounds && performance.now() - startedMs >= minutes * 60_000) return
      const { fault, entry } = runnable[mine % runnable.length]
      await scenario(context, fault, round, entry)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  const sum = (key) => entries.reduce((total, entry) => total + entry[key], 0)
  const violations = entries.reduce((total, entry) => total + entry.violations.length, 0)
  if (violations === 0) rmSync(directory, { recursive: true, force: true })
  return {
    seed, minutes: Math.round((performance.now() - startedMs) / 600) / 100, rows, lines: expected.size,
    scenarios: sum('times'), kills: sum('kills'),
    lost: sum('lost'), duplicated: sum('duplicated'), wrong: sum('wrong'), violations,
    skipped: entries.filter((entry) => entry.skipped !== undefined).map((entry) => entry.name),
    faults: entries, ok: violations === 0,
  }
}
