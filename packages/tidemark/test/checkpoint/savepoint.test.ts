/** Savepoints: taken of a dead and of a running job, killed at every operation of the disk. */
import { describe, expect, test } from 'vitest'
import type { CheckpointId } from '../../src/base/ids.ts'
import { isStreamError, type StreamError } from '../../src/base/errors.ts'
import { verifyCheckpoint } from '../../src/checkpoint/inspect.ts'
import type { SavepointOutcome } from '../../src/checkpoint/live-savepoint.ts'
import { listCheckpoints } from '../../src/checkpoint/inspect.ts'
import { manifestFile, savepointFile } from '../../src/checkpoint/layout.ts'
import { readSavepoint, restorableOf, verifySavepoint } from '../../src/checkpoint/savepoint.ts'
import { claimTarget, takeSavepoint } from '../../src/checkpoint/write-savepoint.ts'
import type { Survival } from '../../src/host/simulator/inodes.ts'
import { OK, type Fate } from '../../src/host/simulator/storage.ts'
import { DIR, EVERYBODY, opened, opening, outcomeOf, run, startJob, World, type SmallJob } from './world.ts'

const PATH = '/backup/one'
type Storage = ReturnType<World['disk']['mount']>

function checkpointed(world: World, n = 2): SmallJob {
  const job = startJob(world, { everyMs: 0 })
  for (let i = 0; i < n; i++) job.coordinator.request('user')
  return job
}

const confirm = (job: SmallJob, id = job.completions.at(-1)?.id as CheckpointId): void =>
  EVERYBODY.forEach((subtask) => job.coordinator.onCommitted(subtask, id))

function* dead(world: World, storage: Storage, path = PATH) {
  return yield* takeSavepoint(world.ports(storage), yield* restorableOf(storage, DIR), path, '0.1.0')
}

function live(job: SmallJob, path = PATH): SavepointOutcome[] {
  const outcomes: SavepointOutcome[] = []
  job.coordinator.savepoint(path, (outcome) => outcomes.push(outcome))
  return outcomes
}

/** Either no savepoint, and said so, or one that is whole. */
function judge(world: World, label: string): 'none' | 'whole' {
  const storage = world.disk.mount()
  const outcome = outcomeOf(readSavepoint(storage, PATH))
  if (outcome?.ok === false) {
    expect(isStreamError(outcome.error) ? outcome.error.code : outcome.error, label).toBe('E154')
    return 'none'
  }
  expect(run(verifySavepoint(storage, PATH)).problems, label).toEqual([])
  return 'whole'
}

const codeOf = (outcome: SavepointOutcome | undefined): string | undefined =>
  outcome?.kind === 'failed' ? outcome.error.code : outcome?.kind

const WAYS = ['killed', 'none', 'some'] as const satisfies readonly (Survival | 'killed')[]

