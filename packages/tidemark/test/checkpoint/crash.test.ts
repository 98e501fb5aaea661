/** Every crash point of a run, over a disk that loses what was not synced. */
import { describe, expect, test } from 'vitest'
import { run, startJob, opening, opened, outcomeOf, DIR, OPEN, SmallJob, World } from './world.ts'
import { openDirectory } from '../../src/checkpoint/open.ts'
import { verifyCheckpoint, listCheckpoints } from '../../src/checkpoint/inspect.ts'
import { collectGarbage } from '../../src/checkpoint/gc.ts'
import { E055_FILE_MISSING } from '../../src/base/storage-errors.ts'
import { OK, SimulatedDisk, type Fate } from '../../src/host/simulator/storage.ts'
import type { Survival } from '../../src/host/simulator/inodes.ts'

/** Completed ids as the job saw them, whatever happened afterwards. */
function threeCheckpoints(world: World): { completed: () => number; started: () => boolean } {
  const storage = world.disk.mount()
  let job: SmallJob | undefined
  const outcome = outcomeOf(openDirectory(world.ports(storage), DIR, OPEN))
  if (outcome?.ok === true && outcome.value.kind === 'opened') {
    job = new SmallJob(world, storage, outcome.value.opened, { everyMs: 0 })
    job.start()
    for (let i = 0; i < 3 && storage.alive; i++) job.coordinator.request('user')
  }
  return { completed: () => job?.completions.at(-1)?.id ?? 0, started: () => job !== undefined }
}

function undisturbed(): { operations: number } {
  const world = new World()
  const job = threeCheckpoints(world)
  expect(job.completed()).toBe(3)
  return { operations: world.disk.operations }
}

function recoverAndVerify(world: World, known: number, label: string): number {
  const storage = world.disk.mount()
  const directory = opened(opening(world, storage))
  const restored = directory.restore?.checkpoint ?? 0
  // What the job was told is complete is there; at most the one on its way may have made it, too.
  expect([known, known + 1], label).toContain(restored)
  if (restored > 0) {
    const verification = run(verifyCheckpoint(storage, DIR, String(restored)))
    expect(verification.problems, label).toEqual([])
    expect(verification.files, label).toBe(1)
    expect(verification.segments, label).toBe(5)
  }
  expect(directory.nextId, label).toBeGreaterThan(restored)
  // The next run completes, collects what the crash left over, and keeps what it needs.
  const job = new SmallJob(world, storage, directory, { everyMs: 0 })
  job.start()
  job.coordinator.request('user')
  expect(job.completions.length, label).toBe(1)
  const id = job.completions[0]?.id as number
  expect(run(verifyCheckpoint(storage, DIR, 'latest')).ok, label).toBe(true)
  const left = run(storage.list(`${DIR}/checkpoints`))
  expect(left?.filter((name) => name.endsWith('.manifest')), label).toEqual([`${id}.manifest`])
  expect(left?.filter((name) => name.startsWith('.')), label).toEqual([])
  return restored
}

const { operations } = undisturbed()

