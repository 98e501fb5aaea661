/** What a start decides, and what it refuses. */
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { checkpointId, epoch } from '../../src/base/ids.ts'
import { encodeDocument, parseDocument } from '../../src/checkpoint/document.ts'
import { chainLimits, isReachable, type EpochStart } from '../../src/checkpoint/epochs.ts'
import { listCheckpoints, showCheckpoint, verifyCheckpoint } from '../../src/checkpoint/inspect.ts'
import { encodeManifest, parseManifest, type Manifest } from '../../src/checkpoint/manifest.ts'
import { computePlan, type PlanEdge, type PlanVertex } from '../../src/checkpoint/plan.ts'
import { attempt } from '../../src/base/ids.ts'
import { OK, type Fate } from '../../src/host/simulator/storage.ts'
import { DIR, OPEN, opened, opening, run, startJob, World } from './world.ts'

/** A dead job that completed `n` checkpoints, the last three retained. */
function after(n: number, seed = 1): World {
  const world = new World(seed)
  const job = startJob(world, { everyMs: 0, retain: 3 })
  for (let i = 0; i < n; i++) job.coordinator.request('user')
  world.disk.killAll()
  return world
}

const refusal = (world: World, options = {}): string => {
  const outcome = opening(world, world.disk.mount(), options)
  return outcome.kind === 'refused' ? outcome.error.code : outcome.kind
}

function remove(world: World, path: string): void {
  const storage = world.disk.mount()
  if (world.disk.lookup(`${DIR}/${path}`) === undefined) throw new Error(`no ${path}`)
  const inside = path.endsWith('.manifest') ? undefined : run(storage.list(`${DIR}/${path}`))
  for (const name of inside ?? []) run(storage.unlink(`${DIR}/${path}/${name}`))
  if (inside === undefined) run(storage.unlink(`${DIR}/${path}`))
}

/** Documents of a state directory that are read whole, by name, while `during` runs. */
function documentsRead(world: World, during: () => void): string[] {
  const read: string[] = []
  world.disk.onOperation = ({ operation, path }) => {
    if (operation === 'readWhole') read.push(path.slice(DIR.length + 1))
    return OK
  }
  during()
  world.disk.onOperation = () => OK
  return read
}

describe('what is read', () => {
  test('RD-3: a start reads each document once, though it looks twice', () => {
    const world = after(4)
    const read = documentsRead(world, () => void opened(opening(world, world.disk.mount())))
    expect(read.toSorted()).toEqual([
      'checkpoints/2.manifest', 'checkpoints/3.manifest', 'checkpoints/4.manifest', 'epochs/1.start.json', 'job.json',
    ])
  })

  test('RD-3: a writer reads nothing that it has read or completed; of another writer it reads what is new', () => {
    const world = after(3)
    const job = startJob(world, { everyMs: 0, retain: 2 })
    const complete = (): void => job.coordinator.request('user')
    expect(documentsRead(world, () => [1, 2, 3].forEach(complete))).toEqual([])
    expect(job.completions.map(({ id }) => id)).toEqual([4, 5, 6])
    // A copy of a manifest under a number of its own is damaged: nobody's guess, and left where it is.
    const storage = world.disk.mount()
    run(storage.link(`${DIR}/checkpoints/6.manifest`, `${DIR}/checkpoints/1.manifest`))
    expect(documentsRead(world, complete)).toEqual(['checkpoints/1.manifest'])
    expect(run(storage.list(`${DIR}/checkpoints`))).toEqual(['1.manifest', '6', '6.manifest', '7', '7.manifest'])
  })
})