describe('SV-1 killed at every operation of the disk there is a whole savepoint or none', () => {
  test.each(WAYS)('of a dead job, %s of the unsynced survives', (survival) => {
    const seen = new Set<string>()
    for (let at = 1; !seen.has('ended'); at++) {
      const world = new World(at)
      checkpointed(world)
      world.disk.powerCut(world.random, 'all')
      const base = world.disk.operations
      world.disk.onOperation = ({ index }): Fate => (index === base + at ? { kind: 'crash-after' } : OK)
      const taken = outcomeOf(dead(world, world.disk.mount()))
      world.disk.onOperation = () => OK
      if (world.disk.operations - base < at) seen.add('ended')
      if (survival === 'killed') world.disk.killAll()
      else world.disk.powerCut(world.random, survival)
      const what = judge(world, `at ${at}`)
      seen.add(what)
      if (taken?.ok === true) expect(what, `at ${at}: it was said to stand`).toBe('whole')
      // TK-4: the original is what it was.
      expect(run(verifyCheckpoint(world.disk.mount(), DIR, 'latest')).ok).toBe(true)
    }
    expect([...seen].toSorted()).toEqual(['ended', 'none', 'whole'])
  })

  test.each(WAYS)('of a running job, %s of the unsynced survives; the job loses nothing', (survival) => {
    const seen = new Set<string>()
    for (let at = 1; !seen.has('ended'); at++) {
      const world = new World(at)
      const storage = world.disk.mount()
      const job = startJob(world, { everyMs: 0 }, storage)
      job.coordinator.request('user')
      const base = world.disk.operations
      world.disk.onOperation = ({ index }): Fate => (index === base + at ? { kind: 'crash-after' } : OK)
      const outcomes = live(job)
      if (storage.alive) confirm(job)
      const [outcome] = outcomes
      world.disk.onOperation = () => OK
      if (world.disk.operations - base < at) seen.add('ended')
      const known = job.completions.at(-1)?.id ?? 0
      if (survival === 'killed') world.disk.killAll()
      else world.disk.powerCut(world.random, survival)
      const what = judge(world, `at ${at}`)
      seen.add(what)
      if (outcome?.kind === 'taken') expect(what).toBe('whole')
      const restored = opened(opening(world, world.disk.mount())).restore?.checkpoint
      expect([known, known + 1], `at ${at}`).toContain(restored)
    }
    expect([...seen].toSorted()).toEqual(['ended', 'none', 'whole'])
  })

  test('TK-3 a disk that fails at any operation leaves nothing behind, or a whole savepoint', () => {
    let failures = 0
    for (let at = 1; ; at++) {
      const world = new World(at)
      checkpointed(world)
      const storage = world.disk.mount()
      const from = run(restorableOf(storage, DIR))
      const base = world.disk.operations
      let linking = false
      world.disk.onOperation = ({ index, operation, path }): Fate => {
        linking ||= operation === 'link' && path.includes('savepoint')
        return index === base + at ? { kind: 'fail', errno: 'ENOSPC' } : OK
      }
      const outcome = outcomeOf(takeSavepoint(world.ports(storage), from, PATH, '0.1.0'))
      world.disk.onOperation = () => OK
      if (world.disk.operations - base < at) break
      const what = judge(world, `failed at ${at}`)
      if (outcome?.ok !== false) continue
      failures += 1
      const { code } = outcome.error as StreamError
      // Before the target is claimed it is the error of the disk as it is.
      expect(['E052', 'E116']).toContain(code)
      if (code !== 'E116') continue
      const left = run(storage.list(PATH)) ?? []
      if (linking) expect(what === 'whole' || left.includes('.taking'), `failed at ${at}`).toBe(true)
      else expect(left, `failed at ${at}`).toEqual([])
    }
    expect(failures).toBeGreaterThan(10)
  })
})

