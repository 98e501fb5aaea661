/** Bugs that seeds have found, each as the shortest run that shows it. */
import { describe, expect, test } from 'vitest'
import { checkpointId, type Epoch } from '../../src/base/ids.ts'
import { makeDurableDirectory } from '../../src/base/durable-directory.ts'
import type { Io } from '../../src/base/io.ts'
import type { Storage } from '../../src/base/ports.ts'
import { Prng } from '../../src/base/prng.ts'
import { OK, SimulatedDisk, type Fate } from '../../src/host/simulator/storage.ts'
import { openDirectory } from '../../src/checkpoint/open.ts'
import { unreadableCheckpoint } from '../../src/host/simulator/cut.ts'
import { DIR, OPEN, opened, opening, outcomeOf, run, startJob, World } from '../checkpoint/world.ts'

function* writeDurably(storage: Storage, directory: string): Io<void> {
  yield* makeDurableDirectory(storage, directory)
  const file = yield* storage.create(`${directory}/part`)
  yield* storage.append(file, new Uint8Array([1, 2, 3]))
  yield* storage.sync(file)
  yield* storage.close(file)
  yield* storage.syncDirectory(directory)
}

describe('a directory that an earlier process made and did not sync', () => {
  test('is durable once a later one writes into it, wherever the earlier one died', () => {
    for (let at = 1; at <= 12; at++) {
      const disk = new SimulatedDisk()
      disk.onOperation = ({ index }): Fate => (index === at ? { kind: 'crash-after' } : OK)
      outcomeOf(makeDurableDirectory(disk.mount(), '/a/b/c'))
      disk.onOperation = () => OK
      disk.killAll()
      run(writeDurably(disk.mount(), '/a/b/c'))
      disk.powerCut(new Prng(at), 'none')
      expect(run(disk.mount().readWhole('/a/b/c/part')), `died after operation ${at}`).toEqual(new Uint8Array([1, 2, 3]))
    }
  })
})

describe('a manifest that a dying process linked and did not sync', () => {
  test('is durable before the next process builds on it', () => {
    const world = new World()
    let linked = false
    world.disk.onOperation = ({ operation, path }): Fate => {
      if (operation === 'link' && path.endsWith('/2.manifest')) linked = true
      return linked && operation === 'syncDirectory' ? { kind: 'crash-before' } : OK
    }
    const job = startJob(world, { everyMs: 0, retain: 1 })
    for (let i = 0; i < 2; i++) job.coordinator.request('user')
    expect(job.completions.map(({ id }) => id)).toEqual([1])
    world.disk.onOperation = () => OK
    world.disk.killAll()

    expect(opened(opening(world, world.disk.mount())).restore?.checkpoint).toBe(2)
    world.disk.powerCut(world.random, 'none')
    expect(opened(opening(world, world.disk.mount())).restore?.checkpoint).toBe(2)
  })
})

describe('a starter whose successor collects garbage', () => {
  test.each(['link', 'create', 'append', 'sync'] as const)(
    'while it writes down its start (%s) is told that it was succeeded, not that a file is missing', (during) => {
      const world = new World()
      let overtaken = false
      world.disk.onOperation = ({ operation, path }): Fate => {
        const itsStart = path.includes('.tmp-e1-start') || path.endsWith('/1.start.json')
        if (!overtaken && itsStart && operation === during) {
          overtaken = true
          startJob(world, { everyMs: 0 })
        }
        return OK
      }
      expect(outcomeOf(openDirectory(world.ports(world.disk.mount()), DIR, OPEN))).toMatchObject({
        ok: false, error: { code: 'E046', details: { mine: 1, newest: 2, holder: 'process 4711 on here' } },
      })
      expect(overtaken).toBe(true)
    },
  )
})

const stateFiles = (world: World): string[] =>
  (run(world.disk.mount().list(`${DIR}/checkpoints/1`)) ?? []).filter((name) => name.endsWith('.state'))

test('an error of the disk during the claim of a term is told as that, and not as a succession', () => {
  const world = new World()
  startJob(world, { everyMs: 0 })
  world.disk.killAll()
  world.disk.onOperation = ({ operation, path }): Fate =>
    operation === 'sync' && path.includes('.tmp-e2-claim') ? { kind: 'fail', errno: 'EIO' } : OK
  expect(outcomeOf(openDirectory(world.ports(world.disk.mount()), DIR, OPEN))).toMatchObject({
    ok: false, error: { code: 'E053' },
  })
})

describe('a manifest that a succeeded writer links under a number its successor has collected', () => {
  test('is no checkpoint of anybody, and judged as none', () => {
    const world = new World()
    const zombie = startJob(world, { everyMs: 0, retain: 1 })
    const heir = startJob(world, { everyMs: 0, retain: 1 })
    heir.coordinator.request('user')
    heir.coordinator.request('user')
    expect(heir.completions.map(({ id }) => id)).toEqual([1, 2])
    zombie.coordinator.request('user')
    expect(zombie.completions).toEqual([])
    const judged = (epoch: number) => unreadableCheckpoint(world.disk, DIR, new Map([[checkpointId(1), epoch as Epoch]]))
    for (const name of stateFiles(world)) run(world.disk.mount().unlink(`${DIR}/checkpoints/1/${name}`))
    expect(judged(2)).toBe(undefined)
    expect(judged(1)).toContain('checkpoint 1')
    expect(opened(opening(world, world.disk.mount())).restore).toMatchObject({ checkpoint: 2, epoch: 2 })
  })
})
