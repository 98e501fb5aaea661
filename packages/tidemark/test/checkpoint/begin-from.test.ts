/** Beginning a line of checkpoints from elsewhere, killed at every operation of the disk. */
import { describe, expect, test } from 'vitest'
import type { StreamError } from '../../src/base/errors.ts'
import type { Outcome } from '../../src/base/io.ts'
import { beginFrom, type BeginPlace } from '../../src/checkpoint/begin-from.ts'
import { verifyCheckpoint } from '../../src/checkpoint/inspect.ts'
import { openDirectory, type OpenOptions, type OpenOutcome } from '../../src/checkpoint/open.ts'
import { restorableOf, verifySavepoint } from '../../src/checkpoint/savepoint.ts'
import { takeSavepoint } from '../../src/checkpoint/write-savepoint.ts'
import type { Survival } from '../../src/host/simulator/inodes.ts'
import { OK, type Fate } from '../../src/host/simulator/storage.ts'
import { DIR, OPEN, opened, outcomeOf, run, SmallJob, startJob, World } from './world.ts'

const PATH = '/backup/one'
const NEW = '/data/next'
type Storage = ReturnType<World['disk']['mount']>

/** A savepoint of checkpoint 3 of a job, in its second term, or of checkpoint 1 in its first. */
function prepared(seed = 1, terms = 2): World {
  const world = new World(seed)
  startJob(world, { everyMs: 0 }).coordinator.request('user')
  world.disk.killAll()
  if (terms === 2) {
    const job = startJob(world, { everyMs: 0 })
    for (let i = 0; i < 2; i++) job.coordinator.request('user')
  }
  const storage = world.disk.mount()
  run(takeSavepoint(world.ports(storage), run(restorableOf(storage, DIR)), PATH, '0.1.0'))
  world.disk.killAll()
  return world
}

function* begin(world: World, storage: Storage, from: string | BeginPlace = PATH, options: Partial<OpenOptions> = {}) {
  const place = typeof from === 'string' ? { path: from } : from
  yield* beginFrom(world.ports(storage), NEW, place, { ...OPEN, ...options })
  return yield* openDirectory(world.ports(storage), NEW, { ...OPEN, ...options })
}

const plain = (world: World, storage: Storage): OpenOutcome =>
  run(openDirectory(world.ports(storage), NEW, OPEN))

const codeOf = (outcome: Outcome<unknown> | undefined): string | undefined =>
  outcome?.ok === false ? (outcome.error as StreamError).code : outcome?.ok === true ? 'ok' : undefined

test('the new line holds the checkpoint under its number, in a term above all that its files name', () => {
  const world = prepared()
  const storage = world.disk.mount()
  const directory = opened(run(begin(world, storage)))
  expect(directory.restore).toMatchObject({
    checkpoint: 3, origin: { checkpoint: 3, epoch: 2, committed: true, sinks: [{ resource: '/out' }] },
  })
  expect(directory.restore?.epoch).toBe(3)
  expect(directory.epoch).toBe(4)
  expect(directory.jobId).not.toBe(directory.restore?.origin?.jobId)
  expect(directory.nextId).toBe(4)
  expect(run(verifyCheckpoint(storage, NEW, '3')).problems).toEqual([])
})

const WAYS = ['killed', 'none', 'some'] as const satisfies readonly (Survival | 'killed')[]

