/** F14: a job that dies again and again. Its restarts come ever later, then it fails with the cause. */
import { expect, test } from 'vitest'
import {
  collect, files, job, jsonl, startJob, type Job, type RunOutcome, type SourceSpec, type Split,
} from '../../src/index.ts'
import type { JobHandle } from '../../src/host/run.ts'
import { committedLines, temporaryDirectory, writeBeads, beads, type Bead } from '../host/kit.ts'

const RESTARTS = 20

interface Place {
  readonly input: string
  readonly out: string
}

/** Reads as many rows as `left` says, and then waits for ever. */
function upTo<S extends Split>(left: () => number, source: SourceSpec<Bead, S, 'can rewind'>): typeof source {
  return {
    ...source,
    openSplit(split, position, context) {
      const reader = source.openSplit(split, position, context)
      return {
        poll: (most) => (left() > 0 ? reader.poll(Math.min(most, left())) : 'pending'),
        position: () => reader.position(),
        close: () => reader.close(),
      }
    },
  }
}

/** No checkpoint comes of itself: each would be progress, and begin the count of restarts anew. */
function looping({ input, out }: Place, onRecord: () => void, left: () => number = () => Infinity): Job {
  const restart = { kind: 'exponential-delay', initial: '1ms', max: '10ms', factor: 1.5, attempts: RESTARTS } as const
  return job('looping', { checkpoint: { every: '1h' }, restart }, (j) => {
    j.from('beads', upTo(left, jsonl<Bead>(input)))
      .map((bead) => {
        onRecord()
        return bead
      })
      .keyBy((bead) => bead.colour).count('nth')
      .to('out', files({ path: out }))
  })
}

async function run(
  made: Job, stateDirectory: string, onHandle: (handle: JobHandle) => void = () => {},
): Promise<{ outcome: RunOutcome; delays: number[] }> {
  const delays: number[] = []
  const handle = startJob(made, {
    stateDirectory,
    onEvent: (event) => {
      if (event.kind === 'restarting') delays.push(event.delayMs)
    },
  })
  onHandle(handle)
  return { outcome: await handle.done, delays }
}

test(`${RESTARTS} deaths in a row: restarts back off, the end has the cause, and what was done is not lost`, async () => {
  const directory = temporaryDirectory()
  const place = { input: `${directory}/in.jsonl`, out: `${directory}/out` }
  const all = beads(3000)
  writeBeads(place.input, all)
  const state = `${directory}/state`
  let handle: JobHandle | undefined
  let left = 1000
  const stopAt1000 = (): void => {
    left -= 1
    if (left === 0) handle?.stop()
  }
  const stopped = await run(looping(place, stopAt1000, () => left), state, (made) => (handle = made))
  expect(stopped.outcome.kind).toBe('stopped')

  const dies = (): void => { throw new Error('the very same failure') }
  const { outcome, delays } = await run(looping(place, dies), state)
  expect(outcome.kind).toBe('failed')
  if (outcome.kind === 'failed') {
    expect(outcome.error.code).toBe('E061')
    expect(outcome.error.cause).toMatchObject({ message: 'the very same failure' })
  }
  expect(delays).toHaveLength(RESTARTS)
  expect(delays).toEqual(delays.toSorted((a, b) => a - b))
  expect([delays[0], delays.at(-1)]).toEqual([0, 10])

  const after = await run(looping(place, () => {}), state)
  expect(after.outcome.kind).toBe('finished')
  const seen = new Map<string, number>()
  const expected = all.map(({ colour }) => {
    const value = (seen.get(colour) ?? 0) + 1
    seen.set(colour, value)
    return JSON.stringify({ key: colour, value })
  })
  expect(committedLines(place.out)).toEqual(expected.toSorted())
})

test('a job that never gets as far as a checkpoint fails as well, and commits nothing', async () => {
  const directory = temporaryDirectory()
  const place = { input: `${directory}/in.jsonl`, out: `${directory}/out` }
  writeBeads(place.input, beads(10))
  const sink = collect<unknown>()
  const options = { checkpoint: { every: '1h' }, restart: { kind: 'fixed-delay', delay: '1ms', attempts: RESTARTS } } as const
  const broken = job('broken', options, (j) => {
    j.from('beads', jsonl<Bead>(place.input)).map(() => { throw new Error('at once') }).to('out', sink)
  })
  const { outcome, delays } = await run(broken, `${directory}/state`)
  expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'E061' } })
  expect(delays).toHaveLength(RESTARTS)
  expect(sink.committed).toEqual([])
})