describe('start', () => {
  test('an empty directory starts empty; one with checkpoints restores the newest', () => {
    expect(opened(opening(new World(), new World().disk.mount())).restore).toBeUndefined()
    const directory = opened(opening(after(4), after(4).disk.mount()))
    expect(directory).toMatchObject({ epoch: 2, nextId: 5, restore: { checkpoint: 4 }, marked: true })
  })

  test('a job that completed a checkpoint never starts empty without --fresh (E044)', () => {
    for (const paths of [
      ['1', '2', '3'].flatMap((id) => [`checkpoints/${id}.manifest`, `checkpoints/${id}`]),
      ['checkpoints/1.manifest', 'checkpoints/2.manifest', 'checkpoints/3.manifest', 'epochs'],
      ['epochs'],
    ]) {
      const world = after(3)
      for (const path of paths) remove(world, path)
      expect(refusal(world), paths.join(' ')).toBe('E044')
      expect(refusal(world, { fresh: true })).toBe('opened')
    }
  })

  test('after --fresh the new line starts empty again until it has a checkpoint; then that one counts', () => {
    const world = after(2)
    const fresh = opened(opening(world, world.disk.mount(), { fresh: true }))
    expect(fresh).toMatchObject({ restore: undefined, nextId: 3, start: { lineage: 2 }, marked: false })
    const job = startJob(world, { everyMs: 0 })
    expect(job.opened).toMatchObject({ restore: undefined, start: { lineage: 2, fresh: false } })
    expect(world.disk.lookup(`${DIR}/checkpoints/2.manifest`)).toBeDefined()
    job.coordinator.request('user')
    expect(world.disk.lookup(`${DIR}/checkpoints/2.manifest`)).toBeUndefined()
    world.disk.killAll()
    expect(opened(opening(world, world.disk.mount()))).toMatchObject({ restore: { checkpoint: 3 }, marked: true })
  })

  test('any flipped bit of the newest manifest refuses the start (E045), whatever older ones there are', () => {
    const size = (after(3).disk.lookup(`${DIR}/checkpoints/3.manifest`) as { length: number }).length
    fc.assert(
      fc.property(fc.integer({ min: 0, max: size * 8 - 1 }), (bit) => {
        const world = after(3)
        world.disk.corrupt(`${DIR}/checkpoints/3.manifest`, bit)
        expect(refusal(world)).toBe('E045')
      }),
      { numRuns: 60 },
    )
  })

  test('a flipped bit of an older manifest is no obstacle', () => {
    const world = after(3)
    world.disk.corrupt(`${DIR}/checkpoints/2.manifest`, 4_000)
    expect(refusal(world)).toBe('opened')
  })

  test('the remedy of E045 works: with the damaged one moved away the one before is restored', () => {
    const world = after(3)
    world.disk.corrupt(`${DIR}/checkpoints/3.manifest`, 4_000)
    const outcome = opening(world, world.disk.mount())
    expect(outcome.kind === 'refused' ? outcome.error.fix.join('\n') : '').toContain('go on from checkpoint #2')
    remove(world, 'checkpoints/3.manifest')
    expect(opened(opening(world, world.disk.mount())).restore?.checkpoint).toBe(2)
  })

  test('a state file that is missing, shorter or longer refuses the start and names file and place', () => {
    for (const change of ['missing', 'shorter', 'longer'] as const) {
      const world = after(2)
      const path = `${DIR}/checkpoints/2/e1-0.state`
      const storage = world.disk.mount()
      const bytes = run(storage.readWhole(path))
      run(storage.unlink(path))
      if (change !== 'missing') {
        const file = run(storage.create(path))
        run(storage.append(file, change === 'shorter' ? bytes.subarray(1) : new Uint8Array([...bytes, 0])))
      }
      const outcome = opening(world, world.disk.mount())
      expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'E045', place: { file: path } } })
    }
  })

  test('a manifest copied under another number or from another directory is refused', () => {
    const world = after(2)
    const storage = world.disk.mount()
    run(storage.link(`${DIR}/checkpoints/2.manifest`, `${DIR}/checkpoints/9.manifest`))
    expect(refusal(world)).toBe('E045')
    run(storage.unlink(`${DIR}/checkpoints/9.manifest`))
    const other = run(after(3, 99).disk.mount().readWhole(`${DIR}/checkpoints/3.manifest`))
    const file = run(storage.create(`${DIR}/checkpoints/3.manifest`))
    run(storage.append(file, other))
    expect(refusal(world)).toBe('E045')
  })

  test('another input or output, another job, another max parallelism are refused with both values', () => {
    const world = after(1)
    const [source, sink] = OPEN.resources
    const cases = [
      ['E035', { resources: [source, { ...sink, resource: '/elsewhere' }] }, ['/out', '/elsewhere']],
      ['E035', { resources: [{ ...source, resource: '/in/other' }, sink] }, ['/in/beads.jsonl', '/in/other']],
      ['E036', { job: 'marbles' }, ['beads', 'marbles']],
      ['E034', { maxParallelism: 256 }, ['128', '256']],
    ] as const
    for (const [code, options, values] of cases) {
      const outcome = opening(world, world.disk.mount(), options as never)
      expect(outcome).toMatchObject({ kind: 'refused', error: { code } })
      for (const value of values) expect(outcome.kind === 'refused' && outcome.error.message).toContain(value)
    }
    expect(run(world.disk.mount().list(`${DIR}/epochs`))).toEqual(['1.json', '1.start.json'])
    expect(refusal(world)).toBe('opened')
  })

  test('a document of a newer format is refused naming both versions (E059), also as a manifest (E045)', () => {
    const bytes = encodeDocument('job', {}, 7)
    expect(() => parseDocument('job', bytes, 'job.json')).toThrowError(/format 7; .* up to 1/)
    const world = after(1)
    const storage = world.disk.mount()
    run(storage.unlink(`${DIR}/checkpoints/1.manifest`))
    const file = run(storage.create(`${DIR}/checkpoints/1.manifest`))
    run(storage.append(file, encodeDocument('manifest', {}, 7)))
    const outcome = opening(world, world.disk.mount())
    expect(outcome.kind === 'refused' && outcome.error.message).toContain('format 7')
  })

  test('a file system without hard links is refused (E049) before anything is written into it', () => {
    const world = new World()
    world.disk.onOperation = ({ operation }): Fate => (operation === 'link' ? { kind: 'fail', errno: 'EPERM' } : OK)
    expect(() => opening(world, world.disk.mount())).toThrowError(expect.objectContaining({ code: 'E049' }))
    expect(run(world.disk.mount().list(DIR))).toEqual(['checkpoints', 'epochs'])
  })

  test('a checkpoint that the old writer completes while the new one claims its term is not lost', () => {
    // Whatever moment of the start the old writer chooses: what it was told is complete is restored.
    for (let at = 1; at < 60; at++) {
      const world = new World(at)
      const old = startJob(world, { everyMs: 0 })
      old.coordinator.request('user')
      const base = world.disk.operations
      let done = false
      const storage = world.disk.mount((info, go) => {
        if (!done && info.index >= base + at) {
          done = true
          old.coordinator.request('user')
        }
        go()
      })
      const heir = opened(opening(world, storage))
      expect(heir.restore?.checkpoint, `at ${at}`).toBeGreaterThanOrEqual(old.completions.at(-1)?.id as number)
      world.disk.killAll()
      const again = opened(opening(world, world.disk.mount()))
      expect(again.restore?.checkpoint, `again at ${at}`).toBe(heir.restore?.checkpoint)
    }
  })
})

