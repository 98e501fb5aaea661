import { describe, expect, it } from 'vitest'
import { count, sum, type Aggregate } from '../../src/api/aggregates.ts'
import { buildGraph } from '../../src/api/build.ts'
import { job } from '../../src/api/job.ts'
import type { JobOptions } from '../../src/api/job.ts'
import type { JobBuilder } from '../../src/api/job-builder.ts'
import { sideOutput } from '../../src/api/process.ts'
import { state } from '../../src/api/state.ts'
import type { KeyedStream, Stream } from '../../src/api/streams.ts'
import { countTrigger, neverTrigger } from '../../src/api/triggers.ts'
import { globalWindow, session, sliding, tumbling } from '../../src/api/windows.ts'
import type { StreamError } from '../../src/base/errors.ts'
import { errorOf, sink, source } from './fakes.ts'

type Exact = JobBuilder<'exactly-once'>
type Numbers = Stream<number, 'exactly-once'>
const LIVE = 'live: cannot rewind after a failure'
const PLAIN = 'plain: can neither roll back nor de-duplicate'
const refusal = (build: (j: Exact) => unknown): StreamError => errorOf(() => buildGraph(job('refused', build)))
/** With a source and a sink around, so that nothing else is wrong. */
const refusalOf = (use: (s: Stream<number, 'exactly-once'>) => unknown): StreamError => refusal((j) => {
  const s = j.from('n', source<number>())
  s.to('out', sink())
  use(s)
})
const keyed = (use: (s: KeyedStream<number, number, 'exactly-once'>) => unknown): StreamError =>
  refusalOf((s) => use(s.keyBy((n) => n)))
const withOptions = (options: JobOptions<'exactly-once'>): StreamError =>
  errorOf(() => buildGraph(job('refused', options, (j) => { j.from('n', source()).to('out', sink()) })))

const lineOf = (error: StreamError): number =>
  Number(/refusals\.test\.ts:(\d+)$/.exec(error.place.code ?? '')?.[1])
/** Line of the caller, by the same trace that a reader of the test would look at. */
const hereLine = (): number =>
  Number(/refusals\.test\.ts:(\d+)/.exec(new Error('here').stack?.split('\n')[2] ?? '')?.[1])

