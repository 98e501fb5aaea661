/** Savepoints, stop, drain and beginning elsewhere, through the host that runs jobs in this process. */
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { giveOrder, type Order, type OrderAnswer } from '../../src/host/control-socket.ts'
import { startJob, type JobHandle, type RunOptions, type RunOutcome } from '../../src/host/run.ts'
import { count, files, generator, job, tumbling, type Job } from '../../src/index.ts'
import { stagedFiles, temporaryDirectory } from './kit.ts'

const COUNT = 4_000
const STEP_MS = 13

interface Numbered {
  readonly n: number
  readonly colour: number
  readonly at: number
}

/** How many of the first `total` numbers fall into each second and colour. */
function totals(total: number): string[] {
  const counts = new Map<string, number>()
  for (let n = 0; n < total; n++) {
    const key = `${n % 5}@${Math.floor((n * STEP_MS) / 1000)}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts].map(([key, value]) => `${key}=${value}`).toSorted()
}

const counting = (out: string, rate: number): Job =>
  job('counting', { checkpoint: { every: '20ms' } }, (j) => {
    const numbers = generator<Numbered>({ count: COUNT, rate, splits: 3, record: (n) => ({ n, colour: n % 5, at: n * STEP_MS }) })
    j.from('numbers', numbers, { eventTime: (r) => r.at, outOfOrder: '1s' })
      .keyBy((r) => r.colour)
      .window('per-second', tumbling('1s'))
      .aggregate({ n: count() })
      .map((w) => ({ line: `${w.key}@${w.start.getTime() / 1000}=${w.n}` }))
      .to('counts', files({ path: out }))
  })

/** Rows under their final names; `upTo`: of checkpoints up to this one. */
function rows(out: string, upTo = Number.POSITIVE_INFINITY): string[] {
  if (!existsSync(out)) return []
  return readdirSync(out)
    .filter((name) => !name.startsWith('.') && Number(name.split('-').at(-2)) <= upTo)
    .flatMap((name) => readFileSync(join(out, name), 'utf8').split('\n').filter((line) => line !== ''))
    .map((line) => (JSON.parse(line) as { line: string }).line)
}

describe('a running job', () => {
  const running: JobHandle[] = []
  afterEach(async () => {
    for (const handle of running.splice(0)) {
      handle.cancel()
      await handle.done
    }
  })

  const begin = (out: string, options: RunOptions, rate = 2_000): JobHandle => {
    const handle = startJob(counting(out, rate), options)
    running.push(handle)
    return handle
  }

  /** Runs until something is committed. */
  async function underWay(handle: JobHandle, out: string): Promise<void> {
    const deadline = Date.now() + 30_000
    while (rows(out).length === 0) {
      if (Date.now() > deadline) throw new Error(`nothing was committed: ${JSON.stringify(handle.status())}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  const place = () => {
    const root = temporaryDirectory()
    return { state: join(root, 'state'), out: join(root, 'out'), path: join(root, 'backup/one'), next: join(root, 'next'), out2: join(root, 'out2') }
  }

  async function ordered(state: string, order: Order): Promise<OrderAnswer> {
    const outcome = await giveOrder(state, order, 20_000)
    if (outcome.kind !== 'answer') throw new Error(outcome.kind)
    return outcome.answer
  }

  function ended(outcome: RunOutcome): RunOutcome {
    if (outcome.kind === 'failed') throw outcome.error
    return outcome
  }

  test('its savepoint, begun at another parallelism after the job was cut off, gives exact totals with what it had committed', async () => {
    const { state, out, path, next, out2 } = place()
    const handle = begin(out, { stateDirectory: state, parallelism: 2 })
    await underWay(handle, out)
    const answer = await ordered(state, { order: 'savepoint', to: path })
    if (answer.kind !== 'savepoint') throw new Error(JSON.stringify(answer))
    const { checkpoint } = answer.savepoint
    expect(answer.savepoint.path).toBe(path)
    // It goes on meanwhile; what it commits later is not part of the savepoint.
    handle.cancel()
    await handle.done
    const second = begin(out2, { stateDirectory: next, parallelism: 3, from: path }, 1_000_000)
    expect(ended(await second.done).kind).toBe('finished')
    expect([...rows(out, checkpoint), ...rows(out2)].toSorted()).toEqual(totals(COUNT))
    expect(stagedFiles(out2)).toEqual([])
  })

  test('OB-4 the same output place is refused once the old line has gone on in it', async () => {
    const { state, out, path, next } = place()
    const handle = begin(out, { stateDirectory: state })
    await underWay(handle, out)
    expect((await handle.savepoint(path)).kind).toBe('savepoint')
    const before = rows(out).length
    const deadline = Date.now() + 30_000
    while (rows(out).length === before && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
    handle.cancel()
    await handle.done
    const outcome = await begin(out, { stateDirectory: next, from: path }).done
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'E113' } })
  })

  test('suspended by an order it ends well, frees the directory, and a plain run goes on exactly', async () => {
    const { state, out } = place()
    const first = begin(out, { stateDirectory: state, parallelism: 2 })
    await underWay(first, out)
    const answer = await ordered(state, { order: 'stop', drain: false })
    expect(answer).toMatchObject({ kind: 'stopped', finished: false })
    // The directory is free when the answer comes.
    const second = begin(out, { stateDirectory: state }, 1_000_000)
    expect(ended(await second.done).kind).toBe('finished')
    expect(ended(await first.done)).toMatchObject({ kind: 'stopped' })
    expect(rows(out).toSorted()).toEqual(totals(COUNT))
    expect(stagedFiles(out)).toEqual([])
  })

  test('stopped with a savepoint, a new line goes on in the same output, and nothing comes twice', async () => {
    const { state, out, path, next } = place()
    const first = begin(out, { stateDirectory: state, parallelism: 2 })
    await underWay(first, out)
    const answer = await first.stopWith({ savepoint: path })
    expect(answer).toMatchObject({ kind: 'stopped', savepoint: { path } })
    const second = begin(out, { stateDirectory: next, parallelism: 1, from: path }, 1_000_000)
    expect(ended(await second.done).kind).toBe('finished')
    expect(rows(out).toSorted()).toEqual(totals(COUNT))
  })

  test('drained every window fires, a later run says so, and no line begins from it', async () => {
    const { state, out, path, next } = place()
    const first = begin(out, { stateDirectory: state, parallelism: 2 })
    await underWay(first, out)
    const answer = await ordered(state, { order: 'stop', drain: true, savepoint: path })
    expect(answer).toMatchObject({ kind: 'stopped', finished: true, savepoint: { path } })
    const outcome = ended(await first.done)
    expect(outcome).toMatchObject({ kind: 'finished', drained: true })
    const { recordsIn } = first.status()
    expect(recordsIn).toBeLessThan(COUNT)
    // Three splits side by side: every record that was read is in a window that has fired.
    const fired = rows(out).reduce((sum, line) => sum + Number(line.split('=')[1]), 0)
    expect(fired).toBe(recordsIn)
    expect(await begin(out, { stateDirectory: state }).done).toMatchObject({ kind: 'already-finished', drained: true })
    expect(await begin(out, { stateDirectory: next, from: path }).done).toMatchObject({ kind: 'failed', error: { code: 'E158' } })
  })

  test('a stop whose savepoint has no place is refused, and the job goes on to its end', async () => {
    const { state, out } = place()
    const handle = begin(out, { stateDirectory: state })
    await underWay(handle, out)
    expect(await handle.stopWith({ savepoint: state })).toMatchObject({ kind: 'failed', error: { code: 'E117' } })
    expect(handle.status().phase).toBe('running')
    expect(ended(await handle.done).kind).toBe('finished')
    expect(rows(out).toSorted()).toEqual(totals(COUNT))
  })

  test('OR-1 OR-2 without the token, or with what is no order, nothing is done', async () => {
    const { state, out } = place()
    const handle = begin(out, { stateDirectory: state })
    await underWay(handle, out)
    const token = readFileSync(join(state, 'control.token'), 'utf8').trim()
    expect(statSync(join(state, 'control.token')).mode & 0o777).toBe(0o600)
    const name = readdirSync(state).find((one) => one.startsWith('control-')) as string
    expect(statSync(join(state, name)).mode & 0o777).toBe(0o600)
    const say = (text: string): Promise<string> => new Promise((done) => {
      const socket = connect({ path: join(state, name) })
      let said = ''
      socket.on('data', (chunk) => (said += String(chunk)))
      socket.on('close', () => done(said))
      socket.on('error', () => {})
      socket.write(text)
    })
    for (const bad of [
      { order: 'stop', drain: false }, { token: '', order: 'stop', drain: false },
      { token: token.slice(1), order: 'stop', drain: false }, { token: [token], order: 'stop', drain: false },
      { token, order: 'exec' }, { token, order: 'stop' }, { token, order: 'savepoint', to: 'relative' },
    ]) {
      const said = await say(`${JSON.stringify(bad)}\n`)
      expect(JSON.parse(said), JSON.stringify(bad)).toMatchObject({ kind: 'failed', error: { code: 'E156' } })
      expect(said).not.toContain(token)
    }
    expect(await say('no json\n')).toContain('E156')
    expect(await say('x'.repeat(100_000))).toBe('')
    expect(handle.status().phase).toBe('running')
    expect(ended(await handle.done).kind).toBe('finished')
  })
})