describe('reachability', () => {
  const start = (n: number, restored: readonly [number, number] | null): EpochStart => ({
    epoch: epoch(n), lineage: epoch(1), fresh: false, job: 'beads', maxParallelism: 128, resources: [],
    restored: restored && { checkpoint: checkpointId(restored[0]), epoch: epoch(restored[1]) },
  })
  const at = (e: number, id: number) => ({ epoch: epoch(e), checkpoint: checkpointId(id) })

  test('what an older writer completed after it was succeeded is not reachable', () => {
    const limits = chainLimits([start(1, null), start(2, [6, 1]), start(3, [6, 1])])
    expect(isReachable(limits, at(1, 6))).toBe(true)
    expect(isReachable(limits, at(1, 7))).toBe(false)
    expect(isReachable(limits, at(2, 8))).toBe(false)
    expect(isReachable(limits, at(3, 9))).toBe(true)
    expect(isReachable(limits, at(4, 9))).toBe(false)
  })

  test('a start from empty cuts everything older off, and a rewind what it left behind', () => {
    expect(isReachable(chainLimits([start(1, null), start(2, null)]), at(1, 1))).toBe(false)
    const limits = chainLimits([start(1, null), start(2, [3, 1]), start(3, [2, 1])])
    expect([1, 2, 3].map((id) => isReachable(limits, at(1, id)))).toEqual([true, true, false])
    expect(isReachable(limits, at(2, 4))).toBe(false)
  })
})

