/** The place of a savepoint that a stop is to leave behind, asked for and not needed in the end. */
import { describe, expect, test } from 'vitest'
import { start, type Io } from '../../src/base/io.ts'
import type { Schedule } from '../../src/host/simulator/storage.ts'
import { StopPlace } from '../../src/job/stop-place.ts'
import { outcomeOf, run, World } from '../checkpoint/world.ts'

const PATH = '/backup/one'

/** Storage whose operations wait until they are let go, one by one. */
function slow(world: World) {
  const waiting: (() => void)[] = []
  const schedule: Schedule = (_info, go) => void waiting.push(go)
  const letGo = (): boolean => {
    const next = waiting.shift()
    next?.()
    return next !== undefined
  }
  return { storage: world.disk.mount(schedule), letGo }
}

function* writeAt(world: World, path: string): Io<void> {
  const storage = world.disk.mount()
  yield* storage.makeDirectory(PATH)
  yield* storage.close(yield* storage.create(path))
}

describe('a place that is given up while it is being claimed', () => {
  test('SZ-2 is given back when the claim has come to its end', () => {
    for (let at = 0; at < 12; at++) {
      const world = new World()
      const { storage, letGo } = slow(world)
      const place = new StopPlace(storage, PATH)
      for (let i = 0; i < at; i++) letGo()
      let released = false
      start(place.release(), () => (released = true))
      while (letGo());
      expect(released, `after ${at} operations`).toBe(true)
      expect(world.disk.lookup(PATH), `after ${at} operations`).toBe(undefined)
    }
  })

  test('SZ-1 loses nothing of what somebody else has there', () => {
    const world = new World()
    const theirs = `${PATH}/.taking`
    run(writeAt(world, theirs))
    const { storage, letGo } = slow(world)
    const place = new StopPlace(storage, PATH)
    let released = false
    start(place.release(), () => (released = true))
    while (letGo());
    expect(released).toBe(true)
    expect(place.isClaimed).toBe(false)
    expect(outcomeOf(place.claimed())).toMatchObject({ ok: false, error: { code: 'E117' } })
    expect(world.disk.lookup(theirs)).toBeDefined()
  })
})
