/** The rounds of a failover, one event at a time: what is called, with what, and in which order. */
import { beforeEach, expect, test } from 'vitest'
import { start, wait, type Done } from '../../src/base/io.ts'
import type { StreamError } from '../../src/base/errors.ts'
import type { Rewound } from '../../src/checkpoint/rewind.ts'
import { E082_DISCOVERY_FAILED, E083_JOB_BROKEN } from '../../src/job/errors.ts'
import { RegionFailover } from '../../src/job/region-failover.ts'
import { RestoredJob } from '../../src/job/restore.ts'
import { ManualLoop } from '../../src/testing/manual-loop.ts'
import { E036_OTHER_JOB } from '../../src/checkpoint/errors.ts'

const REGIONS = [[0, 1], [2], [3, 4]]
const error = (thrown: string): StreamError => E082_DISCOVERY_FAILED({ thrown })
const nothing = new RestoredJob(undefined, [], { maxParallelism: 128, plan: { kind: 'all' } })
const of = (vertices: Iterable<number>): string => [...vertices].join('')

let loop: ManualLoop
let said: string[]
let rewinds: Done<Rewound>[]
let restores: Done<RestoredJob>[]
let delays: (number | undefined)[]
let failover: RegionFailover

beforeEach(() => {
  loop = new ManualLoop(0)
  said = []
  rewinds = []
  restores = []
  delays = []
  failover = new RegionFailover({
    ports: { clock: loop, timers: loop }, regions: REGIONS,
    cancel: (vertices, attempt) => void said.push(`cancel ${of(vertices)} for ${attempt}`),
    rewind: (vertices) => {
      said.push(`rewind ${of(vertices)}`)
      return wait((done) => void rewinds.push(done))
    },
    decide: (_failed, vertices) => {
      said.push(`decide ${of(vertices)}`)
      return delays.length > 0 ? delays.shift() : 0
    },
    restore: (_manifest, vertices) => {
      said.push(`restore ${of(vertices)}`)
      return wait((done) => void restores.push(done))
    },
    deploy: (vertices, attempt) => void said.push(`deploy ${of(vertices)} as ${attempt}`),
    giveUp: (cause) => void said.push(`give up: ${cause.code}`),
  })
})

const rewound = (outcome: Rewound = { kind: 'to', manifest: undefined }): void =>
  rewinds.shift()?.({ ok: true, value: outcome })
const restored = (): void => restores.shift()?.({ ok: true, value: nothing })
const pass = (ms: number): void => void [...loop.advance(ms)]
const take = (): string[] => said.splice(0)

test('RH-1: a failure takes its whole region and no other, under a higher attempt each time', () => {
  failover.onFailure([1], error('a'))
  expect([...failover.down]).toEqual([0, 1])
  rewound()
  restored()
  expect(take()).toEqual(['cancel 01 for 1', 'rewind 01', 'decide 01', 'restore 01', 'deploy 01 as 1'])
  expect([...failover.down]).toEqual([])
  failover.onFailure([3], error('b'))
  rewound()
  restored()
  expect(take()).toEqual(['cancel 34 for 2', 'rewind 34', 'decide 34', 'restore 34', 'deploy 34 as 2'])
})

test('the delay is waited for, unless somebody is in a hurry', () => {
  delays = [100, 1000]
  failover.onFailure([2], error('a'))
  rewound()
  pass(99)
  expect(take().at(-1)).toBe('decide 2')
  pass(1)
  expect(take()).toEqual(['restore 2'])
  restored()
  take()
  failover.onFailure([2], error('b'))
  rewound()
  expect(take().at(-1)).toBe('decide 2')
  failover.hurry()
  expect(take()).toEqual(['restore 2'])
})

test('RH-3, RH-4: a failure while another region goes back takes both, is counted once, and waits for what is under way', () => {
  failover.onFailure([2], error('a'))
  rewound()
  expect(take()).toEqual(['cancel 2 for 1', 'rewind 2', 'decide 2', 'restore 2'])
  failover.onFailure([0], error('b'))
  expect(take()).toEqual(['cancel 201 for 2'])
  restored()
  expect(take()).toEqual(['rewind 201'])
  rewound()
  restored()
  expect(take()).toEqual(['decide 01', 'restore 201', 'deploy 201 as 2'])
})

test('a failure during the delay does not shorten it', () => {
  delays = [100, 10]
  failover.onFailure([2], error('a'))
  rewound()
  failover.onFailure([0], error('b'))
  rewound()
  pass(99)
  expect(take().at(-1)).toBe('decide 01')
  pass(1)
  expect(take()).toEqual(['restore 201'])
})

test.each([
  ['every region is down', [[0], [2], [3]]],
  ['one failure takes them all', [[0, 2, 4]]],
  ['nobody knows what failed', [[]]],
])('RH-5: everybody goes back when %s, and that failure is not counted twice', (_why, failures) => {
  for (const failed of failures) failover.onFailure(failed, error('a'))
  expect(take().at(-1)).toBe('give up: E082')
  failover.onFailure([2], error('later'))
  expect(take()).toEqual([])
})

test('RH-5: everybody goes back for an error that cannot heal, and if only everybody can', () => {
  failover.onFailure([2], E036_OTHER_JOB({ directory: '/d', stored: 'a', now: 'b' }))
  expect(take()).toEqual(['give up: E036'])
})

test('RH-5: if the coordinator says so the failure ends the attempt, uncounted here', () => {
  failover.onFailure([2], error('a'))
  rewound({ kind: 'all' })
  expect(take()).toEqual(['cancel 2 for 1', 'rewind 2', 'give up: E082'])
})

test('RH-5: when the budget is spent, or going back fails, the attempt ends with that error', () => {
  delays = [undefined]
  failover.onFailure([2], error('a'))
  rewound()
  expect(take()).toEqual(['cancel 2 for 1', 'rewind 2', 'decide 2', 'give up: E082'])
})

test('RH-5: what fails while a region goes back ends the attempt', () => {
  failover.onFailure([2], error('a'))
  rewound()
  restores.shift()?.({ ok: false, error: E083_JOB_BROKEN({ thrown: 'x' }) })
  expect(take().at(-1)).toBe('give up: E083')
})

test('RH-4: who closes it waits for what is under way, and nothing is deployed', () => {
  failover.onFailure([2], error('a'))
  rewound()
  let closed = false
  start(failover.close(), () => {
    closed = true
  })
  expect(closed).toBe(false)
  restored()
  expect(closed).toBe(true)
  expect(take().at(-1)).toBe('restore 2')
})
