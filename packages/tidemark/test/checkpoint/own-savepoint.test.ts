/** A savepoint that the job which begins from it takes over, cut off at every operation of the disk. */
import { describe, expect, test } from 'vitest'
import type { StreamError } from '../../src/base/errors.ts'
import { beginFrom } from '../../src/checkpoint/begin-from.ts'
import { verifyCheckpoint } from '../../src/checkpoint/inspect.ts'
import { openDirectory } from '../../src/checkpoint/open.ts'
import { giveBackSavepoint, removeOwnSavepoint } from '../../src/checkpoint/own-savepoint.ts'
import { restorableOf, verifySavepoint } from '../../src/checkpoint/savepoint.ts'
import { takeSavepoint } from '../../src/checkpoint/write-savepoint.ts'
import type { Survival } from '../../src/host/simulator/inodes.ts'
import { OK, type Fate } from '../../src/host/simulator/storage.ts'
import { DIR, OPEN, opened, outcomeOf, run, SmallJob, startJob, World } from './world.ts'

const PATH = '/backup/one'
const NEW = '/data/next'
const OTHER = '/data/other'
type Storage = ReturnType<World['disk']['mount']>

function prepared(seed = 1): World {
  const world = new World(seed)
  startJob(world, { everyMs: 0 }).coordinator.request('user')
  world.disk.killAll()
  const storage = world.disk.mount()
  run(takeSavepoint(world.ports(storage), run(restorableOf(storage, DIR)), PATH, '0.1.0'))
  world.disk.killAll()
  return world
}

function* begin(world: World, storage: Storage, directory = NEW, claim = true, from = PATH) {
  yield* beginFrom(world.ports(storage), directory, { path: from, claim }, OPEN)
  return yield* openDirectory(world.ports(storage), directory, OPEN)
}

/** One process: it begins, completes a checkpoint, and removes what is its own then. */
function whole(world: World, storage: Storage): void {
  const job = new SmallJob(world, storage, opened(run(begin(world, storage))))
  job.start()
  job.coordinator.request('user')
  if (job.completions.length === 0) throw new Error('no checkpoint completed')
  run(removeOwnSavepoint(storage, NEW))
}

const codeOf = (make: () => unknown): string => {
  try {
    make()
    return 'ok'
  } catch (error) {
    return (error as StreamError).code
  }
}
const names = (storage: Storage, path: string): readonly string[] | undefined => run(storage.list(path))

test('ON-2 it stands until a checkpoint of the job has completed, and then nothing of it is left', () => {
  const world = prepared()
  const storage = world.disk.mount()
  const job = new SmallJob(world, storage, opened(run(begin(world, storage))))
  job.start()
  expect(run(verifySavepoint(storage, PATH)).ok).toBe(true)
  job.coordinator.request('user')
  expect(job.completions.at(-1)?.id).toBe(2)
  expect(run(removeOwnSavepoint(storage, NEW))).toBe(true)
  expect(names(storage, PATH)).toBeUndefined()
  expect(run(removeOwnSavepoint(storage, NEW))).toBe(false)
  expect(run(verifyCheckpoint(storage, NEW, 'latest')).problems).toEqual([])
  // The same command, with nothing there any more, goes on.
  expect(opened(run(begin(world, storage))).restore?.checkpoint).toBe(2)
})

test('by default it is copied: nothing is written into it and nothing removed', () => {
  const world = prepared()
  const storage = world.disk.mount()
  const before = names(storage, PATH)
  run(begin(world, storage, NEW, false))
  expect(run(removeOwnSavepoint(storage, NEW))).toBe(false)
  expect(names(storage, PATH)).toEqual(before)
  expect(run(verifySavepoint(storage, PATH)).ok).toBe(true)
})

const WAYS = ['killed', 'none', 'some'] as const satisfies readonly (Survival | 'killed')[]