describe('crash at every storage operation of three checkpoints, retain 1', () => {
  for (const kind of ['crash-before', 'crash-after'] as const) {
    test(`kill -9 (${kind}): the last complete checkpoint or its successor is restored and verifies`, () => {
      const seen = new Set<number>()
      for (let at = 1; at <= operations; at++) {
        const world = new World()
        world.disk.onOperation = ({ index }): Fate => (index === at ? { kind } : OK)
        const job = threeCheckpoints(world)
        world.disk.onOperation = () => OK
        world.disk.killAll()
        seen.add(recoverAndVerify(world, job.completed(), `${kind} at operation ${at}`))
      }
      expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3])
    })

    for (const survival of ['none', 'all', 'some'] as const satisfies readonly Survival[]) {
      test(`power cut (${kind}, ${survival} of the unsynced survives): the same holds`, () => {
        const seeds = survival === 'some' ? 3 : 1
        for (let at = 1; at <= operations; at++) {
          for (let seed = 1; seed <= seeds; seed++) {
            const world = new World(seed)
            world.disk.onOperation = ({ index }): Fate => (index === at ? { kind } : OK)
            const job = threeCheckpoints(world)
            world.disk.onOperation = () => OK
            world.disk.powerCut(world.random, survival)
            recoverAndVerify(world, job.completed(), `${kind} at ${at}, ${survival}, seed ${seed}`)
          }
        }
      })
    }
  }

  test('the storage model can tell: without fsync of the state file a power cut is noticed', () => {
    let noticed = 0
    for (let seed = 1; seed <= 40; seed++) {
      const world = new World(seed)
      // A disk whose fsync of state files lies: nothing becomes durable by it.
      const storage = world.disk.mount()
      const lying = Object.assign(Object.create(storage) as typeof storage, {
        sync: (file: { path: string }) => (file.path.endsWith('.state') ? nothing() : storage.sync(file)),
      })
      for (const name of ['create', 'openRead', 'append', 'read', 'close', 'readWhole', 'link', 'unlink', 'list',
        'stat', 'makeDirectory', 'removeDirectory', 'syncDirectory'] as const) {
        Object.assign(lying, { [name]: (storage[name] as (...args: unknown[]) => unknown).bind(storage) })
      }
      const job = new SmallJob(world, lying, opened(opening(world, storage)), { everyMs: 0 })
      job.start()
      job.coordinator.request('user')
      expect(job.completions.length).toBe(1)
      world.disk.powerCut(world.random, 'some')
      const again = world.disk.mount()
      const outcome = opening(world, again)
      if (outcome.kind === 'refused' || !run(verifyCheckpoint(again, DIR, 'latest')).ok) noticed += 1
    }
    expect(noticed).toBeGreaterThan(20)
  })

  test('a crash during recovery, at any operation, twice in a row, leaves a directory that opens', () => {
    for (let at = 1; at < 60; at++) {
      const world = new World(at)
      startJob(world, { everyMs: 0 }).coordinator.request('user')
      for (let round = 0; round < 2; round++) {
        world.disk.powerCut(world.random)
        const base = world.disk.operations
        world.disk.onOperation = ({ index }): Fate => (index === base + at ? { kind: 'crash-after' } : OK)
        outcomeOf(openDirectory(world.ports(world.disk.mount()), DIR, OPEN))
      }
      world.disk.onOperation = () => OK
      world.disk.powerCut(world.random)
      expect(recoverAndVerify(world, 1, `recovery crash at ${at}`)).toBe(1)
    }
  })
})

