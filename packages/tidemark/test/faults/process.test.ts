/** F25, F59, F78: what comes at the process from outside of any operator. Runs the built command line. */
import { closeSync, existsSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { spawn } from 'node:child_process'
import { build } from '../../../../scripts/build.mjs'
import { Place, runCli, RunningCli } from '../cli/run-cli.ts'

const JOB = fileURLToPath(new URL('fixtures/stray.mjs', import.meta.url))
const BIN = fileURLToPath(new URL('../../bin/tidemark.mjs', import.meta.url))
const FULL_DEVICE = '/dev/full'

beforeAll(() => build(), 120_000)

let place: Place
beforeEach(() => {
  place = new Place()
})
afterEach(() => place.remove())

const args = (...more: string[]): string[] => ['run', JOB, '--state', place.state, '-c', `out=${place.out}`, ...more]

/** The same job without what was wrong: whatever came before, all is there once. */
async function goesOnExactly(): Promise<void> {
  const ended = await runCli(args('-c', 'rate=1000000'))
  expect(ended.exitCode, ended.stderr).toBe(0)
  const rows = place.lines().map(({ key, value }) => [Number(key), Number(value)] as const)
  const expected = Array.from({ length: 1000 }, (_, n) => [n % 7, Math.floor(n / 7) + 1] as const)
  const order = (a: readonly [number, number], b: readonly [number, number]): number => a[0] - b[0] || a[1] - b[1]
  expect(rows.toSorted(order)).toEqual(expected.toSorted(order))
}

describe('what nobody catches', () => {
  test.each([['rejection', 'nobody waits for it'], ['timer', 'thrown by a timer']])(
    'a stray %s ends the process with 1 and its words, never half; the next start goes on', async (stray, words) => {
      const ended = await runCli(args('-c', `stray=${stray}`))
      expect(ended).toMatchObject({ exitCode: 1, signal: null })
      expect(ended.stderr).toContain(words)
      await goesOnExactly()
    })
})

test('SIGHUP, as when the terminal is closed, is a death like any other: the next start goes on', async () => {
  const cli = new RunningCli(args('--json'))
  await cli.until('checkpoint', () => cli.stdout.includes('"kind":"checkpoint"'))
  cli.child.kill('SIGHUP')
  const { signal, exitCode } = await cli.ended
  expect(signal === 'SIGHUP' || exitCode === 0).toBe(true)
  await goesOnExactly()
})

// Only Linux has a device that is always full.
describe.skipIf(!existsSync(FULL_DEVICE))('a log that cannot be written, its disk being full', () => {
  test.each(['stdout', 'stderr'] as const)('(%s) costs no output: the next start goes on', async (which) => {
    const full = openSync(FULL_DEVICE, 'w')
    const child = spawn(process.execPath, [BIN, ...args('--json')], {
      stdio: ['ignore', which === 'stdout' ? full : 'ignore', which === 'stderr' ? full : 'ignore'],
    })
    const exitCode = await new Promise((resolve) => child.on('close', resolve))
    closeSync(full)
    // Going on without a log or ending in a controlled way; not a hang, not a signal.
    expect([0, 1]).toContain(exitCode)
    await goesOnExactly()
  })
})
