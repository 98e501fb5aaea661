import { expect, test } from 'vitest'
import { job } from '../../src/api/job.ts'
import { buildGraph } from '../../src/api/build.ts'
import { pattern } from '../../src/api/pattern-builder.ts'
import type { Pattern } from '../../src/api/patterns.ts'
import { collect, collection } from '../../src/connector/collection.ts'
import type { MatchSpec } from '../../src/graph/operator-spec.ts'
import { createMatch } from '../../src/operator/cep/match-operator.ts'
import { decodeSegment } from '../../src/state/snapshot-format.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { inLine } from '../operator/in-line.ts'

/** Records are texts such as 'a1': kind and number. */
const is = (kind: string) => (record: string) => record.startsWith(kind)
const p = pattern<string>()

function specOf(given: Pattern<string, any>, more: Partial<MatchSpec> = {}): MatchSpec {
  return { kind: 'match', keyOf: () => 'k', pattern: given.spec, ...more }
}

/** One record a millisecond from 1 on; matches as the texts of their records, in order. */
function matches(given: Pattern<string, any>, input: string): string[] {
  const harness = new OperatorHarness(specOf(given))
  input.split(' ').forEach((record, i) => harness.send(record, i + 1))
  harness.watermark(1000)
  return textsOf(harness)
}

function textsOf(harness: OperatorHarness, tag = 'main'): string[] {
  return harness.values(tag).map((value) =>
    Object.values((value as { records: Record<string, string[]> }).records).flat().join(' '))
}

test('contiguity decides what may stand between: nothing, what does not fit, anything', () => {
  const input = 'a c b1 b2'
  expect(matches(p.begin('a', is('a')).next('b', is('b')), input)).toEqual([])
  expect(matches(p.begin('a', is('a')).next('b', is('b')), 'a b1 b2')).toEqual(['a b1'])
  expect(matches(p.begin('a', is('a')).followedBy('b', is('b')), input)).toEqual(['a b1'])
  expect(matches(p.begin('a', is('a')).followedByAny('b', is('b')), input)).toEqual(['a b1', 'a b2'])
})

test('a loop is relaxed inside unless it is told otherwise, and until a record ends it', () => {
  const loop = (inner: (l: ReturnType<typeof aPlus>) => Pattern<string, any>) => matches(inner(aPlus()), 'a1 x a2 a3 b')
  const aPlus = () => p.begin('a', is('a')).oneOrMore()
  expect(loop((l) => l.followedBy('b', is('b')))).toEqual(
    ['a1 a2 a3 b', 'a1 a2 b', 'a1 b', 'a2 a3 b', 'a2 b', 'a3 b'])
  expect(loop((l) => l.consecutive().followedBy('b', is('b')))).toEqual(['a1 b', 'a2 a3 b', 'a2 b', 'a3 b'])
  expect(loop((l) => l.greedy().followedBy('b', is('b')))).toEqual(['a1 a2 a3 b', 'a2 a3 b', 'a3 b'])
  expect(loop((l) => l.allowCombinations().followedBy('b', is('b')))).toContain('a1 a3 b')
  expect(matches(aPlus().until(is('x')).followedBy('b', is('b')), 'a1 a2 x a3 b')).toEqual(
    ['a1 a2 b', 'a1 b', 'a2 b', 'a3 b'])
})

test('counts are kept, and steps may be left out', () => {
  expect(matches(p.begin('a', is('a')).times(2).consecutive(), 'a1 a2 x a3 a4')).toEqual(['a1 a2', 'a3 a4'])
  expect(matches(p.begin('a', is('a')).times(1, 2).next('b', is('b')), 'a1 a2 a3 b')).toEqual(['a2 a3 b', 'a3 b'])
  expect(matches(p.begin('a', is('a')).timesOrMore(2).followedBy('b', is('b')), 'a1 a2 a3 b')).toEqual(
    ['a1 a2 a3 b', 'a1 a2 b', 'a2 a3 b'])
  expect(matches(p.begin('a', is('a')).next('c', is('c')).optional().next('b', is('b')), 'a1 b1 a2 c b2')).toEqual(
    ['a1 b1', 'a2 c b2'])
})

