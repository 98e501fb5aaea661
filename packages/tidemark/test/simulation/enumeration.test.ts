/** Small worlds, every crash point, every state that the disk may be in: the job always ends exactly right. */
import { describe, expect, test } from 'vitest'
import { crashWorlds } from './enumeration-worlds.ts'
import { enumerateCrashes } from './enumeration-run.ts'

/**
 * The write that was last is torn in every world. 'full' (`npm run mutants -- --worlds`) tears the unsynced bytes of
 * all files at once; it and 'quick' print what was enumerated.
 */
const MODE = process.env['TIDEMARK_ENUMERATION']
const FULL = MODE === 'full'
const TIMEOUT_MS = FULL ? 1_800_000 : 120_000

describe('a crash at every storage operation, in every state of the disk it may leave, torn last writes included', () => {
  for (const world of crashWorlds()) {
    test(`${world.name}: started again, the job ends with its output exactly once and nothing left over`, () => {
      const began = process.cpuUsage()
      const { problems, crashPoints, states, distinct, torn, lastOnly } = enumerateCrashes(world, FULL)
      if (MODE !== undefined) {
        const { user, system } = process.cpuUsage(began)
        const cpuMs = Math.round((user + system) / 1000)
        const counts = { world: world.name, crashPoints, states, distinct, torn, lastOnly, cpuMs }
        process.stdout.write(`ENUMERATED ${JSON.stringify(counts)}\n`)
      }
      expect(problems).toEqual([])
      expect(crashPoints).toBeGreaterThan(5)
      expect(torn > 0).toBe(world.writesNothing === undefined)
      expect(lastOnly).toBeLessThan(crashPoints / 10)
      expect(distinct).toBeGreaterThan(crashPoints / 2)
    }, TIMEOUT_MS)
  }
})