test('OR-5: an order whose client gives up before it was told to go on is not carried out', async () => {
  const { state, out } = { state: join(temporaryDirectory(), 'state'), out: join(temporaryDirectory(), 'out') }
  const handle = startJob(counting(out, 1_000), { stateDirectory: state })
  try {
    const deadline = Date.now() + 30_000
    while (handle.status().phase !== 'running') {
      if (Date.now() > deadline) throw new Error('no orders are taken')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const token = readFileSync(join(state, 'control.token'), 'utf8').trim()
    const name = readdirSync(state).find((each) => each.startsWith('control-'))
    const order = `${JSON.stringify({ token, order: 'stop', drain: true })}\n`
    for (const when of ['at once', 'when it was understood']) {
      const socket = connect({ path: join(state, name as string) })
      await once(socket, 'connect')
      socket.write(order)
      if (when !== 'at once') expect(String((await once(socket, 'data'))[0])).toContain('taken')
      socket.destroy()
    }
    // A later order is understood, so that those were.
    expect((await giveOrder(state, { order: 'savepoint', to: join(temporaryDirectory(), 'x') }, 20_000)).kind).toBe('answer')
    expect(handle.status().phase).toBe('running')
  } finally {
    handle.cancel()
    await handle.done
  }
})

test('nobody is found on a directory that nobody runs', async () => {
  expect(await giveOrder(temporaryDirectory(), { order: 'stop', drain: false }, 1_000)).toEqual({ kind: 'nobody' })
})