describe('errors of the disk', () => {
  const kinds = [['EIO', 0], ['ENOSPC', 7]] as const
  for (const [errno, partial] of kinds) {
    test(`${errno} once at any operation: no wrong result, and the next checkpoint completes`, () => {
      for (let at = 1; at <= operations; at++) {
        const world = new World()
        const storage = world.disk.mount()
        const directory = opened(opening(world, storage))
        const base = world.disk.operations
        const job = new SmallJob(world, storage, directory, { everyMs: 0, tolerableFailures: 5 })
        world.disk.onOperation = ({ index }): Fate =>
          index === base + at ? { kind: 'fail', errno, partial } : OK
        job.start()
        for (let i = 0; i < 4; i++) job.coordinator.request('user')
        const label = `${errno} at operation ${at}`
        expect(job.failures, label).toEqual([])
        expect(job.completions.length + job.aborts.length, label).toBe(4)
        expect(job.completions.length, label).toBeGreaterThanOrEqual(3)
        world.disk.onOperation = () => OK
        // The file that failed was never synced again: a power cut must find the newest one whole.
        world.disk.powerCut(world.random, 'none')
        const again = world.disk.mount()
        const latest = opened(opening(world, again)).restore?.checkpoint
        expect(latest, label).toBeGreaterThanOrEqual(job.completions.at(-1)?.id as number)
        expect(run(verifyCheckpoint(again, DIR, 'latest')).problems, label).toEqual([])
      }
    })
  }

  test('an fsync that failed once is never repeated on the same file', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 0, tolerableFailures: 5 })
    const synced: string[] = []
    let failed: string | undefined
    world.disk.onOperation = ({ operation, path }): Fate => {
      if (operation !== 'sync') return OK
      synced.push(path)
      if (failed !== undefined || !path.endsWith('.state')) return OK
      failed = path
      return { kind: 'fail', errno: 'EIO' }
    }
    job.coordinator.request('user')
    job.coordinator.request('user')
    expect(job.aborts.map((abort) => abort.reason)).toEqual(['finalisation-failed'])
    expect(job.completions.length).toBe(1)
    expect(synced.filter((path) => path === failed).length).toBe(1)
    expect(world.disk.lookup(failed as string)).toBeUndefined()
  })

  test('a full disk for good fails checkpoints, then the job (E041), and keeps the last one', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 0, tolerableFailures: 2 })
    job.coordinator.request('user')
    world.disk.onOperation = ({ operation }): Fate =>
      operation === 'append' ? { kind: 'fail', errno: 'ENOSPC', partial: 3 } : OK
    for (let i = 0; i < 3; i++) job.coordinator.request('user')
    expect(job.failures.map((error) => error.code)).toEqual(['E041'])
    expect(job.failures[0]?.retryable).toBe(true)
    world.disk.onOperation = () => OK
    world.disk.killAll()
    expect(opened(opening(world, world.disk.mount())).restore?.checkpoint).toBe(1)
  })

  test('a transient read error at start is retried, a lasting one is thrown and not taken for damage', () => {
    const world = new World()
    startJob(world, { everyMs: 0 }).coordinator.request('user')
    world.disk.killAll()
    let left = 2
    world.disk.onOperation = ({ operation, path }): Fate =>
      operation === 'readWhole' && path.endsWith('.manifest') && left-- > 0 ? { kind: 'fail', errno: 'EMFILE' } : OK
    let restored: number | undefined
    const storage = world.disk.mount()
    const fiber = (function* () {
      restored = opened(yield* openDirectory(world.ports(storage), DIR, OPEN)).restore?.checkpoint
    })()
    outcomeOf(fiber)
    world.pass(1_000)
    expect(restored).toBe(1)

    world.disk.onOperation = ({ operation, path }): Fate =>
      operation === 'readWhole' && path.endsWith('.manifest') ? { kind: 'fail', errno: 'EIO' } : OK
    let code: string | undefined
    outcomeOf((function* () {
      try {
        yield* openDirectory(world.ports(storage), DIR, OPEN)
      } catch (error) {
        code = (error as { code: string }).code
      }
    })())
    world.pass(1_000)
    expect(code).toBe('E053')
  })
})

describe('garbage collection', () => {
  test('a crash at any of its operations removes no file that a manifest on the disk names', () => {
    for (let at = 1; at <= 40; at++) {
      for (const survival of ['none', 'some', 'all'] as const) {
        const disk = new SimulatedDisk()
        const world = new World(at, disk)
        const job = startJob(world, { everyMs: 0, retain: 3 })
        for (let i = 0; i < 3; i++) job.coordinator.request('user')
        const base = disk.operations
        disk.onOperation = ({ index }): Fate => (index === base + at ? { kind: 'crash-before' } : OK)
        outcomeOf(collectGarbage(job.ports, DIR, { mine: job.opened.epoch, retain: 1, floor: 4 }))
        disk.onOperation = () => OK
        disk.powerCut(world.random, survival)
        const storage = disk.mount()
        const { checkpoints } = run(listCheckpoints(storage, DIR, 0))
        expect(checkpoints.at(-1)).toMatchObject({ id: 3, latest: true })
        for (const { id } of checkpoints) {
          expect(run(verifyCheckpoint(storage, DIR, String(id))).problems, `#${id}, crash at ${at}`).toEqual([])
        }
      }
    }
  })

  test('what is unknown is never deleted', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 0, retain: 1 })
    job.coordinator.request('user')
    const strange = ['checkpoints/notes.txt', 'checkpoints/1/precious.dat', 'checkpoints/007.manifest', 'epochs/x.json']
    for (const name of strange) run(job.ports.storage.create(`${DIR}/${name}`))
    for (let i = 0; i < 3; i++) job.coordinator.request('user')
    for (const name of strange) expect(run(job.ports.storage.stat(`${DIR}/${name}`)), name).toBeDefined()
    expect(run(job.ports.storage.list(`${DIR}/checkpoints/1`))).toEqual(['precious.dat'])
  })
})

function* nothing(): Generator<never, void, unknown> {}

test('a missing file is told from an error of the disk', () => {
  const world = new World()
  expect(() => run(world.disk.mount().readWhole('/nowhere'))).toThrowError(
    expect.objectContaining({ code: E055_FILE_MISSING.definition.code }),
  )
})
