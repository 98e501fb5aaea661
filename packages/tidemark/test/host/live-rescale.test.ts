/** A running job changes its parallelism, in the host that runs jobs in this process. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { giveOrder, type Order, type OrderAnswer } from '../../src/host/control-socket.ts'
import { startJob, type JobEvent, type JobHandle, type RunOptions } from '../../src/host/run.ts'
import { count, files, generator, job, tumbling, type Job } from '../../src/index.ts'
import { stagedFiles, temporaryDirectory } from './kit.ts'

const STEP_MS = 13
const RECORDS = 2_000

interface Numbered {
  readonly n: number
  readonly colour: number
  readonly at: number
}

function totals(total: number): string[] {
  const counts = new Map<string, number>()
  for (let n = 0; n < total; n++) {
    const key = `${n % 5}@${Math.floor((n * STEP_MS) / 1000)}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts].map(([key, value]) => `${key}=${value}`).toSorted()
}

interface Shape {
  readonly out: string
  readonly records: number
  readonly rate: number
  readonly every: `${number}ms`
  /** Called for every record. */
  readonly tap: (record: Numbered) => void
}

const counting = ({ out, records, rate, every, tap }: Shape): Job =>
  job('counting', { checkpoint: { every }, restart: { kind: 'fixed-delay', delay: '1ms', attempts: 3 } }, (j) => {
    const record = (n: number): Numbered => ({ n, colour: n % 5, at: n * STEP_MS })
    const numbers = generator<Numbered>({ count: records, rate, splits: 6, record })
    j.from('numbers', numbers, { eventTime: (r) => r.at, outOfOrder: '2s' })
      .map((r) => {
        tap(r)
        return r
      })
      .keyBy((r) => r.colour)
      .window('per-second', tumbling('1s'))
      .aggregate({ n: count() })
      .map((w) => ({ line: `${w.key}@${w.start.getTime() / 1000}=${w.n}` }))
      .to('counts', files({ path: out }))
  })

function rows(out: string): string[] {
  if (!existsSync(out)) return []
  return readdirSync(out).filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(out, name), 'utf8').split('\n').filter((line) => line !== ''))
    .map((line) => (JSON.parse(line) as { line: string }).line)
    .toSorted()
}

