/** Bugs that seeds have found, each as the shortest run that shows it. */
import { describe, expect, test } from 'vitest'
import { makeDurableDirectory } from '../../src/base/durable-directory.ts'
import type { Io } from '../../src/base/io.ts'
import type { Storage } from '../../src/base/ports.ts'
import { Prng } from '../../src/base/prng.ts'
import { OK, SimulatedDisk, type Fate } from '../../src/host/simulator/storage.ts'
import { opened, opening, outcomeOf, run, startJob, World } from '../checkpoint/world.ts'

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
