/** The coordinator as a state machine: one event at a time, virtual time. */
import { describe, expect, test } from 'vitest'
import { attempt, checkpointId } from '../../src/base/ids.ts'
import { start, wait } from '../../src/base/io.ts'
import type { SubtaskId } from '../../src/base/protocol.ts'
import type { RequestOutcome } from '../../src/checkpoint/request-decider.ts'
import { OK, type Fate } from '../../src/host/simulator/storage.ts'
import { DIR, EVERYBODY, METRICS, opened, opening, outcomeOf, run, SmallJob, startJob, subtask, World } from './world.ts'

const manual = (world: World, options = {}): SmallJob => {
  const job = startJob(world, { everyMs: 0, ...options })
  job.automatic = false
  return job
}
const ack = (job: SmallJob, from: ReturnType<typeof subtask>, id: number, endOfData = false) =>
  job.coordinator.onAcknowledge(from, {
    kind: 'acknowledge', id: checkpointId(id), segments: [], metrics: METRICS, endOfData,
  })

describe('trigger', () => {
  test('only sources are triggered, with one timestamp, after the enumerators are snapshotted', () => {
    const job = manual(new World())
    job.holdEnumerators = () => {}
    job.coordinator.request('user')
    expect(job.messages('trigger')).toEqual([])
    expect(job.released).toBe(0)
    job.held[0]?.()
    expect(job.sent.map(({ to }) => to)).toEqual([subtask(0, 0), subtask(0, 1)])
    expect(new Set(job.messages('trigger').map((m) => JSON.stringify(m))).size).toBe(1)
    expect(job.released).toBe(1)
  })

  test('periodic checkpoints come at the interval after a random first delay', () => {
    const world = new World(3)
    const job = startJob(world, { everyMs: 100 })
    world.pass(100)
    expect(job.completions.length).toBe(1)
    world.pass(1_000)
    expect(job.completions.length).toBe(11)
    expect(job.completions.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  })

  test('a periodic checkpoint that comes while one is on its way is skipped, not queued', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 100, timeoutMs: 10_000 })
    job.automatic = false
    world.pass(1_000)
    expect(job.messages('trigger').length).toBe(2)
    for (const id of EVERYBODY) ack(job, id, 1)
    expect(job.completions.length).toBe(1)
    expect(job.messages('trigger').length).toBe(2)
    world.pass(100)
    expect(job.messages('trigger').length).toBe(4)
  })

  test('the minimum pause counts from the last completion, and user requests ignore it', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 100, minPauseMs: 80 })
    world.pass(100)
    const count = job.completions.length
    job.coordinator.request('user')
    expect(job.completions.length).toBe(count + 1)
    const at = world.nowMs
    while (job.completions.length === count + 1) world.pass(1)
    expect(world.nowMs - at).toBeGreaterThanOrEqual(80)
  })

  test('a subtask that is not running yet fails the request uncounted', () => {
    const job = manual(new World(), { tolerableFailures: 0 })
    ;(job.states[0] as string[])[1] = 'deploying'
    const outcomes: RequestOutcome[] = []
    job.coordinator.request('user', (outcome) => void outcomes.push(outcome))
    expect(outcomes).toMatchObject([{ kind: 'failed', reason: 'not-ready' }])
    expect(job.failures).toEqual([])
  })

  test('user requests queue and each gets its own checkpoint; a final one goes first', () => {
    const job = manual(new World())
    const order: string[] = []
    job.coordinator.request('user', () => void order.push('first'))
    job.coordinator.request('user', () => void order.push('second'))
    job.coordinator.request('final', () => void order.push('final'))
    for (const id of EVERYBODY) ack(job, id, 1)
    expect(order).toEqual(['first'])
    for (const id of EVERYBODY) ack(job, id, 2)
    // The final one covers whoever still waits.
    expect(order).toEqual(['first', 'final', 'second'])
    expect(job.completions.map(({ kind }) => kind)).toEqual(['checkpoint', 'final'])
  })
})