describe('a running job', () => {
  const running: JobHandle[] = []
  afterEach(async () => {
    for (const handle of running.splice(0)) {
      handle.cancel()
      await handle.done
    }
  })

  const place = () => {
    const root = temporaryDirectory()
    return { state: join(root, 'state'), out: join(root, 'out'), path: join(root, 'backup') }
  }
  const events: JobEvent[] = []
  function begin(stateDirectory: string, shape: Partial<Shape> & { readonly out: string }, options: RunOptions = {}): JobHandle {
    events.length = 0
    const whole: Shape = { records: RECORDS, rate: 2_500, every: '20ms', tap: () => {}, ...shape }
    const handle = startJob(counting(whole), { stateDirectory, onEvent: (event) => events.push(event), ...options })
    running.push(handle)
    return handle
  }
  async function until(what: string, happened: () => boolean): Promise<void> {
    const deadline = Date.now() + 30_000
    while (!happened()) {
      if (Date.now() > deadline) throw new Error(`no ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  const underWay = (handle: JobHandle): Promise<void> =>
    until('records', () => handle.status().phase === 'running' && handle.status().recordsIn > 200)
  const ordered = async (state: string, order: Order): Promise<OrderAnswer> => {
    const outcome = await giveOrder(state, order, 20_000)
    if (outcome.kind !== 'answer') throw new Error(outcome.kind)
    return outcome.answer
  }
  const widths = (handle: JobHandle): number[] => handle.metrics().vertices.map(({ subtasks }) => subtasks.length)

  test('LR-1 LR-5 moved from 1 to 3 to 2 subtasks it gives the totals of an undisturbed run, without a restart', async () => {
    const { state, out } = place()
    const handle = begin(state, { out }, { parallelism: 1 })
    await underWay(handle)
    const up = await ordered(state, { order: 'rescale', to: 3 })
    expect(up).toMatchObject({ kind: 'rescaled', from: 1, to: 3, workers: 1, checkpoint: expect.any(Number) })
    expect(handle.metrics()).toMatchObject({ parallelism: 3, phase: 'running' })
    await until('three subtasks', () => Math.max(...widths(handle)) === 3)
    const seen = handle.status().recordsIn
    expect(seen).toBeGreaterThan(200)
    const { completed } = handle.metrics().checkpoint
    const down = await handle.rescale(2)
    expect(down).toMatchObject({ kind: 'rescaled', from: 3, to: 2 })
    expect(handle.status().parallelism).toBe(2)
    expect(handle.status().recordsIn).toBeGreaterThanOrEqual(seen)
    expect(handle.metrics().checkpoint.completed).toBeGreaterThan(completed)
    expect(await handle.done).toMatchObject({ kind: 'finished', counts: { recordsIn: RECORDS } })
    expect(rows(out)).toEqual(totals(RECORDS))
    expect(stagedFiles(out)).toEqual([])
    expect(handle.status().restarts).toBe(0)
    expect(events.filter(({ kind }) => kind === 'started').length).toBe(1)
    expect(events.filter(({ kind }) => kind === 'rescaled')).toMatchObject([{ from: 1, to: 3 }, { from: 3, to: 2 }])
    expect(events.filter(({ kind }) => kind === 'restarting')).toEqual([])
  })

  test('a record function that fails afterwards is restarted at the new parallelism, and every total is exact', async () => {
    const { state, out } = place()
    let armed = false
    const tap = (): void => {
      if (!armed) return
      armed = false
      throw new Error('once')
    }
    const handle = begin(state, { out, tap }, { parallelism: 2 })
    await underWay(handle)
    expect((await handle.rescale(4)).kind).toBe('rescaled')
    armed = true
    expect((await handle.done).kind).toBe('finished')
    expect(handle.status()).toMatchObject({ restarts: 1, parallelism: 4 })
    expect(Math.max(...widths(handle))).toBe(4)
    expect(rows(out)).toEqual(totals(RECORDS))
  })

  test('LR-2 if its last checkpoint fails the job goes on as it was, who asked is told, and it can be asked again', async () => {
    const { state, out } = place()
    const handle = begin(state, { out, every: '3600000ms' }, { parallelism: 2, config: { tolerableFailures: '5' } })
    await underWay(handle)
    const checkpoints = join(state, 'checkpoints')
    if (existsSync(checkpoints)) renameSync(checkpoints, `${checkpoints}-away`)
    writeFileSync(checkpoints, 'in the way')
    const failed = await handle.rescale(3)
    expect(failed).toMatchObject({ kind: 'failed', error: { code: 'E184', what: expect.stringContaining('did not complete') } })
    expect(handle.status()).toMatchObject({ phase: 'running', parallelism: 2, restarts: 0 })
    rmSync(checkpoints)
    if (existsSync(`${checkpoints}-away`)) renameSync(`${checkpoints}-away`, checkpoints)
    expect(await handle.rescale(3)).toMatchObject({ kind: 'rescaled', from: 2, to: 3 })
    expect((await handle.done).kind).toBe('finished')
    expect(rows(out)).toEqual(totals(RECORDS))
  })

  test('what no job can have is refused, and what it has already is said as such', async () => {
    const { state, out } = place()
    const handle = begin(state, { out }, { parallelism: 2 })
    await underWay(handle)
    expect(await handle.rescale(129)).toMatchObject({ kind: 'failed', error: { code: 'E033' } })
    expect(await ordered(state, { order: 'rescale', to: 0 })).toMatchObject({ kind: 'failed', error: { code: 'E008' } })
    expect(await ordered(state, { order: 'rescale', to: 1.5 })).toMatchObject({ kind: 'failed', error: { code: 'E156' } })
    const same = await handle.rescale(2)
    expect(same).toMatchObject({ kind: 'rescaled', from: 2, to: 2 })
    expect(same).not.toHaveProperty('checkpoint')
    expect(events.filter(({ kind }) => kind === 'rescaled')).toEqual([])
    expect((await handle.done).kind).toBe('finished')
    expect(await handle.rescale(3)).toMatchObject({ kind: 'failed', error: { code: 'E156' } })
    expect(rows(out)).toEqual(totals(RECORDS))
  })

  test('LR-3 while it is being changed a stop, a savepoint and another change are refused, each with the reason', async () => {
    const { state, out, path } = place()
    const handle = begin(state, { out }, { parallelism: 1 })
    await underWay(handle)
    const change = handle.rescale(3)
    const refused = [handle.rescale(2), handle.stopWith({}), handle.savepoint(path)]
    const why = { kind: 'failed', error: { what: expect.stringContaining('its parallelism is being changed') } }
    expect(await Promise.all(refused)).toMatchObject([why, why, why])
    expect(await change).toMatchObject({ kind: 'rescaled', to: 3 })
    expect(handle.status().phase).toBe('running')
    const savepoint = handle.savepoint(path)
    expect(await handle.rescale(2)).toMatchObject({ kind: 'failed', error: { code: 'E184', what: expect.stringContaining('savepoint') } })
    expect((await savepoint).kind).toBe('savepoint')
    const stopped = handle.stopWith({})
    expect(await handle.rescale(2)).toMatchObject({ kind: 'failed', error: { code: 'E184', what: expect.stringContaining('stopping') } })
    expect((await stopped).kind).toBe('stopped')
  })

  test('LR-3 a signal meanwhile is obeyed, and the next run, at its own parallelism, goes on exactly', async () => {
    const { state, out } = place()
    const handle = begin(state, { out }, { parallelism: 1 })
    await underWay(handle)
    const change = handle.rescale(3)
    handle.stop()
    expect(await handle.done).toMatchObject({ kind: 'stopped' })
    expect(await change).toMatchObject({ kind: 'failed', error: { code: 'E184', what: expect.stringContaining('stopped') } })
    const next = begin(state, { out, rate: 1_000_000 })
    expect((await next.done).kind).toBe('finished')
    expect(rows(out)).toEqual(totals(RECORDS))
  })

  test('LR-6 cut off after a change, the next run begins at its own parallelism, and every total is exact', async () => {
    const { state, out } = place()
    const handle = begin(state, { out }, { parallelism: 1 })
    await underWay(handle)
    expect((await handle.rescale(3)).kind).toBe('rescaled')
    const { recordsIn } = handle.status()
    await until('more records', () => handle.status().recordsIn > recordsIn + 100)
    handle.cancel()
    await handle.done
    const next = begin(state, { out, rate: 1_000_000 }, { parallelism: 2 })
    expect((await next.done).kind).toBe('finished')
    expect(next.status().parallelism).toBe(2)
    expect(rows(out)).toEqual(totals(RECORDS))
    expect(stagedFiles(out)).toEqual([])
  })

  test('cut off in the middle of it, it tells who asked, and the next run goes on exactly', async () => {
    const { state, out } = place()
    const handle = begin(state, { out }, { parallelism: 1 })
    await underWay(handle)
    const change = handle.rescale(2)
    handle.cancel()
    expect(await change).toMatchObject({ kind: 'failed', error: { code: 'E184' } })
    await handle.done
    const next = begin(state, { out, rate: 1_000_000 })
    await next.done
    expect(rows(out)).toEqual(totals(RECORDS))
  })
})