describe('a job is refused when it is built', () => {
  it('E001: two operators with the same name, with both places', () => {
    let line = 0
    const error = refusal((j) => {
      const s = j.from('twice', source<number>())
      line = hereLine()
      s.to('twice', sink())
    })
    expect(error.code).toBe('E001')
    expect(error.message).toContain('"twice" is the name of two operators: the first (')
    expect(error.message).toContain(`refusals.test.ts:${line - 1})`)
    expect(error.message).toContain(`refusals.test.ts:${line + 1})`)
    expect(lineOf(error)).toBe(line + 1)
    expect(error.place).toMatchObject({ job: 'refused', operator: 'twice' })
  })

  it('E001: a former name that another operator bears', () => {
    expect(refusal((j) => { j.from('a', source()).was('b').to('b', sink()) }).code).toBe('E001')
    expect(refusal((j) => { j.from('a', source()).was('x').to('b', sink()).was('x') }).code).toBe('E001')
  })

  it.each([
    ['kind', (s: Numbers, n: number) => (n === 1 ? s.map((x) => x) : s.filter(() => true))],
    ['name', (s: Numbers, n: number) => s.to(`out-${n}`, sink())],
    ['sink', (s: Numbers, n: number) => s.to('out', sink(`file-${n}`))],
    ['assigner', (s: Numbers, n: number) => s.windowAll('w', session({ gap: n })).count()],
    ['latenessMs', (s: Numbers, n: number) => s.windowAll('w', tumbling(9), { lateness: n }).count()],
    ['fn', (s: Numbers, n: number) => s.map(n === 1 ? (x) => x + 1 : (x) => x - 1)],
    ['input 1', (s: Numbers, n: number) => { const t = s.map((x) => x); (n === 1 ? s : t).print() }],
    ['key of input 1', (s: Numbers, n: number) => s.keyBy(n === 1 ? (x) => x : (x) => -x).count('n')],
    ['existence', (s: Numbers, n: number) => { if (n === 1) s.print() }],
  ])('E002: two builds differ in the %s of an operator', (field, use) => {
    let n = 0
    const error = refusalOf((s) => use(s, ++n))
    expect(error).toMatchObject({ code: 'E002', details: { field } })
    const { first, second } = error.details as { first: string; second: string }
    expect(first).not.toBe(second)
    expect(error.message).toContain(first)
    expect(error.message).toContain(second)
  })

  it('E004, E005: a cast does not get past the guarantee', () => {
    const plain = sink('stdout', PLAIN)
    const live = source<number, typeof LIVE>('socket', LIVE)
    expect(refusal((j) => j.from('n', source()).to('out', plain as never))).toMatchObject({
      code: 'E004', place: { operator: 'out' },
      message: `The sink "out" (fake) is "${PLAIN}", but the job is exactly-once.`,
    })
    expect(refusal((j) => j.from('live', live as never).to('out', sink()))).toMatchObject({
      code: 'E005', place: { operator: 'live' },
    })
    const relaxed = job('relaxed', { guarantee: 'at-least-once' }, (j) => {
      j.from('live', live).to('out', plain)
    })
    expect(buildGraph(relaxed).graph.guarantee).toBe('at-least-once')
  })

  it.each([
    '', ' x', 'a/b', '../up', '.hidden', 'a\nb', 'ü', 'x'.repeat(101), 7, undefined,
  ])('E006: %j is no name', (name) => {
    expect(refusal((j) => j.from(name as string, source()).to('out', sink())).code).toBe('E006')
    const named = job(name as string, (j) => { j.from('n', source()).print() })
    expect(errorOf(() => buildGraph(named)).code).toBe('E006')
  })

  it('E006: reserved names of outputs, routes and aggregates', () => {
    const late = { side: { late: sideOutput() } }
    expect(keyed((s) => s.process('p', late, { onRecord: () => [] })).code).toBe('E006')
    expect(refusalOf((s) => s.split({ rest: () => true })).code).toBe('E006')
    for (const name of ['key', 'start', 'end', '__proto__']) {
      const aggregates = Object.fromEntries([[name, count()]])
      expect(keyed((s) => s.window('w', tumbling('1m')).aggregate(aggregates)).code).toBe('E006')
    }
  })

  it('E007: nothing to run, or nothing to see; a print is enough', () => {
    expect(refusal(() => {}).message).toBe('The build function of "refused" made no operator.')
    expect(refusal((j) => { j.from('n', source<number>()).map((n) => n) })).toMatchObject({
      code: 'E007', message: 'The job "refused" has 2 operators, but no sink and no print.',
    })
    expect(buildGraph(job('look', (j) => { j.from('n', source()).print() })).graph.operators).toHaveLength(2)
  })

  it.each<[string, (s: KeyedStream<number, number, 'exactly-once'>) => unknown]>([
    ['count of a trigger', () => countTrigger(0)],
    ['offset as large as the window', () => tumbling('1m', { offset: '60s' })],
    ['global window without a trigger', (s) => s.window('w', globalWindow()).count()],
    ['session that cannot merge', (s) => s.window('w', session({ gap: 1 })).reduce(() => 0, (a, n) => a + n)],
    ['window that computes nothing', (s) => s.window('w', tumbling('1m'))],
    ['no aggregates', (s) => s.window('w', tumbling('1m')).aggregate({})],
    ['aggregate that is none', (s) => s.sum('sum', 'amount' as never)],
    ['window that is none', (s) => s.window('w', '1m' as never)],
    ['process without onRecord', (s) => s.process('p', {}, {} as never)],
    ['version of a state', () => state.value({ version: 0 })],
    ['reducing state without a function', () => state.reducing(0 as never)],
  ])('E008: %s', (_, use) => {
    expect(keyed(use)).toMatchObject({ code: 'E008' })
  })

  it('E008: what JavaScript passes instead of functions, sources, sinks and streams', () => {
    for (const call of ['map', 'filter', 'flatMap', 'keyBy'] as const) {
      const use = (s: Numbers): unknown => (s[call] as (fn: unknown) => unknown)(undefined)
      expect(refusalOf(use)).toMatchObject({ code: 'E008', message: `${call}() got no function.` })
    }
    expect(refusalOf((s) => s.to('x', 'out/' as never)).code).toBe('E008')
    expect(refusalOf((s) => s.union({} as never)).code).toBe('E008')
    expect(refusal((j) => j.from('x', 'in/' as never)).code).toBe('E008')
    expect(refusal((j) => j.from('x', source(), { onInvalid: 'ignore' as never })).code).toBe('E008')
    expect(refusal((j) => j.from('x', source(), { schema: {} as never })).code).toBe('E008')
    expect(errorOf(() => job('none', undefined as never)).code).toBe('E008')
  })

  it('E008: invalid rows are read but not diverted', () => {
    const error = refusal((j) => j.from('n', source()).invalid.to('bad', sink()))
    expect(error.code).toBe('E008')
    expect(error.fix).toEqual(["add onInvalid: 'side' to the options of that source"])
  })

  it('E008: a build function that is async, and a stream that outlives it', async () => {
    expect(refusal(async (j) => { j.from('n', source()).to('out', sink()) }).message)
      .toBe('The build function returned a promise.')
    expect(refusal(async () => { throw new Error('later') }).code).toBe('E008')
    let kept: Stream<number, 'exactly-once'> | undefined
    buildGraph(job('kept', (j) => { (kept = j.from('n', source<number>())).print() }))
    expect(errorOf(() => kept?.map((n) => n)).code).toBe('E008')
  })

  it('E008: streams of another job', () => {
    let kept: Stream<number, 'exactly-once'> | undefined
    expect(refusal((j) => {
      const mine = j.from('n', source<number>())
      kept ??= mine
      mine.union(kept).to('out', sink())
    }).message).toBe('union() got a stream of another job.')
  })

  it.each<[string, JobOptions<'exactly-once'>, string]>([
    ['parallelism above max', { parallelism: 129 }, 'E033'],
    ['parallelism 0', { parallelism: 0 }, 'E008'],
    ['parallelism 1.5', { parallelism: 1.5 }, 'E008'],
    ['max parallelism above the limit', { maxParallelism: 32_769 }, 'E008'],
    ['max parallelism 0', { maxParallelism: 0 }, 'E008'],
    ['retain 0', { checkpoint: { retain: 0 } }, 'E008'],
    ['negative tolerance', { checkpoint: { tolerableFailures: -1 } }, 'E008'],
    ['every 0', { checkpoint: { every: 0 } }, 'E003'],
    ['timeout that is no duration', { checkpoint: { timeout: '10 min' as never } }, 'E003'],
    ['restart of an unknown kind', { restart: { kind: 'sometimes' } as never }, 'E008'],
    ['shrinking delay', { restart: { kind: 'exponential-delay', factor: 0.5 } }, 'E008'],
    ['guarantee that is none', { guarantee: 'at-most-once' as never }, 'E008'],
  ])('options of the job: %s', (_, options, code) => {
    const error = withOptions(options)
    expect(error).toMatchObject({ code, place: { job: 'refused' } })
    expect(lineOf(error)).toBeGreaterThan(0)
  })

  it('E003: impossible durations, at the line that wrote them', () => {
    let line = 0
    const error = keyed((s) => {
      line = hereLine() + 1
      s.window('w', sliding('1m', { every: 0 })).count()
    })
    expect(error.code).toBe('E003')
    expect(lineOf(error)).toBe(line)
    expect(keyed((s) => s.window('w', tumbling('1m'), { lateness: '-1s' })).code).toBe('E003')
    expect(keyed((s) => s.window('w', tumbling(0))).code).toBe('E003')
  })

  it('E014: whatever the build function throws, with the line and the cause', () => {
    const cause = new TypeError('no such column')
    let line = 0
    const error = refusal(() => {
      line = hereLine() + 1
      throw Object.assign(cause, { stack: new Error('x').stack })
    })
    expect(error).toMatchObject({ code: 'E014', cause })
    expect(error.message).toBe('Building the job "refused" failed: no such column')
    expect(lineOf(error)).toBe(line)
    for (const thrown of [null, undefined, 7, 'text', { a: 1 }]) {
      expect(refusal(() => { throw thrown }).code).toBe('E014')
    }
  })

  it('a silent global window is fine if silence is said, and a session of aggregates merges', () => {
    const built = buildGraph(job('fine', (j) => {
      const s = j.from('n', source<number>()).keyBy((n) => n)
      s.window('g', globalWindow(), { trigger: neverTrigger() }).count().to('a', sink())
      const total: Aggregate<number, number> = sum((n: number) => n)
      s.window('s', session({ gap: '1s' })).aggregate({ total }).to('b', sink())
    }))
    expect(built.graph.operators).toHaveLength(5)
  })
})