describe('acknowledge, decline, abort', () => {
  test('each way an acknowledgement can be useless is told apart and changes nothing', () => {
    const job = manual(new World())
    expect(ack(job, subtask(0, 0), 1)).toBe('late')
    job.coordinator.request('user')
    expect(ack(job, subtask(0, 0), 1)).toBe('accepted')
    expect(ack(job, subtask(0, 0), 1)).toBe('duplicate')
    expect(ack(job, subtask(0, 1, 7), 1)).toBe('unknown-subtask')
    expect(ack(job, subtask(5, 0), 1)).toBe('unknown-subtask')
    expect(ack(job, subtask(0, 1), 2)).toBe('late')
    expect(ack(job, subtask(0, 1), 1)).toBe('accepted')
    expect(ack(job, subtask(1, 0), 1)).toBe('accepted')
    expect(job.completions).toEqual([])
    expect(ack(job, subtask(1, 1), 1)).toBe('accepted')
    expect(job.completions.map(({ id }) => id)).toEqual([1])
    expect(ack(job, subtask(1, 1), 1)).toBe('late')
  })

  test('a decline tells everybody with the latest complete id, and the number is not used again', () => {
    const job = manual(new World(), { tolerableFailures: 5 })
    job.automatic = true
    job.coordinator.request('user')
    job.automatic = false
    job.coordinator.request('user')
    job.coordinator.onDecline(subtask(1, 0), { kind: 'decline', id: checkpointId(2), reason: 'declined' })
    expect(job.messages('aborted')).toEqual(EVERYBODY.map(() => ({ kind: 'aborted', id: 2, latestComplete: 1 })))
    expect(run(job.ports.storage.list(`${DIR}/checkpoints/2`))).toEqual(['trace.jsonl'])
    job.automatic = true
    job.coordinator.request('user')
    expect(job.completions.map(({ id }) => id)).toEqual([1, 3])
  })

  test('a checkpoint that is not acknowledged in time expires, the laggards are named in its trace', () => {
    const world = new World()
    const job = manual(world, { timeoutMs: 500, tolerableFailures: 1 })
    job.coordinator.request('user')
    ack(job, subtask(0, 0), 1)
    world.pass(499)
    expect(job.aborts).toEqual([])
    world.pass(1)
    expect(job.aborts).toEqual([{ id: 1, reason: 'expired' }])
    const trace = new TextDecoder().decode(run(job.ports.storage.readWhole(`${DIR}/checkpoints/1/trace.jsonl`)))
    expect(trace.split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { event: string }).event))
      .toEqual(['cp.trigger', 'ack', 'cp.abort'])
    expect(trace).toContain('0/1, 1/0, 1/1')
  })

  test('an abort while the enumerators are snapshotted releases them once and triggers nobody', () => {
    const world = new World()
    const job = manual(world, { tolerableFailures: 3 })
    job.holdEnumerators = () => {}
    job.coordinator.request('user')
    world.pass(1_000)
    expect(job.aborts).toEqual([{ id: 1, reason: 'expired' }])
    job.held[0]?.()
    expect(job.messages('trigger')).toEqual([])
    expect(job.released).toBe(1)
    expect(run(job.ports.storage.list(`${DIR}/checkpoints/1`))).toEqual(['trace.jsonl'])
  })

  describe('a part goes back', () => {
    const again = [{ vertex: 0, subtask: 1, attempt: attempt(1) }]

    test('CC-9: what is on its way is aborted, uncounted, also if the part has acknowledged it', () => {
      const job = manual(new World(), { tolerableFailures: 0 })
      job.coordinator.request('user')
      ack(job, subtask(0, 1), 1)
      expect(run(job.coordinator.rewind(again))).toEqual({ kind: 'to', manifest: undefined })
      expect(job.aborts).toEqual([{ id: 1, reason: 'task-failure' }])
      expect(job.failures).toEqual([])
    })

    test('CC-9, RI-1: it goes back to the newest complete one, and only its new attempts are heard', () => {
      const job = manual(new World())
      job.coordinator.request('user')
      for (const id of EVERYBODY) ack(job, id, 1)
      for (const id of EVERYBODY) job.coordinator.onEndOfData(id)
      expect(job.messages('trigger').length).toBe(4)
      expect(run(job.coordinator.rewind(again))).toMatchObject({ kind: 'to', manifest: { checkpoint: 1 } })
      expect(job.aborts).toEqual([{ id: 2, reason: 'task-failure' }])
      job.coordinator.onEndOfData(subtask(0, 1))
      expect(job.messages('trigger').length).toBe(4)
      job.coordinator.onEndOfData(again[0] as SubtaskId)
      expect(job.messages('trigger').length).toBe(6)
    })

    test('CC-9: one that is being completed is waited for, and gone back to', () => {
      const world = new World()
      const job = manual(world)
      let seal: (() => void) | undefined
      job.seal = () => wait((done) => {
        seal = () => done({ ok: true, value: [] })
      })
      job.coordinator.request('user')
      for (const id of EVERYBODY) ack(job, id, 1)
      const outcomes: unknown[] = []
      start(job.coordinator.rewind(again), (outcome) => void outcomes.push(outcome))
      expect(outcomes).toEqual([])
      seal?.()
      expect(outcomes).toMatchObject([{ ok: true, value: { kind: 'to', manifest: { checkpoint: 1 } } }])
      expect(job.aborts).toEqual([])
    })

    test('CC-9: files that went with a thread are no failure of the storage', () => {
      const job = manual(new World(), { tolerableFailures: 0 })
      let fail: (() => void) | undefined
      job.seal = () => wait((done) => {
        fail = () => done({ ok: false, error: new Error('the thread is gone') })
      })
      job.coordinator.request('user')
      for (const id of EVERYBODY) ack(job, id, 1)
      const outcomes: unknown[] = []
      start(job.coordinator.rewind(again), (outcome) => void outcomes.push(outcome))
      fail?.()
      expect(outcomes).toEqual([{ ok: true, value: { kind: 'to', manifest: undefined } }])
      expect(job.aborts).toEqual([{ id: 1, reason: 'task-failure' }])
      expect(job.failures).toEqual([])
    })

    test('nobody goes back alone while it is not known which checkpoint is the newest, or when the last one is complete', () => {
      const world = new World()
      const job = manual(world, { tolerableFailures: 9 })
      world.disk.onOperation = ({ operation, path }) =>
        operation === 'link' && path.endsWith('/1.manifest') ? { kind: 'fail', errno: 'EIO', partial: 0 } : OK
      job.coordinator.request('user')
      for (const id of EVERYBODY) ack(job, id, 1)
      expect(job.aborts).toEqual([{ id: 1, reason: 'finalisation-failed' }])
      expect(run(job.coordinator.rewind(again))).toEqual({ kind: 'all' })
      job.coordinator.request('user')
      for (const id of EVERYBODY) ack(job, id, 2)
      expect(run(job.coordinator.rewind(again))).toMatchObject({ kind: 'to', manifest: { checkpoint: 2 } })
      job.coordinator.request('final')
      for (const id of EVERYBODY) ack(job, id, 3)
      expect(run(job.coordinator.rewind(again))).toEqual({ kind: 'all' })
    })
  })

  for (const [reason, counted] of [['declined', true], ['io-error', true], ['cancelled-by-upstream', false],
    ['not-ready', false], ['partly-finished', false], ['task-failure', false]] as const) {
    test(`${reason} ${counted ? 'counts' : 'does not count'} against the tolerance, a success resets the count`, () => {
      const job = manual(new World(), { tolerableFailures: 1 })
      const decline = (id: number): void => {
        job.coordinator.request('user')
        job.coordinator.onDecline(subtask(0, 0), { kind: 'decline', id: checkpointId(id), reason })
      }
      decline(1)
      job.coordinator.request('user')
      for (const id of EVERYBODY) ack(job, id, 2)
      decline(3)
      expect(job.failures).toEqual([])
      decline(4)
      expect(job.failures.map(({ code }) => code)).toEqual(counted ? ['E041'] : [])
    })
  }
})