describe('a manifest from a stranger', () => {
  const genuine = (): Manifest => opened(opening(after(1), after(1).disk.mount())).restore as Manifest

  test('names only plain state files of its own directory (S12)', () => {
    const manifest = genuine()
    for (const name of ['../../etc/passwd', '/etc/passwd', 'a/b.state', '..', '', 'e1-0.state/', 'e1-..state',
      'e01-0.state', 'e1-0.state\0', 'E1-0.state', 'trace.jsonl', 'e99999999999999999-0.state']) {
      const evil = { ...manifest, files: manifest.files.map((file) => ({ ...file, name })) }
      expect(() => parseManifest(encodeManifest(evil), 'x', manifest.checkpoint), name)
        .toThrowError(expect.objectContaining({ code: 'E050' }))
    }
  })

  test('has segments within its files, and nothing of another type anywhere', () => {
    const manifest = genuine()
    const parse = (value: unknown): Manifest => parseManifest(encodeManifest(value as Manifest), 'x', manifest.checkpoint)
    expect(parse(manifest)).toEqual(manifest)
    const evil = manifest.segments.map((segment) => ({ ...segment, length: 1_000_000 }))
    expect(() => parse({ ...manifest, segments: evil })).toThrowError(/beyond the end/)
    for (const key of Object.keys(manifest)) {
      for (const value of [undefined, 'x', -1, 1.5, [1], {}, [{}], [null]]) {
        if (key === 'restoredFrom' || typeof value === typeof manifest[key as keyof Manifest]) continue
        const broken = { ...manifest, [key]: value }
        if (JSON.stringify(broken) === JSON.stringify(manifest)) continue
        expect(() => parse(broken), `${key} = ${JSON.stringify(value)}`).toThrowError(expect.objectContaining({ code: 'E050' }))
      }
    }
  })
})

describe('documents', () => {
  test('round trip, and any flipped bit, cut or addition is noticed', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.nat(), (value, a, b) => {
        const bytes = encodeDocument('mark', value)
        expect(parseDocument('mark', bytes, 'f')).toEqual(JSON.parse(JSON.stringify(value)))
        const flipped = bytes.slice()
        const at = a % flipped.length
        flipped[at] = (flipped[at] as number) ^ (1 << (b % 8))
        for (const damaged of [flipped, bytes.subarray(0, at), new Uint8Array([...bytes, 10])]) {
          expect(() => parseDocument('mark', damaged, 'f')).toThrowError(expect.objectContaining({ code: 'E050' }))
        }
      }),
    )
  })
})

describe('inspection', () => {
  test('list shows every checkpoint, show its operators, verify its bytes, without the job', () => {
    const world = after(3)
    const storage = world.disk.mount()
    const list = run(listCheckpoints(storage, DIR, 1_700_000_061_000))
    expect(list).toMatchObject({ schema: 'tidemark.checkpoint.list/1', job: 'beads', epoch: 1 })
    expect(list.checkpoints.map(({ id, latest, reachable, ageMs }) => ({ id, latest, reachable, ageMs }))).toEqual([
      { id: 1, latest: false, reachable: true, ageMs: 60_000 },
      { id: 2, latest: false, reachable: true, ageMs: 60_000 },
      { id: 3, latest: true, reachable: true, ageMs: 60_000 },
    ])
    const shown = run(showCheckpoint(storage, DIR, 'latest-1', 0))
    expect(shown).toMatchObject({ id: 2, parallelism: 2, maxParallelism: 128 })
    expect(shown.operators.map(({ operator, subtasks }) => ({ operator, subtasks }))).toEqual([
      { operator: 'counter', subtasks: 2 }, { operator: 'necklace', subtasks: 2 },
    ])
    expect(shown.operators[1]?.lists?.[0]?.items).toMatchObject([{ checkpoint: 2, operator: 'necklace' }])
    expect(() => JSON.stringify([list, shown])).not.toThrow()
    expect(run(verifyCheckpoint(storage, DIR, '3'))).toMatchObject({ ok: true, id: 3, files: 1, segments: 5 })
    for (const ref of ['latest-3', '7', 'first', '-1']) {
      expect(() => run(showCheckpoint(storage, DIR, ref, 0))).toThrowError(expect.objectContaining({ code: 'E047' }))
    }
  })

  test('verify finds any flipped bit of a state file', () => {
    const path = `${DIR}/checkpoints/2/e1-0.state`
    const { length } = after(2).disk.lookup(path) as { length: number }
    for (let bit = 0; bit < length * 8; bit += 13) {
      const world = after(2)
      world.disk.corrupt(path, bit)
      const { ok, problems } = run(verifyCheckpoint(world.disk.mount(), DIR, 'latest'))
      expect(ok).toBe(false)
      expect(problems[0]).toMatchObject({ code: 'E057', place: { file: path } })
    }
  })

  test('a damaged newest one is listed with its error and is what "latest" means to verify', () => {
    const world = after(2)
    world.disk.corrupt(`${DIR}/checkpoints/2.manifest`, 900)
    const storage = world.disk.mount()
    expect(run(listCheckpoints(storage, DIR, 0)).checkpoints.at(-1)).toMatchObject({ id: 2, kind: 'damaged', error: { code: 'E050' } })
    expect(run(verifyCheckpoint(storage, DIR, 'latest')).ok).toBe(false)
  })
})

