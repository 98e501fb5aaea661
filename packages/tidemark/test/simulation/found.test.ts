/** Bugs that seeds have found, each as the shortest run that shows it. */
import { describe, expect, test } from 'vitest'
import { checkpointId, type Epoch } from '../../src/base/ids.ts'
import { makeDurableDirectory } from '../../src/base/durable-directory.ts'
import type { Io } from '../../src/base/io.ts'
import type { Storage } from '../../src/base/ports.ts'
import { Prng } from '../../src/base/prng.ts'
import { OK, SimulatedDisk, type Fate } from '../../src/host/simulator/storage.ts'
import { beginFrom } from '../../src/checkpoint/begin-from.ts'
import { clean } from '../../src/checkpoint/clean.ts'
import { openDirectory } from '../../src/checkpoint/open.ts'
import { restorableOf } from '../../src/checkpoint/savepoint.ts'
import { takeSavepoint } from '../../src/checkpoint/write-savepoint.ts'
import { unreadableCheckpoint } from '../../src/host/simulator/cut.ts'
import { DIR, OPEN, opened, opening, outcomeOf, run, SmallJob, startJob, World } from '../checkpoint/world.ts'

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

describe('a directory in which a start died before its first term', () => {
  test('is told to be none that can be cleaned, and is left as it is', () => {
    const world = new World()
    world.disk.onOperation = ({ operation, path }): Fate =>
      operation === 'create' && path.includes('.tmp-e1-claim') ? { kind: 'crash-before' } : OK
    outcomeOf(openDirectory(world.ports(world.disk.mount()), DIR, OPEN))
    world.disk.onOperation = () => OK
    const ports = world.ports(world.disk.mount())
    expect(run(ports.storage.list(DIR))).toContain('job.json')
    expect(outcomeOf(clean(ports, DIR, { kind: 'gc' }))).toMatchObject({
      ok: false, error: { code: 'E177', details: { found: 'no start of the job has come as far as its first term' } },
    })
  })
})

describe('a dead state directory whose newest term is damaged', () => {
  test('gives no checkpoint to begin from: an older one is not taken in its place, and nothing is cleaned', () => {
    const world = new World()
    const first = startJob(world, { everyMs: 0, retain: 3 })
    first.coordinator.request('user')
    const second = startJob(world, { everyMs: 0, retain: 3 })
    second.coordinator.request('user')
    expect(second.completions.map(({ id }) => id)).toEqual([2])
    world.disk.killAll()
    const storage = world.disk.mount()
    expect(run(restorableOf(storage, DIR)).manifest.checkpoint).toBe(2)
    world.disk.corrupt(`${DIR}/epochs/2.start.json`, 300)
    for (const ref of ['latest', '1']) {
      expect(outcomeOf(restorableOf(storage, DIR, ref)), ref).toMatchObject({ ok: false, error: { code: 'E050' } })
    }
    expect(outcomeOf(clean(world.ports(storage), DIR, { kind: 'gc' }))).toMatchObject({ ok: false, error: { code: 'E178' } })
  })
})

describe('state that a succeeded writer left under a number which its successor completed', () => {
  test('goes with the next collection, and what the checkpoint names stays', () => {
    const world = new World()
    world.disk.onOperation = ({ operation, path }): Fate =>
      operation === 'create' && path.includes('.tmp-e1-manifest') ? { kind: 'crash-before' } : OK
    const zombie = startJob(world, { everyMs: 0, retain: 2 })
    const heir = startJob(world, { everyMs: 0, retain: 2 })
    zombie.coordinator.request('user')
    expect(stateFiles(world)).toEqual(['e1-0.state'])
    heir.coordinator.request('user')
    expect(heir.completions.map(({ id }) => id)).toEqual([1])
    expect(stateFiles(world)).toEqual(['e2-0.state'])
    expect(opened(opening(world, world.disk.mount())).restore).toMatchObject({ checkpoint: 1, epoch: 2 })
  })
})

describe('a start that died while it claimed a term', () => {
  test('leaves nothing that cleaning does not find', () => {
    const world = new World()
    startJob(world, { everyMs: 0 }).coordinator.request('user')
    world.disk.killAll()
    world.disk.onOperation = ({ operation, path }): Fate =>
      operation === 'link' && path.endsWith('/2.json') ? { kind: 'crash-before' } : OK
    outcomeOf(openDirectory(world.ports(world.disk.mount()), DIR, OPEN))
    world.disk.onOperation = () => OK
    const ports = world.ports(world.disk.mount())
    const leftOver = () => (run(ports.storage.list(`${DIR}/epochs`)) ?? []).filter((name) => name.startsWith('.tmp-e2-claim'))
    expect(leftOver().length).toBe(1)
    expect(run(clean(ports, DIR, { kind: 'gc' })).files.map(({ why }) => why)).toEqual(['leftover'])
    expect(leftOver()).toEqual([])
  })
})

describe('a directory that began from a savepoint and has come further since', () => {
  test('does not go back to it when the same command meets a damaged term', () => {
    const world = new World()
    startJob(world, { everyMs: 0 }).coordinator.request('user')
    world.disk.killAll()
    const storage = world.disk.mount()
    run(takeSavepoint(world.ports(storage), run(restorableOf(storage, DIR)), '/backup/one', '0.1.0'))
    const NEXT = '/data/next'
    const begin = (): unknown => outcomeOf(beginFrom(world.ports(storage), NEXT, { path: '/backup/one' }, OPEN))
    expect(begin()).toMatchObject({ ok: true })
    const ports = world.ports(storage)
    const job = new SmallJob(world, storage, opened(run(openDirectory(ports, NEXT, OPEN))), { everyMs: 0, retain: 1 })
    job.start()
    job.coordinator.request('user')
    expect(job.completions.map(({ id }) => id)).toEqual([2])
    expect(run(storage.list(`${NEXT}/checkpoints`))).not.toContain('1.manifest')

    world.disk.corrupt(`${NEXT}/epochs/3.start.json`, 300)
    expect(begin()).toMatchObject({ ok: false, error: { code: 'E050' } })
    expect(run(storage.list(`${NEXT}/epochs`))).not.toContain('4.json')
  })

  test('is told that what it brought in is damaged, and not that somebody else has the directory', () => {
    const world = new World()
    startJob(world, { everyMs: 0 }).coordinator.request('user')
    const storage = world.disk.mount()
    const begin = (): unknown => outcomeOf(beginFrom(world.ports(storage), '/data/next', { path: DIR }, OPEN))
    expect(begin()).toMatchObject({ ok: true })
    world.disk.corrupt('/data/next/checkpoints/1.manifest', 300)
    const terms = run(storage.list('/data/next/epochs'))
    expect(begin()).toMatchObject({ ok: false, error: { kind: 'corrupt' } })
    expect(run(storage.list('/data/next/epochs'))).toEqual(terms)
  })
})