describe('completion', () => {
  test('nobody is told before the manifest and its directory entry are durable', () => {
    const world = new World()
    const job = manual(world)
    job.coordinator.request('user')
    let told: number | undefined
    world.disk.onOperation = ({ operation, path }): Fate => {
      if (operation === 'syncDirectory' && path.endsWith('/checkpoints')) told = job.messages('complete').length
      return OK
    }
    for (const id of EVERYBODY) ack(job, id, 1)
    expect(told).toBe(0)
    expect(job.messages('complete').length).toBe(4)
    const named = ['cp.acks.all', 'cp.manifest.tmp', 'cp.manifest.fsynced', 'cp.manifest.linked', 'cp.manifest.dirsynced']
    expect(world.steps.filter((step) => named.includes(step))).toEqual(named)
  })

  test('a writer that was succeeded completes nothing, commits nothing and ends with E046', () => {
    const world = new World()
    const zombie = manual(world)
    zombie.coordinator.request('user')
    const heir = startJob(world, { everyMs: 0 })
    for (const id of EVERYBODY) ack(zombie, id, 1)
    expect(zombie.completions).toEqual([])
    expect(zombie.messages('complete')).toEqual([])
    expect(zombie.failures.map(({ code, retryable }) => ({ code, retryable }))).toEqual([{ code: 'E046', retryable: false }])
    expect(zombie.failures[0]?.message).toContain('process 4711 on here')
    heir.coordinator.request('user')
    heir.coordinator.request('user')
    world.disk.killAll()
    expect(opened(opening(world, world.disk.mount())).restore?.epoch).toBe(2)
  })

  test('a number taken by a writer without the right to it costs one checkpoint, not the job', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 0, tolerableFailures: 1 })
    const file = run(job.ports.storage.create(`${DIR}/checkpoints/1.manifest`))
    run(job.ports.storage.close(file))
    job.coordinator.request('user')
    job.coordinator.request('user')
    expect(job.aborts).toEqual([{ id: 1, reason: 'finalisation-failed' }])
    expect(job.completions.map(({ id }) => id)).toEqual([2])
  })

  test('a fsync of the directory that fails after the link leaves the outcome open and deletes nothing', () => {
    const world = new World()
    const job = manual(world, { tolerableFailures: 1 })
    job.coordinator.request('user')
    let linked = false
    world.disk.onOperation = ({ operation, path }): Fate => {
      if (operation === 'link' && path.endsWith('.manifest')) linked = true
      return linked && operation === 'syncDirectory' ? { kind: 'fail', errno: 'EIO' } : OK
    }
    job.automatic = true
    for (const id of EVERYBODY) job.acknowledge(id, checkpointId(1))
    expect(job.messages('complete')).toEqual([])
    expect(job.aborts).toEqual([{ id: 1, reason: 'finalisation-failed' }])
    world.disk.onOperation = () => OK
    world.disk.killAll()
    expect(opened(opening(world, world.disk.mount())).restore?.checkpoint).toBe(1)
  })

  test('as many as asked for are retained', () => {
    const job = startJob(new World(), { everyMs: 0, retain: 3 })
    for (let i = 0; i < 7; i++) job.coordinator.request('user')
    const names = run(job.ports.storage.list(`${DIR}/checkpoints`))
    expect(names).toEqual(['5', '5.manifest', '6', '6.manifest', '7', '7.manifest'])
  })

  test('finished subtasks are neither triggered nor awaited, and stand in the manifest', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 0 })
    job.automatic = false
    job.states[0] = ['finished', 'finished']
    ;(job.states[1] as string[])[0] = 'finished'
    job.coordinator.request('user')
    expect(job.sent.map(({ to }) => to)).toEqual([subtask(1, 1)])
    ack(job, subtask(1, 1), 1)
    world.disk.killAll()
    expect(opened(opening(world, world.disk.mount())).restore).toMatchObject({
      finishedVertices: [0],
      finishedSubtasks: [{ vertex: 0, subtask: 0 }, { vertex: 0, subtask: 1 }, { vertex: 1, subtask: 0 }],
    })
  })
})

