/** The wall clock jumps while it runs and between two runs (F46). */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { pause } from '../engine.mjs'
import { faketimeLibrary } from '../machine.mjs'

const JUMPS_MS = [3_600_000, -3 * 3_600_000, 86_400_000, -86_400_000 * 400, -1000, 50]
const CLOCK = pathToFileURL(join(import.meta.dirname, '../jumping-clock.mjs')).href

async function killedOrNot(world, engine) {
  if (world.random.between(0, 1) === 0) {
    const end = await engine.outcome()
    engine.must(end === 'exit 0', `with a jumping clock it ended with ${end}`)
    return 'exit 0'
  }
  await engine.untilCheckpoints(2)
  await engine.kill()
  return 'killed, went on at another time'
}

const inNode = {
  name: 'clock.jumps',
  rows: ['F46'],
  async run(world) {
    const jumps = Array.from({ length: 6 }, () => `${world.random.between(0, 3000)}:${world.pick(JUMPS_MS)}`)
    const env = { NODE_OPTIONS: `--import=${CLOCK}`, DESTROY_CLOCK: jumps.join(',') }
    return await killedOrNot(world, world.start({ env }))
  },
}

/** The same below Node, for everything that asks the C library for the time of day. */
const inLibrary = {
  name: 'clock.libfaketime',
  rows: ['F46'],
  needs: 'faketime',
  async run(world) {
    const file = join(world.directory, 'clock')
    writeFileSync(file, '+0')
    const engine = world.start({
      env: {
        LD_PRELOAD: faketimeLibrary(), FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1',
      },
    })
    const done = killedOrNot(world, engine)
    while (engine.result === undefined) {
      await pause(200)
      writeFileSync(file, world.pick(['+3600', '-10800', '+0', '-86400', '+86400']))
    }
    return await done
  },
}

export const clockFaults = [inNode, inLibrary]
