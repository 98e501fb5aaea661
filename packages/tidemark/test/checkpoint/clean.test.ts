/** Cleaning up by hand: what goes, what stays, and every crash on the way, over a disk that loses what was not synced. */
import { beforeEach, describe, expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import type { Storage } from '../../src/base/ports.ts'
import { clean, planCleaning, type Cleaning, type CleaningReport } from '../../src/checkpoint/clean.ts'
import { collectGarbage } from '../../src/checkpoint/gc.ts'
import { listCheckpoints, verifyCheckpoint } from '../../src/checkpoint/inspect.ts'
import { setLabel } from '../../src/checkpoint/labels.ts'
import { KnownDocuments } from '../../src/checkpoint/read.ts'
import { OK, type Fate } from '../../src/host/simulator/storage.ts'
import type { Survival } from '../../src/host/simulator/inodes.ts'
import { failureOf, StateDirectory, type OperatorContent } from './state-world.ts'
import { DIR, opened, opening, outcomeOf, run } from './world.ts'

const GC: Cleaning = { kind: 'gc' }
const keep = (n: number): Cleaning => ({ kind: 'prune', keep: n })
const KEYS = Array.from({ length: 12 }, (_, i) => i)
const op = (entries: readonly (readonly [number, number])[], more: object = {}): OperatorContent[] =>
  [{ name: 'op', parallelism: 2, states: [{ name: 's', entries: entries.map(([key, value]) => [key, undefined, value] as const), ...more }] }]
const changes = { extent: 'changes' as const }

/** 1 ← 2 ← 3 is a chain, 4 ← 5 another one, 6 stands alone. */
function chains(): StateDirectory {
  const directory = new StateDirectory()
  directory.write(1, op(KEYS.map((key) => [key, 1])))
  directory.write(2, op([[1, 2], [2, 2]], changes), 128, 1)
  directory.write(3, op([[2, 3]], { ...changes, removed: [1] }), 128, 2)
  directory.write(4, op(KEYS.map((key) => [key, 4])))
  directory.write(5, op([[3, 5]], changes), 128, 4)
  directory.write(6, op(KEYS.map((key) => [key, 6])))
  return directory
}

const ports = (storage: Storage) => ({ storage, probe: () => {} })
const cleaned = (directory: StateDirectory, cleaning: Cleaning, storage = directory.storage): CleaningReport =>
  run(clean(ports(storage), DIR, cleaning))
const planned = (directory: StateDirectory, cleaning: Cleaning, running = false): CleaningReport =>
  run(planCleaning(directory.storage, DIR, cleaning, running))
const present = (storage: Storage): number[] => run(listCheckpoints(storage, DIR, 0)).checkpoints.map(({ id }) => id)
const put = (directory: StateDirectory, path: string, text = 'x'): void => {
  run(directory.storage.makeDirectory(`${DIR}/${path}`.replace(/\/[^/]*$/, '')))
  const file = run(directory.storage.create(`${DIR}/${path}`))
  run(directory.storage.append(file, new TextEncoder().encode(text)))
  run(directory.storage.close(file))
}

/** Every state file below the directory, as CHECKPOINT/NAME. */
function stateFiles(storage: Storage): string[] {
  const names = run(storage.list(`${DIR}/checkpoints`)) ?? []
  return names.filter((name) => /^\d+$/.test(name)).flatMap((id) =>
    (run(storage.list(`${DIR}/checkpoints/${id}`)) ?? []).map((name) => `${id}/${name}`))
}

function referred(storage: Storage): string[] {
  const directory = present(storage)
  return [...new Set(directory.flatMap((id) => {
    const opening = run(verifyCheckpoint(storage, DIR, String(id)))
    expect(opening.problems, `checkpoint ${id}`).toEqual([])
    const bytes = run(storage.readWhole(`${DIR}/checkpoints/${id}.manifest`))
    const text = new TextDecoder().decode(bytes)
    const { files } = JSON.parse(text.slice(text.indexOf('\n'))) as { files: { checkpoint?: number; name: string }[] }
    return files.map(({ checkpoint = id, name }) => `${checkpoint}/${name}`)
  }))]
}

/** CQ-1: nothing is missing, nothing is left over. */
function expectTidy(storage: Storage, label: string): void {
  expect(stateFiles(storage).toSorted(), label).toEqual(referred(storage).toSorted())
  for (const place of ['', '/epochs', '/checkpoints']) {
    expect((run(storage.list(`${DIR}${place}`)) ?? []).filter((name) => name.startsWith('.tmp')), label).toEqual([])
  }
}

describe('prune', () => {
  test('CQ-1 keeps what is asked for, and the files that a kept chain goes on top of', () => {
    const directory = chains()
    const before = stateFiles(directory.storage)
    expect(before.length).toBe(6)
    const report = cleaned(directory, keep(2))
    expect(report).toMatchObject({ kept: [{ id: 5 }, { id: 6 }], checkpoints: [1, 2, 3, 4], dryRun: false })
    expect(present(directory.storage)).toEqual([5, 6])
    // 4 has gone as a checkpoint; its file is what 5 rests on.
    expect(stateFiles(directory.storage)).toEqual(['4/e1-p4.state', '5/e1-p5.state', '6/e1-p6.state'])
    expectTidy(directory.storage, 'after prune')
    expect(cleaned(directory, keep(2)).files).toEqual([])
  })

  test('CQ-1 never the newest one, and never one with a label or what that rests on', () => {
    const directory = chains()
    run(setLabel({ storage: directory.storage, salt: 1, pause: function* () {} }, DIR, checkpointId(2), 'mine'))
    expect(cleaned(directory, keep(1)).kept).toEqual([{ id: 2, labels: ['mine'] }, { id: 6, labels: [] }])
    expect(stateFiles(directory.storage)).toEqual(['1/e1-p1.state', '2/e1-p2.state', '6/e1-p6.state'])
    expectTidy(directory.storage, 'with a label')
    // They completed in 1970: all are older than now, and the newest stays all the same.
    const late: Cleaning = { kind: 'prune', before: Date.parse('2026-01-01') }
    expect(cleaned(directory, late).kept.map(({ id }) => id)).toEqual([2, 6])
    expect(planned(chains(), { kind: 'prune', before: 0 }).files).toEqual([])
  })

  test('CQ-4 a plan says exactly what is then done, and writes nothing', () => {
    const directory = chains()
    const { operations } = directory.world.disk
    const names = [stateFiles(directory.storage), present(directory.storage)]
    const plan = planned(directory, keep(1))
    expect(directory.world.disk.operations).toBeGreaterThan(operations)
    expect([stateFiles(directory.storage), present(directory.storage)]).toEqual(names)
    expect(plan.files.length).toBe(10)
    expect(plan.bytes).toBe(plan.files.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(plan.files.every(({ bytes, why }) => bytes > 0 && why === 'superseded')).toBe(true)
    expect(cleaned(directory, keep(1))).toEqual({ ...plan, dryRun: false })
  })

  test('CQ-2 nothing goes where the newest is not whole, nor where a start would be refused', () => {
    const damages: ((directory: StateDirectory) => void)[] = [
      ({ world }) => world.disk.corrupt(`${DIR}/checkpoints/6/e1-p6.state`, 77),
      ({ storage }) => void run(storage.unlink(`${DIR}/checkpoints/6/e1-p6.state`)),
      ({ world }) => world.disk.corrupt(`${DIR}/checkpoints/6.manifest`, 900),
      ({ world }) => world.disk.corrupt(`${DIR}/epochs/1.start.json`, 900),
    ]
    for (const damage of damages) {
      const directory = chains()
      damage(directory)
      expect(failureOf(() => cleaned(directory, keep(1)))).toMatchObject({ code: 'E178' })
      expect(failureOf(() => planned(directory, GC))).toMatchObject({ code: 'E178' })
      expect(run(directory.storage.list(`${DIR}/checkpoints`))?.filter((name) => name.endsWith('.manifest')).length).toBe(6)
    }
  })

  test('what is no state directory is refused', () => {
    const directory = new StateDirectory()
    expect(failureOf(() => run(planCleaning(directory.storage, '/data', GC, false)))).toMatchObject({ code: 'E177' })
  })

  test('so is one that no start has had a term in', () => {
    const directory = new StateDirectory()
    const { storage } = directory
    run(storage.makeDirectory('/data/other/checkpoints'))
    run(storage.makeDirectory('/data/other/epochs'))
    const identity = run(storage.create('/data/other/job.json'))
    run(storage.append(identity, run(storage.readWhole(`${DIR}/job.json`))))
    run(storage.close(identity))
    expect(failureOf(() => run(planCleaning(storage, '/data/other', GC, false)))).toMatchObject({
      code: 'E177', details: { found: expect.stringContaining('first term') },
    })
  })
})

describe('gc', () => {
  let directory: StateDirectory
  beforeEach(() => {
    directory = chains()
  })

  test('removes what was cut short and says why; what nobody knows is named and stays', () => {
    put(directory, 'checkpoints/7/e1-0.state') // never completed
    put(directory, '.tmp-e0-link-from-1')
    put(directory, 'checkpoints/.tmp-e1-7-x')
    put(directory, '.tmp-e1-label-5')
    put(directory, 'checkpoints/notes.txt', 'mine')
    const report = cleaned(directory, GC)
    expect(report.files).toEqual([
      { path: 'checkpoints/7/e1-0.state', bytes: 1, why: 'unreferenced' },
      { path: '.tmp-e0-link-from-1', bytes: 1, why: 'leftover' },
      { path: 'checkpoints/.tmp-e1-7-x', bytes: 1, why: 'leftover' },
    ])
    expect(report.foreign).toEqual([{ path: 'checkpoints/notes.txt', bytes: 4 }])
    expect(report).toMatchObject({ checkpoints: [], bytes: 3 })
    expect(present(directory.storage)).toEqual([1, 2, 3, 4, 5, 6])
    // Somebody may be giving a label at this moment.
    expect(run(directory.storage.list(DIR))).toContain('.tmp-e1-label-5')
  })

  test('CQ-3 while a job runs a plan leaves out what it may be writing', () => {
    put(directory, 'checkpoints/7/e1-0.state')
    put(directory, '.tmp-e1-7-x')
    put(directory, '.tmp-e0-link-from-1')
    expect(planned(directory, GC, true).files).toEqual([])
    expect(planned(directory, GC, false).files.length).toBe(3)
  })

  test('GC-7 a running job takes leftovers of starts that two of its collections have seen, and no fresh one', () => {
    const { storage } = directory
    const known = new KnownDocuments()
    const collect = (): void =>
      void run(collectGarbage(ports(storage), DIR, { mine: 1 as never, retain: 9, floor: 7 }, known))
    const left = (): string[] => (run(storage.list(DIR)) ?? []).filter((name) => name.startsWith('.tmp'))
    put(directory, '.tmp-e0-link-from-1')
    collect()
    expect(left()).toEqual(['.tmp-e0-link-from-1'])
    put(directory, '.tmp-e0-job-2')
    collect()
    expect(left()).toEqual(['.tmp-e0-job-2'])
    collect()
    expect(left()).toEqual([])
  })

  test('GC-9 a directory of which all is needed is listed once, and again before anything in it goes', () => {
    const { storage, world } = directory
    const known = new KnownDocuments()
    let listed: string[] = []
    world.disk.onOperation = ({ operation, path }): Fate => {
      const id = /checkpoints\/(\d+)$/.exec(path)?.[1]
      if (operation === 'list' && id !== undefined) listed.push(id)
      return OK
    }
    const collect = (retain: number, by = known): string[] => {
      listed = []
      run(collectGarbage(ports(storage), DIR, { mine: 1 as never, retain, floor: 7 }, by))
      return listed
    }
    expect(collect(9)).toEqual(['1', '2', '3', '4', '5', '6'])
    expect(collect(9)).toEqual([])
    // Somebody who was succeeded wakes, and leaves state beside what is needed and beside what goes next.
    for (const id of [2, 5]) put(directory, `checkpoints/${id}/e1-9.state`)
    expect(collect(9)).toEqual([])
    // 4 and 5 are of no use without each other, and go; of 1, 2 and 3 all is needed by 3.
    run(setLabel({ storage, salt: 1, pause: function* () {} }, DIR, checkpointId(3), 'keep'))
    expect(collect(1)).toEqual(['4', '5'])
    expect(present(storage)).toEqual([3, 6])
    expect(stateFiles(storage).filter((name) => /^[45]/.test(name))).toEqual([])
    expect(stateFiles(storage)).toContain('2/e1-9.state')
    expect(collect(1)).toEqual([])
    expect(collect(1, new KnownDocuments())).toEqual(['1', '2', '3', '6'])
    world.disk.onOperation = () => OK
    expectTidy(storage, 'after the collection of another writer')
  })

  test('OD-4 a start whose temporary files are taken for leftovers makes them again', () => {
    const { world } = directory
    let links = 0
    world.disk.onOperation = ({ operation, path }): Fate =>
      (operation === 'link' && path.includes('.tmp-e0-') && ++links < 3 ? { kind: 'fail', errno: 'ENOENT' } : OK)
    expect(opened(opening(world, world.disk.mount())).restore?.checkpoint).toBe(6)
    expect(links).toBe(3)
  })
})

/** 1 ← 2, 3 ← 4, and what a crash left of 5. */
function small(): StateDirectory {
  const directory = new StateDirectory()
  directory.write(1, op([[1, 1], [2, 1]]))
  directory.write(2, op([[1, 2]], changes), 128, 1)
  directory.write(3, op([[1, 3]]))
  directory.write(4, op([[2, 4]], changes), 128, 3)
  put(directory, 'checkpoints/5/e1-0.state')
  return directory
}

/** Cuts a cleaning short at every storage operation; gives the ids that were left each time. */
function enumerate(cleaning: Cleaning, kind: 'crash-before' | 'crash-after', survival: Survival | 'killed'): number[][] {
  const whole = small()
  const first = whole.world.disk.operations
  cleaned(whole, cleaning)
  return Array.from({ length: whole.world.disk.operations - first }, (_, step) => {
    const directory = small()
    const { disk, random } = directory.world
    const at = disk.operations + step + 1
    disk.onOperation = ({ index }): Fate => (index === at ? { kind } : OK)
    outcomeOf(clean(ports(disk.mount()), DIR, cleaning))
    disk.onOperation = () => OK
    if (survival === 'killed') disk.killAll()
    else disk.powerCut(random, survival)
    const storage = disk.mount()
    // Whatever is still there is whole; after the next collection nothing is there in vain.
    referred(storage)
    const left = present(storage)
    run(clean(ports(storage), DIR, GC))
    expectTidy(storage, `${JSON.stringify(cleaning)} ${kind} ${survival} at ${step + 1}`)
    expect(present(storage)).toEqual(left)
    return left
  })
}

describe('cut short at every storage operation', () => {
  test.each([['killed', 'crash-before'], ['some', 'crash-after']] as const)(
    'prune (%s, %s): what is still there is whole, and the next gc leaves nothing unreferenced', (survival, kind) => {
      const left = enumerate(keep(1), kind, survival).map((ids) => ids.join())
      // From oldest to newest, and never the newest. A loss of power takes removals back all at once.
      const all = ['1,2,3,4', '2,3,4', '3,4', '4']
      expect(left.filter((ids) => !all.includes(ids))).toEqual([])
      expect([...new Set(left)]).toEqual(expect.arrayContaining(survival === 'killed' ? all : ['1,2,3,4', '4']))
    })

  test('gc: the same', () => {
    const left = enumerate(GC, 'crash-before', 'killed')
    expect(left.length).toBeGreaterThan(20)
    expect(new Set(left.map((ids) => ids.join()))).toEqual(new Set(['1,2,3,4']))
  })
})

describe('verify', () => {
  test('a damaged base of a chain: it is said which checkpoints are lost by it and which are not', () => {
    const directory = chains()
    directory.world.disk.corrupt(`${DIR}/checkpoints/1/e1-p1.state`, 300)
    for (const [ref, others] of [['3', [1, 2]], ['1', [2, 3]]] as const) {
      const result = run(verifyCheckpoint(directory.storage, DIR, ref))
      expect(result).toMatchObject({ id: Number(ref), ok: false })
      expect(result.problems[0]?.place?.file).toBe(`${DIR}/checkpoints/1/e1-p1.state`)
      expect(result.others?.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(others)
      expect(result.others?.filter(({ ok }) => ok).map(({ id }) => id)).toEqual([4, 5, 6])
    }
    for (const ref of ['4', '5', 'latest']) {
      expect(run(verifyCheckpoint(directory.storage, DIR, ref))).toMatchObject({ ok: true, problems: [] })
    }
  })

  test('a missing or cut file of a chain, and a damaged manifest, are told apart from what is whole', () => {
    const directory = chains()
    run(directory.storage.unlink(`${DIR}/checkpoints/4/e1-p4.state`))
    directory.world.disk.corrupt(`${DIR}/checkpoints/2.manifest`, 900)
    const five = run(verifyCheckpoint(directory.storage, DIR, '5'))
    expect(five.others).toEqual([
      { id: 1, ok: true }, { id: 2, ok: false }, { id: 3, ok: true }, { id: 4, ok: false }, { id: 6, ok: true },
    ])
    expect(run(verifyCheckpoint(directory.storage, DIR, '2'))).toMatchObject({ id: 2, ok: false })
  })
})