test('an absence between two steps, as the next record, and at the end', () => {
  const between = p.begin('a', is('a')).notFollowedBy('x', is('x')).followedBy('b', is('b'))
  expect(matches(between, 'a1 c b1 a2 x b2')).toEqual(['a1 b1'])
  expect(matches(p.begin('a', is('a')).notNext('x', is('x')).followedBy('b', is('b')), 'a1 x b1 a2 c x b2')).toEqual(['a2 b2'])
  const atEnd = p.begin('a', is('a')).notFollowedBy('x', is('x')).within(3)
  const harness = new OperatorHarness(specOf(atEnd))
  for (const [record, time] of [['a1', 1], ['x1', 3], ['a2', 10], ['x2', 13]] as const) harness.send(record, time)
  harness.watermark(12)
  expect(textsOf(harness)).toEqual([])
  harness.watermark(13)
  expect(textsOf(harness)).toEqual(['a2'])
  expect(harness.outputs.findLast((each) => each.kind === 'record')).toMatchObject({ timestamp: 13 })
  expect(textsOf(harness, 'timed-out')).toEqual([])
})

test('skip strategies take other matches away', () => {
  const pairs = p.begin('a', is('a')).followedByAny('b', is('b'))
  const input = 'a1 a2 b1 b2'
  expect(matches(pairs.noSkip(), input)).toEqual(['a1 b1', 'a2 b1', 'a1 b2', 'a2 b2'])
  expect(matches(pairs.skipToNext(), input)).toEqual(['a1 b1', 'a2 b1'])
  expect(matches(pairs.skipPastLastEvent(), input)).toEqual(['a1 b1'])
  const runs = p.begin('a', is('a')).oneOrMore().next('b', is('b'))
  expect(matches(runs.skipToLast('a'), 'a1 a2 a3 b')).toEqual(['a1 a2 a3 b', 'a3 b'])
  expect(matches(runs.skipToFirst('b'), 'a1 a2 a3 b')).toEqual(['a1 a2 a3 b'])
})

test('a match waits for partial ones that began before it, and comes when they end', () => {
  const given = p.begin('a', is('a')).followedBy('b', is('b')).followedBy('c', is('c')).optional()
    .next('d', is('d')).within(5).skipPastLastEvent()
  const harness = new OperatorHarness(specOf(given))
  for (const [record, time] of [['a1', 1], ['b1', 2], ['a2', 3], ['b2', 4], ['d', 5]] as const) harness.send(record, time)
  harness.watermark(5)
  expect(textsOf(harness)).toEqual([])
  harness.watermark(6)
  expect(textsOf(harness)).toEqual(['a2 b2 d'])
  expect(harness.outputs.findLast((each) => each.kind === 'record')).toMatchObject({ tag: 'main', timestamp: 6 })
})

test('records of equal time are taken as they came or as compare says, and late ones go to the late output', () => {
  const given = p.begin('a', is('a')).next('b', is('b'))
  const ordered = new OperatorHarness(specOf(given, { compare: (x: string, y: string) => (x < y ? -1 : 1) }))
  const unordered = new OperatorHarness(specOf(given))
  for (const harness of [ordered, unordered]) {
    harness.send('b', 5)
    harness.send('a', 5)
    harness.watermark(5)
    harness.send('a', 5)
    expect(harness.values('late')).toEqual([{ key: 'k', record: 'a', eventTime: new Date(5), lateByMs: 0 }])
    expect(harness.metrics.late).toBe(1)
  }
  expect(textsOf(ordered)).toEqual(['a b'])
  expect(textsOf(unordered)).toEqual([])
})

const keysIn = (harness: OperatorHarness): number =>
  decodeSegment(harness.snapshot()).snapshot.keyed
    .flatMap(({ groups }) => groups).reduce((sum, { entries }) => sum + entries, 0)

test('a key has state while records wait or matches are in progress, and not longer', () => {
  const given = p.begin('a', is('a')).followedBy('b', is('b')).within(10)
  const harness = new OperatorHarness(specOf(given, { keyOf: (record: string) => record }))
  for (let i = 1; i < 300; i++) harness.send(`x${i}`, i)
  expect(keysIn(harness)).toBe(299)
  harness.watermark(300)
  expect(keysIn(harness)).toBe(0)
  for (let i = 301; i < 600; i++) harness.send(`a${i}`, i)
  harness.watermark(600)
  expect(keysIn(harness)).toBe(9)
  harness.watermark(700)
  expect(keysIn(harness)).toBe(0)
  expect(harness.values('timed-out')).toHaveLength(299)
})