describe('BF-8 a checkpoint of a state directory that is named', () => {
  /** Checkpoints 1, 2 and 3 in one term. */
  function three(): World {
    const world = new World(1)
    const job = startJob(world, { everyMs: 0, retain: 4 })
    for (let i = 0; i < 3; i++) job.coordinator.request('user')
    world.disk.killAll()
    return world
  }
  const restored = (outcome: OpenOutcome): number | undefined => opened(outcome).restore?.checkpoint

  test.each([['latest-1', 2], ['1', 1], ['latest', 3]])('%s is begun from, and its number stays', (ref, checkpoint) => {
    const world = three()
    const storage = world.disk.mount()
    expect(restored(run(begin(world, storage, { path: DIR, ref })))).toBe(checkpoint)
    expect(run(verifyCheckpoint(storage, NEW, String(checkpoint))).problems).toEqual([])
  })

  test.each(WAYS)('killed at every operation, while the other job goes on: the repetition means what the first meant (%s)', (survival) => {
    for (let [at, ended] = [1, false]; !ended; at++) {
      const world = three()
      const base = world.disk.operations
      world.disk.onOperation = ({ index }): Fate => (index === base + at ? { kind: 'crash-after' } : OK)
      outcomeOf(begin(world, world.disk.mount(), { path: DIR, ref: 'latest-1' }))
      world.disk.onOperation = () => OK
      ended = world.disk.operations - base < at
      if (survival === 'killed') world.disk.killAll()
      else world.disk.powerCut(world.random, survival)
      const settled = world.disk.lookup(`${NEW}/origin.json`) !== undefined
      startJob(world, { everyMs: 0, retain: 4 }).coordinator.request('user')
      world.disk.killAll()
      const again = run(begin(world, world.disk.mount(), { path: DIR, ref: 'latest-1' }))
      expect(restored(again), `at ${at}`).toBe(settled ? 2 : 3)
    }
  })

  test('another one, or none, is another line; one that is not there is named', () => {
    const world = three()
    const storage = world.disk.mount()
    expect(codeOf(outcomeOf(begin(world, storage, { path: DIR, ref: '7' })))).toBe('E047')
    expect(codeOf(outcomeOf(begin(world, storage, { path: DIR, ref: '@none' })))).toBe('E144')
    run(begin(world, storage, { path: DIR, ref: '2' }))
    for (const other of [{ path: DIR }, { path: DIR, ref: '1' }]) {
      expect(codeOf(outcomeOf(begin(world, storage, other)))).toBe('E118')
    }
    // The same one by another name is the same.
    expect(codeOf(outcomeOf(begin(world, storage, { path: DIR, ref: 'latest-1' })))).toBe('ok')
  })

  test('of a savepoint its only one may be named, and no other', () => {
    const world = prepared()
    const storage = world.disk.mount()
    expect(codeOf(outcomeOf(begin(world, storage, { path: PATH, ref: '2' })))).toBe('E047')
    expect(restored(run(begin(world, storage, { path: PATH, ref: '3' })))).toBe(3)
  })
})

describe('killed at every operation of the disk', () => {
  test.each(WAYS)('%s of the unsynced survives: the same command goes on, a plain start is refused or goes on', (survival) => {
    const seen = new Set<string>()
    for (let at = 1; !seen.has('ended'); at++) {
      const world = prepared(at, 1)
      const base = world.disk.operations
      world.disk.onOperation = ({ index }): Fate => (index === base + at ? { kind: 'crash-after' } : OK)
      outcomeOf(begin(world, world.disk.mount()))
      world.disk.onOperation = () => OK
      if (world.disk.operations - base < at) seen.add('ended')
      if (survival === 'killed') world.disk.killAll()
      else world.disk.powerCut(world.random, survival)

      // Without --from: nothing was begun yet, or it is refused, or the state is there. Never empty after that.
      const begun = world.disk.lookup(`${NEW}/origin.json`) !== undefined
      if (begun) {
        const outcome = plain(world, world.disk.mount())
        seen.add(outcome.kind)
        if (outcome.kind === 'refused') expect(outcome.error.code, `at ${at}`).toBe('E119')
        else expect(opened(outcome).restore?.checkpoint, `at ${at}`).toBe(1)
      }

      const storage = world.disk.mount()
      const directory = opened(run(begin(world, storage)))
      expect(directory.restore?.checkpoint, `at ${at}`).toBe(1)
      expect(run(verifyCheckpoint(storage, NEW, 'latest')).problems, `at ${at}`).toEqual([])
      // One line: one manifest, and it is this directory's own.
      const names = run(storage.list(`${NEW}/checkpoints`)) ?? []
      expect(names.filter((name) => name.endsWith('.manifest'))).toEqual(['1.manifest'])
      expect(directory.restore?.jobId).toBe(directory.jobId)
      expect(run(verifySavepoint(storage, PATH)).ok).toBe(true)
    }
    expect([...seen].toSorted()).toEqual(['ended', 'opened', 'refused'])
  })
})