test.each(WAYS)('cut off at every operation (%s of the unsynced survives) the state is whole in one place or both', (survival) => {
  const seen = new Set<string>()
  for (let at = 1; !seen.has('ended'); at++) {
    const world = prepared(at)
    const base = world.disk.operations
    world.disk.onOperation = ({ index }): Fate => (index === base + at ? { kind: 'crash-after' } : OK)
    outcomeOf(function* () {
      whole(world, world.disk.mount())
    }())
    world.disk.onOperation = () => OK
    if (world.disk.operations - base < at) seen.add('ended')
    if (survival === 'killed') world.disk.killAll()
    else world.disk.powerCut(world.random, survival)

    const storage = world.disk.mount()
    const stands = run(storage.stat(`${PATH}/savepoint.json`)) !== undefined
    const claimed = run(storage.stat(`${PATH}/claimed.json`)) !== undefined
    seen.add(stands ? (claimed ? 'claimed' : 'untouched') : claimed ? 'being removed' : 'gone')
    // Half a savepoint is none, and a whole one is whole.
    if (stands) expect(run(verifySavepoint(storage, PATH)).ok, `at ${at}`).toBe(true)
    else expect(run(verifyCheckpoint(storage, NEW, 'latest')).problems, `at ${at}`).toEqual([])
    if (claimed) expect(codeOf(() => run(begin(world, storage, OTHER, false))), `at ${at}`).toMatch(/E186|E154/)

    const again = world.disk.mount()
    const restored = opened(run(begin(world, again))).restore?.checkpoint
    expect(restored, `at ${at}`).toBeGreaterThanOrEqual(1)
    const last = world.disk.mount()
    whole(world, last)
    // Of a removal that was cut off at its very last step the empty directory stays.
    expect(names(last, PATH) ?? [], `at ${at}`).toEqual([])
    expect(run(verifyCheckpoint(last, NEW, 'latest')).problems, `at ${at}`).toEqual([])
  }
  expect(seen).toEqual(new Set(['untouched', 'claimed', 'being removed', 'gone', 'ended']))
})

describe('whose it is', () => {
  test('ON-1 of two that claim it the second is refused, and so is one that would copy it', () => {
    const world = prepared()
    const storage = world.disk.mount()
    run(begin(world, storage))
    for (const claim of [true, false]) {
      expect(codeOf(() => run(begin(world, storage, `${OTHER}-${claim}`, claim)))).toBe('E186')
      expect(names(storage, `${OTHER}-${claim}`)).not.toContain('origin.json')
    }
    expect(opened(run(begin(world, storage))).restore?.checkpoint).toBe(1)
  })

  test('ON-4 another savepoint at the same path, and what somebody put beside it, stay', () => {
    const world = prepared()
    const storage = world.disk.mount()
    whole(world, storage)
    run(takeSavepoint(world.ports(storage), run(restorableOf(storage, DIR)), PATH, '0.1.0'))
    expect(run(removeOwnSavepoint(storage, NEW))).toBe(false)
    expect(run(verifySavepoint(storage, PATH)).ok).toBe(true)

    run(begin(world, storage, OTHER))
    run(storage.close(run(storage.create(`${PATH}/notes.txt`))))
    expect(run(removeOwnSavepoint(storage, OTHER))).toBe(true)
    expect(names(storage, PATH)).toEqual(['notes.txt'])
  })

  test('ON-5 whoever starts from nothing gives it back, and it is not removed', () => {
    const world = prepared()
    const storage = world.disk.mount()
    run(beginFrom(world.ports(storage), NEW, { path: PATH, claim: true }, OPEN))
    run(giveBackSavepoint(storage, NEW))
    const fresh = new SmallJob(world, storage, opened(run(openDirectory(world.ports(storage), NEW, { ...OPEN, fresh: true }))))
    fresh.start()
    fresh.coordinator.request('user')
    expect(fresh.completions.length).toBe(1)
    expect(run(removeOwnSavepoint(storage, NEW))).toBe(false)
    expect(run(verifySavepoint(storage, PATH)).ok).toBe(true)
    expect(opened(run(begin(world, storage, OTHER))).restore?.checkpoint).toBe(1)
  })

  test('E185 a state directory is the home of a job, and a copy that was begun stays one (BF-6)', () => {
    const world = prepared()
    const storage = world.disk.mount()
    expect(codeOf(() => run(begin(world, storage, NEW, true, DIR)))).toBe('E185')
    expect(names(storage, NEW)).not.toContain('origin.json')
    run(begin(world, storage, NEW, false))
    expect(codeOf(() => run(begin(world, storage)))).toBe('E185')
    run(begin(world, storage, OTHER))
    // How it began is written down: without the word it is claimed all the same.
    expect(codeOf(() => run(begin(world, storage, OTHER, false)))).toBe('ok')
    expect(run(removeOwnSavepoint(storage, OTHER))).toBe(true)
  })
})