test('MO-4: a key that comes again after many others came and went finds what waits for it, and what is in progress', () => {
  const given = p.begin('a', is('a')).next('b', is('b'))
  const harness = new OperatorHarness(specOf(given, { keyOf: (record: string) => record.slice(1) }), { freeze: false })
  harness.send('awaits', 1_000_000)
  harness.send('abegun', 1)
  for (let i = 2; i < 10_000; i++) {
    harness.send(`a${i}`, i)
    if (i % 2 === 0) harness.send(`b${i}`, i)
    harness.watermark(i)
    if (i % 2 === 1) harness.send(`x${i}`, i + 1)
  }
  harness.send('bbegun', 10_000)
  harness.send('bwaits', 1_000_001)
  harness.watermark(2_000_000)
  expect(textsOf(harness).filter((text) => !/\d/.test(text))).toEqual(['abegun bbegun', 'awaits bwaits'])
  expect(textsOf(harness)).toHaveLength(4_999 + 2)
})

test('in line, and with or without freezing, records take the same way', () => {
  const given = p.begin('a', is('a')).followedBy('b', is('b')).within(4)
  const outputs = [createMatch, inLine(createMatch)].flatMap((create) => [true, false].map((freeze) => {
    const keyOf = (record: string): string | number => (record.endsWith('z') ? record.slice(-2) : record.length % 2)
    const harness = new OperatorHarness(specOf(given, { keyOf }), { create, freeze })
    'a1 b2 a3z x1 b3z aaa b11 b1 a1 a2z b2z b5'.split(' ').forEach((record, i) => {
      harness.send(record, [3, 4, 2, 9, 8, 7, 14, 15, 12, 11, 18, 3][i] as number)
      harness.watermark(Math.floor(i / 3) * 4)
    })
    harness.watermark(100)
    return JSON.stringify([harness.outputs, harness.metrics])
  }))
  expect(JSON.parse(outputs[0] as string)[0].filter((each: { tag?: string }) => each.tag === 'main').length).toBeGreaterThan(1)
  expect(outputs[0]).toContain('"tag":"late"')
  expect(new Set(outputs)).toEqual(new Set([outputs[0]]))
})

test('an impossible key is refused, also after possible ones', () => {
  for (const create of [createMatch, inLine(createMatch)]) {
    for (const bad of [Number.NaN, '\ud800', undefined, {}]) {
      const harness = new OperatorHarness(
        specOf(p.begin('a'), { keyOf: (record: string) => (record === 'bad' ? bad : record) as string }), { create, freeze: false })
      harness.send('good', 1)
      expect(() => harness.send('bad', 2)).toThrow(/E072|key/)
    }
    const zeros = new OperatorHarness(
      specOf(p.begin('a').next('b'), { keyOf: (record: string) => (record === 'minus' ? -0 : 0) }), { create, freeze: false })
    for (const [record, time] of [['plus', 1], ['minus', 2], ['plus', 3]] as const) zeros.send(record, time)
    zeros.watermark(5)
    expect(textsOf(zeros)).toEqual(['plus minus', 'minus plus'])
    expect(zeros.values().every((match) => Object.is((match as { key: number }).key, 0))).toBe(true)
  }
})

test('a condition is asked once about a record, however many partial matches ask', () => {
  const asked: string[] = []
  const once = (kind: string) => (record: string): boolean => {
    asked.push(`${kind}${record}`)
    return record.startsWith(kind)
  }
  const a = once('a')
  const given = p.begin('a', a).followedByAny('b', once('b')).followedBy('again', a).within(50)
  const harness = new OperatorHarness(specOf(given), { freeze: false })
  'x1 a1 b1 a2 b2 x2 a3'.split(' ').forEach((record, i) => harness.send(record, i + 1))
  harness.watermark(10)
  expect(textsOf(harness)).toEqual(['a1 b1 a2', 'a1 b2 a3', 'a2 b2 a3'])
  expect(asked).toEqual([...new Set(asked)])
})