describe('BF-2 what a directory begins with it keeps', () => {
  test('repeated when it has checkpoints of its own the command goes on, also when the savepoint is gone', () => {
    const world = prepared()
    const storage = world.disk.mount()
    const job = new SmallJob(world, storage, opened(run(begin(world, storage))))
    job.start()
    job.coordinator.request('user')
    expect(job.completions.at(-1)?.id).toBe(4)
    expect(opened(run(begin(world, storage))).restore).toMatchObject({ checkpoint: 4 })
    run(storage.unlink(`${PATH}/savepoint.json`))
    expect(opened(run(begin(world, storage))).restore).toMatchObject({ checkpoint: 4 })
  })

  test('another savepoint, and a directory that began by itself, are refused and untouched', () => {
    const world = prepared()
    const storage = world.disk.mount()
    run(begin(world, storage))
    expect(codeOf(outcomeOf(beginFrom(world.ports(storage), DIR, { path: PATH }, OPEN)))).toBe('E118')
    const job = startJob(world, { everyMs: 0 }, storage)
    job.coordinator.request('user')
    run(takeSavepoint(world.ports(storage), run(restorableOf(storage, DIR)), '/backup/two', '0.1.0'))
    expect(codeOf(outcomeOf(begin(world, storage, '/backup/two')))).toBe('E118')
    expect(opened(plain(world, storage)).restore?.checkpoint).toBe(3)
  })

  test('of a state directory it begins with the newest, and goes on from its own when that one has moved on', () => {
    const world = prepared()
    const storage = world.disk.mount()
    expect(opened(run(begin(world, storage, DIR))).restore).toMatchObject({ checkpoint: 3 })
    startJob(world, { everyMs: 0 }, storage).coordinator.request('user')
    expect(opened(run(begin(world, storage, DIR))).restore).toMatchObject({ checkpoint: 3 })
  })
})

describe('BF-5 what does not fit is refused before anything is written', () => {
  const SOURCE = { operator: 'necklace', role: 'source', resource: '/in/other.jsonl' } as const
  test.each([
    ['E036', { job: 'pearls' }],
    ['E034', { maxParallelism: 64 }],
    ['E035', { resources: [SOURCE] }],
  ] as const)('%s', (code, options) => {
    const world = prepared()
    const storage = world.disk.mount()
    expect(codeOf(outcomeOf(begin(world, storage, PATH, options)))).toBe(code)
    expect(opened(plain(world, storage)).restore).toBeUndefined()
  })

  test('another output is no misfit: a new line writes where it likes', () => {
    const world = prepared()
    const [source] = OPEN.resources
    const resources = [source as (typeof OPEN.resources)[number], { operator: 'totals', role: 'sink', resource: '/else' } as const]
    expect(opened(run(begin(world, world.disk.mount(), PATH, { resources }))).restore?.checkpoint).toBe(3)
  })

  test('E154 where there is neither a savepoint nor a job', () => {
    const world = prepared()
    expect(codeOf(outcomeOf(begin(world, world.disk.mount(), '/nowhere')))).toBe('E154')
  })
})

test('BF-4 a savepoint of what was brought in still says whose committables it carries', () => {
  const world = prepared()
  const storage = world.disk.mount()
  const first = opened(run(begin(world, storage))).restore?.origin
  run(takeSavepoint(world.ports(storage), run(restorableOf(storage, NEW)), '/backup/two', '0.1.0'))
  const again = '/data/third'
  run(beginFrom(world.ports(storage), again, { path: '/backup/two' }, OPEN))
  const directory = opened(run(openDirectory(world.ports(storage), again, OPEN)))
  expect(directory.restore?.origin).toEqual(first)
})

test('BF-2 a starter that was passed by on the way leaves its successor a line that opens', () => {
  let overtaken = 0
  for (let at = 1; ; at++) {
    const inner = prepared(at, 1)
    const stopped = inner.disk.mount()
    const base = inner.disk.operations
    let ended = false
    // In the middle of one starter's work another one does all of it.
    inner.disk.onOperation = ({ index }): Fate => {
      if (index === base + at && !ended) {
        ended = true
        const outcome = outcomeOf(begin(inner, inner.disk.mount()))
        expect(codeOf(outcome), `at ${at}`).toBe('ok')
        overtaken += 1
      }
      return OK
    }
    const outcome = codeOf(outcomeOf(begin(inner, stopped)))
    inner.disk.onOperation = () => OK
    if (!ended) break
    expect(['ok', 'E046'], `at ${at}`).toContain(outcome)
    expect(opened(plain(inner, inner.disk.mount())).restore?.checkpoint, `at ${at}`).toBe(1)
  }
  expect(overtaken).toBeGreaterThan(20)
})