describe('the end', () => {
  test('when everybody has reported the end of data a final checkpoint is triggered at once and confirmed', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 60_000 })
    job.endOfData = true
    for (const id of EVERYBODY.slice(1)) job.coordinator.onEndOfData(id)
    expect(job.completions).toEqual([])
    job.coordinator.onEndOfData(subtask(0, 0))
    expect(job.completions).toMatchObject([{ id: 1, kind: 'final', finished: true }])
    for (const id of EVERYBODY.slice(1)) job.coordinator.onCommitted(id, checkpointId(1))
    expect(job.finals).toEqual([])
    job.coordinator.onCommitted(subtask(0, 0), checkpointId(1))
    expect(job.finals).toEqual([1])
    world.pass(200_000)
    expect(job.completions.length).toBe(1)
    world.disk.powerCut(world.random, 'none')
    expect(opening(world, world.disk.mount())).toMatchObject({ kind: 'already-finished', manifest: { checkpoint: 1 } })
    const manifest = `${DIR}/checkpoints/1.manifest`
    run(world.disk.mount().unlink(manifest))
    expect(opening(world, world.disk.mount())).toMatchObject({
      kind: 'refused', error: { code: 'E044', message: expect.stringContaining(manifest), place: { file: manifest } },
    })
  })

  test('a crash between the final manifest and the last commit restores, so that commits are made up for', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 0 })
    job.endOfData = true
    for (const id of EVERYBODY) job.coordinator.onEndOfData(id)
    job.coordinator.onCommitted(subtask(0, 0), checkpointId(1))
    world.disk.killAll()
    expect(opened(opening(world, world.disk.mount())).restore).toMatchObject({ checkpoint: 1, finished: true })
  })

  test('one that was cut before the last end is followed by a final one; one cut after it is the final one', () => {
    const job = manual(new World())
    job.coordinator.request('user')
    for (const id of EVERYBODY) job.coordinator.onEndOfData(id)
    ack(job, subtask(0, 0), 1)
    for (const id of EVERYBODY.slice(1)) ack(job, id, 1, true)
    expect(job.completions).toMatchObject([{ id: 1, kind: 'checkpoint', finished: false }])
    for (const id of EVERYBODY) ack(job, id, 2, true)
    expect(job.completions.at(-1)).toMatchObject({ id: 2, kind: 'final', finished: true })
  })

  test('a final checkpoint that fails is tried again, also without a periodic one', () => {
    const world = new World()
    const job = manual(world, { tolerableFailures: 3 })
    for (const id of EVERYBODY) job.coordinator.onEndOfData(id)
    job.coordinator.onDecline(subtask(0, 0), { kind: 'decline', id: checkpointId(1), reason: 'declined' })
    job.automatic = true
    job.endOfData = true
    world.pass(1_000)
    expect(job.completions).toMatchObject([{ id: 2, kind: 'final', finished: true }])
  })

  test('suspend waits for a manifest on its way and reports it as the latest', () => {
    const world = new World()
    const operations: (() => void)[] = []
    let slow = false
    const storage = world.disk.mount((_info, go) => (slow ? void operations.push(go) : go()))
    const job = new SmallJob(world, storage, opened(opening(world, storage)), { everyMs: 0 })
    job.automatic = false
    job.start()
    job.coordinator.request('user')
    slow = true
    for (const id of EVERYBODY) ack(job, id, 1)
    let suspended = false
    outcomeOf((function* () {
      yield* job.coordinator.suspend()
      suspended = true
    })())
    expect(suspended).toBe(false)
    while (!suspended) (operations.shift() as () => void)()
    expect(job.coordinator.latestComplete).toBe(1)
    expect(job.aborts).toEqual([])
  })

  test('messages of an earlier attempt do not count', () => {
    const job = startJob(new World(), { everyMs: 0 })
    for (const id of EVERYBODY) job.coordinator.onEndOfData({ ...id, attempt: subtask(0, 0, 9).attempt })
    expect(job.completions).toEqual([])
  })
})