test('what matches have in common is kept once', () => {
  const any = p.begin('a', is('a')).followedByAny('b', is('b')).followedByAny('c', is('c'))
  const size = (count: number): number => {
    const harness = new OperatorHarness(specOf(any))
    harness.send(`a${'-'.repeat(1000)}`, 1)
    for (let i = 0; i < count; i++) harness.send(`b${i}`, 2 + i)
    harness.watermark(1000)
    return harness.snapshot().length
  }
  expect(size(100) - size(1)).toBeLessThan(2000)
})

test('partial matches of other steps are refused, waiting records are not', () => {
  const before = p.begin('a', is('a')).followedBy('b', is('b'))
  const after = p.begin('a', is('a')).followedBy('b', is('b')).followedBy('c', is('c'))
  const old = new OperatorHarness(specOf(before))
  old.send('a', 1)
  old.watermark(1)
  expect(() => new OperatorHarness(specOf(after), { restored: [old.snapshot()] })).toThrow(/E132|partial matches/)
  const same = new OperatorHarness(specOf(p.begin('a').next('b').within(5)), { restored: [old.snapshot()] })
  same.send('b', 2)
  same.watermark(2)
  expect(textsOf(same)).toEqual(['a b'])
  const waiting = new OperatorHarness(specOf(before))
  waiting.send('a', 1)
  const next = new OperatorHarness(specOf(after), { restored: [waiting.snapshot()] })
  for (const [record, time] of [['b', 2], ['c', 3]] as const) next.send(record, time)
  next.watermark(3)
  expect(textsOf(next)).toEqual(['a b c'])
})

test('a condition that throws names the operator, and a record without event time is refused', () => {
  const harness = new OperatorHarness(specOf(p.begin('a', () => { throw new Error('no') })))
  harness.send('a', 1)
  expect(() => harness.watermark(1)).toThrow(/a condition of operator "under-test" threw: .*no/)
  expect(() => new OperatorHarness(specOf(p.begin('a'))).send('a')).toThrow(/no timestamp/)
})

const refused = (given: (start: typeof p) => Pattern<string, any>): string => {
  try {
    buildGraph(job('j', (j) => {
      j.from('in', collection(['a']), { eventTime: () => 0 }).keyBy((x) => x)
        .match('m', given as never).to('out', collect() as never)
    }))
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'accepted'
}

test('patterns that cannot be matched are refused when the graph is built', () => {
  expect(refused(() => p.begin('a').next('b'))).toBe('accepted')
  expect(refused(() => p.begin('a').next('a'))).toBe('E131')
  expect(refused(() => p.begin('a').next(pattern<string>().begin('b').next('a')))).toBe('E131')
  expect(refused(() => p.begin('a').notFollowedBy('b'))).toBe('E130')
  expect(refused(() => p.begin('a').notFollowedBy('b').followedBy('c').optional())).toBe('E130')
  expect(refused(() => p.begin('a').next(pattern<string>().begin('c').notFollowedBy('b')))).toBe('E130')
  expect(refused(() => p.begin('a').notFollowedBy('b').within('1s'))).toBe('accepted')
  expect(refused(() => p.begin('a').notNext('b').within('1s', 'previous').next('c'))).toBe('E130')
  expect(refused(() => p.begin('a').times(0))).toBe('E130')
  expect(refused(() => p.begin('a').times(3, 2))).toBe('E130')
  expect(refused(() => p.begin('a').times(20_000))).toBe('E130')
  expect(refused(() => p.begin('a').greedy())).toBe('E130')
  expect(refused(() => p.begin('a b'))).toBe('E130')
  expect(refused(() => p.begin('__proto__'))).toBe('E130')
  expect(refused(() => p.begin(pattern<string>().begin('b').optional()).oneOrMore())).toBe('E130')
  expect(refused(() => p.begin('a').skipToLast('b' as 'a'))).toBe('E134')
  expect(refused(() => (p as never as { begin(): never }).begin())).toBe('E130')
  expect(refused(() => 'no pattern' as never)).toBe('E008')
  expect(refused(() => p.begin('a').until(is('x')))).toBe('E008')
  expect(refused(() => p.begin('a').consecutive())).toBe('E008')
  expect(refused(() => p.begin('a').times(2).oneOrMore())).toBe('E008')
  expect(refused(() => p.begin('a').next(pattern<string>().begin('b').within('1s')))).toBe('E008')
  expect(refused(() => p.begin('a').within('0s'))).toBe('E003')
})