describe('a savepoint of a running job', () => {
  test('LS-3 it stands only when every subtask has confirmed what it carries', () => {
    const world = new World()
    const job = checkpointed(world, 1)
    const outcomes = live(job)
    expect(job.completions.at(-1)?.id).toBe(2)
    const [last, ...others] = EVERYBODY.toReversed()
    for (const subtask of others) job.coordinator.onCommitted(subtask, 2 as CheckpointId)
    expect(outcomes).toEqual([])
    expect(judge(world, 'unconfirmed')).toBe('none')
    job.coordinator.onCommitted(last as (typeof EVERYBODY)[number], 2 as CheckpointId)
    expect(outcomes).toMatchObject([{ kind: 'taken', savepoint: { checkpoint: 2, path: PATH, committed: true } }])
    expect(run(readSavepoint(world.disk.mount(), PATH))).toMatchObject({ committed: true, manifest: { checkpoint: 2 } })
  })

  test('LS-2 newer checkpoints do not remove what is being copied, and the next one after it does', () => {
    const world = new World()
    const job = checkpointed(world, 1)
    const outcomes = live(job)
    for (let i = 0; i < 2; i++) job.coordinator.request('user')
    const there = (id: number): boolean => world.disk.lookup(manifestFile(DIR, id)) !== undefined
    expect([1, 2, 3, 4].filter(there)).toEqual([2, 4])
    confirm(job)
    expect(codeOf(outcomes[0])).toBe('taken')
    expect(judge(world, 'pinned')).toBe('whole')
    job.coordinator.request('user')
    expect([2, 3, 4, 5].filter(there)).toEqual([5])
  })

  test('LS-1 a second one at the same time is refused; afterwards another may be taken', () => {
    const world = new World()
    const job = checkpointed(world, 1)
    const first = live(job)
    expect(codeOf(live(job, '/backup/two')[0])).toBe('E116')
    confirm(job)
    expect(codeOf(first[0])).toBe('taken')
    const third = live(job, '/backup/two')
    confirm(job)
    expect(codeOf(third[0])).toBe('taken')
  })

  test('LS-4 the end of the attempt ends it, and nothing of it stays', () => {
    const world = new World()
    const job = checkpointed(world, 1)
    const outcomes = live(job)
    run(job.coordinator.close())
    expect(codeOf(outcomes[0])).toBe('E116')
    expect(run(world.disk.mount().list(PATH)) ?? []).toEqual([])
  })

  test('a checkpoint that fails takes the savepoint with it, and the place is free again', () => {
    const world = new World()
    const job = checkpointed(world, 1)
    job.automatic = false
    const outcomes = live(job)
    world.pass(1_000)
    expect(codeOf(outcomes[0])).toBe('E116')
    expect(run(world.disk.mount().list(PATH)) ?? []).toEqual([])
  })

  test('CC-7 barriers never overtake for it, however old it is; for an ordinary one they do', () => {
    for (const [kind, overtakes] of [['savepoint', 0], ['user', 4]] as const) {
      const world = new World()
      const job = startJob(world, { everyMs: 0, unalignedAfterMs: 100, timeoutMs: 60_000 })
      job.automatic = false
      if (kind === 'savepoint') live(job)
      else job.coordinator.request('user')
      world.pass(5_000)
      expect(job.messages('trigger').length).toBe(2)
      expect(job.messages('overtake').length, kind).toBe(overtakes)
    }
  })

  test('CC-8 the sources of a last checkpoint are told to stop behind it, those of any other are not', () => {
    for (const kind of ['user', 'final'] as const) {
      const world = new World()
      const job = startJob(world, { everyMs: 0 })
      job.coordinator.request(kind)
      expect(job.messages('trigger').map((message) => 'suspend' in message)).toEqual([kind === 'final', kind === 'final'])
    }
  })
})

describe('the place for a savepoint', () => {
  test('TK-1 a directory that holds anything is refused and left as it is', () => {
    const world = new World()
    checkpointed(world)
    const storage = world.disk.mount()
    for (const path of [DIR, `${DIR}/checkpoints`]) {
      const outcome = outcomeOf(dead(world, storage, path))
      expect(outcome?.ok === false && (outcome.error as StreamError).code).toBe('E117')
    }
    run(dead(world, storage))
    const again = outcomeOf(dead(world, storage))
    expect(again?.ok === false && (again.error as StreamError).message).toContain('holds a savepoint')
    expect(judge(world, 'twice')).toBe('whole')
  })

  test('TK-1 of two takers one has the place', () => {
    const world = new World()
    const storage = world.disk.mount()
    run(claimTarget(storage, PATH))
    const other = outcomeOf(claimTarget(storage, PATH))
    expect(other?.ok === false && (other.error as StreamError).code).toBe('E117')
  })
})

test('a savepoint is listed as one from which jobs begin', () => {
  const world = new World()
  checkpointed(world, 1)
  run(dead(world, world.disk.mount()))
  expect(run(listCheckpoints(world.disk.mount(), PATH, 0)).checkpoints).toMatchObject([{ reachable: true, latest: true, savepoint: true }])
})

test('SV-3 any flipped bit in any file of a savepoint is noticed', () => {
  const world = new World()
  checkpointed(world, 1)
  run(dead(world, world.disk.mount()))
  const files = [savepointFile(PATH), manifestFile(PATH, 1), `${PATH}/checkpoints/1/e1-0.state`]
  for (const file of files) {
    const size = run(world.disk.mount().stat(file))?.sizeBytes as number
    for (let i = 0; i < 20; i++) {
      const bit = world.random.below(size * 8)
      world.disk.corrupt(file, bit)
      expect(run(verifySavepoint(world.disk.mount(), PATH)).ok, `${file}, bit ${bit}`).toBe(false)
      world.disk.corrupt(file, bit)
    }
    expect(run(verifySavepoint(world.disk.mount(), PATH)).ok).toBe(true)
  }
})