describe('CC-7: barriers that overtake', () => {
  const told = (job: SmallJob): readonly unknown[] =>
    job.sent.filter(({ message }) => message.kind === 'overtake').map(({ to }) => to)

  test('at its age, and once, a checkpoint overtakes where it is not acknowledged; the barrier is the one of the trigger', () => {
    const world = new World()
    const job = manual(world, { unalignedAfterMs: 50 })
    job.coordinator.request('user')
    ack(job, subtask(0, 0), 1)
    ack(job, subtask(1, 1), 1)
    world.pass(49)
    expect(told(job)).toEqual([])
    world.pass(300)
    expect(told(job)).toEqual([subtask(0, 1), subtask(1, 0)])
    const [trigger] = job.messages('trigger')
    const [overtake] = job.messages('overtake')
    expect(overtake).toEqual({ ...trigger, kind: 'overtake' })
  })

  test('with age 0 it follows the trigger at once; without an age, for a final one and after an end it never comes', () => {
    const at = (age: number | undefined, kind: 'user' | 'final') => {
      const world = new World()
      const job = manual(world, age === undefined ? {} : { unalignedAfterMs: age })
      job.coordinator.request(kind)
      const first = told(job).length
      if (age === 20) for (const id of EVERYBODY) ack(job, id, 1)
      world.pass(500)
      return [first, told(job).length]
    }
    expect(at(0, 'user')).toEqual([4, 4])
    expect(at(undefined, 'user')).toEqual([0, 0])
    expect(at(0, 'final')).toEqual([0, 0])
    expect(at(20, 'user')).toEqual([0, 0])
  })

  test('after something could not be recorded barriers wait, until the next start, and nothing is counted', () => {
    const job = manual(new World(), { unalignedAfterMs: 0, tolerableFailures: 0 })
    job.coordinator.request('user')
    job.coordinator.onDecline(subtask(1, 0), { kind: 'decline', id: checkpointId(1), reason: 'not-recordable' })
    expect(job.failures).toEqual([])
    job.coordinator.request('user')
    expect(told(job)).toHaveLength(4)
    for (const id of EVERYBODY) ack(job, id, 2)
    expect(job.completions.map(({ id }) => id)).toEqual([2])
    job.start()
    job.coordinator.request('user')
    expect(told(job)).toHaveLength(8)
  })

  test('everybody is told whether something was in flight, since nobody may leave on such a checkpoint', () => {
    const job = manual(new World(), { unalignedAfterMs: 0 })
    for (const [id, kind] of [[1, 'in-flight'], [2, 'operator-list']] as const) {
      job.coordinator.request('user')
      const place = run(job.files.append(checkpointId(id), new Uint8Array([1])))
      const states = [{ name: 'it', kind, entries: 1, bytes: 1 }]
      job.coordinator.onAcknowledge(subtask(1, 0), {
        kind: 'acknowledge', id: checkpointId(id), metrics: METRICS, endOfData: false,
        segments: [{ operator: 'counter', subtask: 0, states, ...place }],
      })
      for (const who of EVERYBODY) ack(job, who, id)
    }
    expect(job.messages('complete').map((message) => ('inFlight' in message ? 'in flight' : 'nothing'))).toEqual([
      ...EVERYBODY.map(() => 'in flight'), ...EVERYBODY.map(() => 'nothing'),
    ])
  })
})