describe('plan', () => {
  const state = fc.constantFrom('running' as const, 'finished' as const)

  test('every subtask is waited for or finished; triggered are exactly those without a running producer', () => {
    const graph = fc.record({
      parallelism: fc.integer({ min: 1, max: 3 }),
      vertices: fc.array(fc.array(state, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 5 }),
      edges: fc.array(fc.tuple(fc.nat(4), fc.nat(4), fc.boolean()), { maxLength: 8 }),
    })
    fc.assert(
      fc.property(graph, ({ parallelism, vertices, edges }) => {
        const plan: PlanVertex[] = vertices.map((states, index) => ({
          index, subtasks: states.slice(0, parallelism).map((s) => ({ attempt: attempt(0), state: s })),
        }))
        const links: PlanEdge[] = edges
          .map(([a, b, pointwise]) => ({ from: Math.min(a, b), to: Math.max(a, b), pointwise }))
          .filter(({ from, to }) => from !== to && to < vertices.length)
        const outcome = computePlan(plan, links)
        const running = plan.flatMap(({ index, subtasks }) =>
          subtasks.flatMap((s, i) => (s.state === 'running' ? [`${index}/${i}`] : [])))
        if (outcome.kind === 'not-ready') {
          expect(running).toEqual([])
          return
        }
        const { wait, trigger, finishedSubtasks } = outcome.plan
        const key = ({ vertex, subtask }: { vertex: number; subtask: number }): string => `${vertex}/${subtask}`
        expect(wait.map(key)).toEqual(running)
        expect(wait.length + finishedSubtasks.length).toBe(plan.length * parallelism)
        // The barrier, sent to the triggered and passed on along the edges, reaches everybody once.
        const reached = new Set(trigger.map(key))
        for (const { index, subtasks } of plan) {
          for (const [i, s] of subtasks.entries()) {
            const producers = links.filter((l) => l.to === index).flatMap((l) =>
              running.filter((r) => r.startsWith(`${l.from}/`) && (!l.pointwise || r === `${l.from}/${i}`)))
            if (s.state !== 'running' || producers.length === 0) continue
            expect(reached.has(`${index}/${i}`)).toBe(false)
            expect(producers.every((producer) => reached.has(producer))).toBe(true)
            reached.add(`${index}/${i}`)
          }
        }
        expect([...reached].toSorted()).toEqual(running.toSorted())
      }),
    )
  })

  test('a vertex with union state is never partly finished in a checkpoint', () => {
    const vertex = (a: 'running' | 'finished', b: 'running' | 'finished'): PlanVertex =>
      ({ index: 0, unionState: true, subtasks: [a, b].map((s) => ({ attempt: attempt(0), state: s })) })
    expect(computePlan([vertex('running', 'finished')], [])).toMatchObject({ reason: 'partly-finished' })
    expect(computePlan([vertex('running', 'running')], [])).toMatchObject({ kind: 'plan' })
  })
})