describe('during a backlog (row A10)', () => {
  const triggersOf = (world: World, job: SmallJob, ms: number): number => {
    const before = job.completions.length
    world.pass(ms)
    return job.completions.length - before
  }

  test('checkpoints come at the interval of the backlog as long as there is one, and at once at the usual one after it', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 100, duringBacklogMs: 1_000 })
    world.pass(500)
    job.coordinator.setBacklog(true)
    expect(triggersOf(world, job, 999)).toBe(0)
    expect(triggersOf(world, job, 3_001)).toBe(4)
    job.coordinator.setBacklog(true)
    expect(triggersOf(world, job, 1_000)).toBe(1)
    job.coordinator.setBacklog(false)
    expect(triggersOf(world, job, 100)).toBe(1)
    expect(triggersOf(world, job, 1_000)).toBe(10)
  })

  test('without an interval for it none is taken until it is over, but for those that are asked for', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 100, duringBacklogMs: 0 })
    job.coordinator.setBacklog(true)
    expect(triggersOf(world, job, 60_000)).toBe(0)
    job.coordinator.request('user')
    expect(job.completions.length).toBe(1)
    expect(triggersOf(world, job, 60_000)).toBe(0)
    job.coordinator.setBacklog(false)
    expect(triggersOf(world, job, 100)).toBe(1)
  })

  test('a backlog that ends shortly before the next one is due leaves it where it is', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 100, duringBacklogMs: 250 })
    job.coordinator.setBacklog(true)
    expect(triggersOf(world, job, 240)).toBe(0)
    job.coordinator.setBacklog(false)
    expect(triggersOf(world, job, 10)).toBe(1)
  })

  test('without checkpoints by the clock a backlog brings none', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 0, duringBacklogMs: 100 })
    job.coordinator.setBacklog(true)
    expect(triggersOf(world, job, 1_000)).toBe(0)
  })

  test('all input ends during a backlog without checkpoints: the final one comes', () => {
    const world = new World()
    const job = startJob(world, { everyMs: 100, duringBacklogMs: 0 })
    job.coordinator.setBacklog(true)
    for (const id of EVERYBODY) job.coordinator.onEndOfData(id)
    world.pass(1_000)
    expect(job.completions.at(-1)?.kind).toBe('final')
  })
})
