import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffCheckpoints, type CheckpointDiff } from '../../src/checkpoint/inspection/diff.ts'
import { exportState } from '../../src/checkpoint/inspection/export-state.ts'
import { formatKey, parseKey } from '../../src/checkpoint/inspection/key-text.ts'
import { withCheckpoints } from '../../src/checkpoint/inspection/open.ts'
import { listStates } from '../../src/checkpoint/inspection/list-states.ts'
import type { OpenCheckpoint } from '../../src/checkpoint/inspection/operator-parts.ts'
import { countState, getState, queryState } from '../../src/checkpoint/inspection/query-state.ts'
import { fromTaggedJson, toTaggedJson } from '../../src/checkpoint/inspection/tagged-json.ts'
import type { Storage } from '../../src/base/ports.ts'
import { showCheckpoint } from '../../src/checkpoint/inspect.ts'
import { checkpointFile } from '../../src/checkpoint/layout.ts'
import type { Key } from '../../src/graph/key.ts'
import { keyGroupRange } from '../../src/graph/key-groups.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { failureOf, StateDirectory, type OperatorContent } from './state-world.ts'
import { DIR, run } from './world.ts'

const MAX = 128
const keys = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom('7', '7n', '"', '', ' a', '-1', 'NaN', '1e3', '\n'),
  fc.integer(), fc.double({ noNaN: true }).map((n) => n + 0), fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
)
const plain = (entries: readonly (readonly [Key, unknown])[], more: Partial<OperatorContent> = {}): OperatorContent =>
  ({ name: 'op', states: [{ name: 's', entries: entries.map(([key, value]) => [key, undefined, value] as const) }], ...more })
const distinct = <V>(value: fc.Arbitrary<V>, maxLength = 60) =>
  fc.uniqueArray(fc.tuple(keys, value), { selector: ([key]) => formatKey(key), maxLength })

describe('keys as text', () => {
  test('KT-1 KT-2 every key comes back from its text, which no other key has', () => {
    fc.assert(fc.property(keys, keys, (key, other) => {
      expect(parseKey(formatKey(key))).toBe(key)
      expect(formatKey(key) === formatKey(other)).toBe(key === other)
    }))
  })

  test.each([
    ['JFK', 'JFK'], ['7', 7], ['-1.5', -1.5], ['7n', 7n], ['"7"', '7'], ['""', ''], ['1e999', Infinity], ['-0', 0],
    ['007', '007'], ['NaN', 'NaN'],
  ])('%s is %s', (text, key) => expect(parseKey(text)).toBe(key))

  test.each(['"open', '"a" b', '\ud800'])('%j is refused', (text) => {
    expect(failureOf(() => parseKey(text)).code).toBe('E147')
  })
})

describe('values as JSON', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }), fc.constant('\ud800'), fc.double(), fc.constantFrom(-0, NaN, undefined, null, true),
    fc.bigInt(), fc.date({ noInvalidDate: false }), fc.float64Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 5 }),
    fc.bigInt64Array({ maxLength: 2 }), fc.uint8Array({ maxLength: 4 }).map((bytes) => bytes.slice().buffer),
  )
  const values = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 }, leaf, fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', '$bigint', '0', 'as')), tie('value'), { maxKeys: 4 }),
      fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
      fc.array(tie('value'), { maxLength: 3 }).map((items) => new Set(items)),
    ),
  })).value

  test('TG-1 every value comes back from its JSON', () => {
    fc.assert(fc.property(values, (value) => {
      expect(fromTaggedJson(JSON.parse(JSON.stringify(toTaggedJson(value))))).toStrictEqual(value)
    }), { numRuns: 500 })
  })

  test('TG-2 what looks like a tag is no tag', () => {
    expect(toTaggedJson({ $bigint: '1' })).not.toEqual(toTaggedJson(1n))
    expect(() => fromTaggedJson({ $other: 1 })).toThrow('$other is no tag')
  })
})

describe('state of a key', () => {
  test('QS-1 is what the backend had, for every key, at any parallelism, also after a rescale', () => {
    const cases = fc.tuple(distinct(fc.integer({ min: 1 })), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
    fc.assert(fc.property(cases, ([entries, before, after]) => {
      const backends = (parallelism: number) => Array.from({ length: parallelism }, () => {
        const backend = new KeyedBackend({ maxParallelism: MAX, now: () => 0, freeze: false })
        const total = backend.declare('total', { kind: 'value', version: 1 })
        const seen = backend.declare('seen', { kind: 'map', version: 1 })
        return { backend, total, seen }
      })
      const ownerOf = (key: Key, parallelism: number): number => Math.floor((keyGroupOf(key, MAX) * parallelism) / MAX)
      const old = backends(before)
      for (const [key, value] of entries) {
        const owner = old[ownerOf(key, before)]
        owner?.backend.setCurrentKey(key)
        owner?.total.set(value)
        owner?.seen.set(key, value)
      }
      const directory = new StateDirectory()
      const snapshots = old.map(({ backend }) => backend.snapshot())
      directory.write(1, [{ name: 'op', parallelism: before, snapshots }])
      const segments = snapshots.map((keyed, subtask) =>
        ({ format: 1, operator: 'op', subtask, keyGroups: keyGroupRange(subtask, before, MAX), snapshot: { keyed, lists: [] } }))
      const fresh = backends(after)
      fresh.forEach(({ backend }, subtask) => {
        const keyGroups = keyGroupRange(subtask, after, MAX)
        backend.restore(restoreOperator(segments, { subtask, parallelism: after, keyGroups }))
      })
      directory.write(2, [{ name: 'op', parallelism: after, snapshots: fresh.map(({ backend }) => backend.snapshot()) }])
      for (const ref of ['1', '2']) {
        const opened = directory.open(ref)
        for (const [key, value] of entries) {
          expect(run(getState(opened, 'op', 'total', key)).entries).toEqual([{ key: formatKey(key), value }])
          const map = run(getState(opened, 'op', 'seen', key)).entries[0]?.value
          expect(fromTaggedJson(map)).toEqual(new Map([[key, value]]))
        }
        expect(run(countState(opened, 'op', 'total', {}))).toEqual({ entries: entries.length })
      }
    }), { numRuns: 25 })
  })

  test('QS-1 only the part that owns the key is read', () => {
    const directory = new StateDirectory()
    directory.write(1, [plain([['a', 1], ['b', 2], ['c', 3]], { parallelism: 128 })])
    const opened = directory.open('latest')
    const own = opened.manifest.segments.find(({ subtask }) => subtask === keyGroupOf('b', MAX))
    const only = { ...opened, manifest: { ...opened.manifest, segments: opened.manifest.segments.map((segment) =>
      segment === own ? segment : { ...segment, crc32: segment.crc32 ^ 1 }) } }
    expect(run(getState(only, 'op', 's', 'b')).entries).toEqual([{ key: 'b', value: 2 }])
    expect(failureOf(() => run(queryState(only, 'op', 's', {}, 9))).code).toBe('E057')
  })

  test('a key with windows has one entry a window, and a state with a TTL says when it was written', () => {
    const directory = new StateDirectory()
    directory.write(1, [{ name: 'op', states: [
      { name: 'w', kind: 'window', entries: [['a', [0, 10], { n: 1 }], ['a', [10, 20], { n: 2 }]] },
      { name: 't', stamped: true, entries: [['a', undefined, [5000, 'x']]] },
      { name: 'e', stamped: true, clock: 'event', entries: [['a', undefined, [-5, 'x']]] },
      { name: 'm', kind: 'map', stamped: true, entries: [['a', undefined, new Map([[1, [5, 'x']], [2, [9, 'y']]])]] },
    ] }])
    const opened = directory.open('1')
    expect(run(getState(opened, 'op', 'w', 'a')).entries).toEqual([
      { key: 'a', window: { start: 0, end: 10 }, value: { n: 1 } },
      { key: 'a', window: { start: 10, end: 20 }, value: { n: 2 } },
    ])
    expect(run(getState(opened, 'op', 't', 'a')).entries).toEqual([{ key: 'a', value: 'x', writtenAtMs: 5000 }])
    expect(run(getState(opened, 'op', 'm', 'a')).entries)
      .toEqual([{ key: 'a', value: { $map: [[1, 'x'], [2, 'y']] }, writtenAtMs: 9 }])
    expect(run(getState(opened, 'op', 'e', 'a')).entries).toEqual([{ key: 'a', value: 'x', eventTimeMs: -5 }])
  })

  test('IE-1 what is not there is named with the nearest that is', () => {
    const directory = new StateDirectory()
    directory.write(1, [plain([['hamlet', 1], [7, 2], ['8', 3]])])
    const opened = directory.open('1')
    const failure = (operator: string, state: string, key: Key) => failureOf(() => run(getState(opened, operator, state, key)))
    expect(failure('po', 's', 'x')).toMatchObject({ code: 'E145', message: expect.stringContaining('Did you mean "op"?') })
    expect(failure('op', 'ss', 'x')).toMatchObject({ code: 'E145', message: expect.stringContaining('Did you mean "s"?') })
    expect(failure('op', 's', 'hamlte')).toMatchObject({ code: 'E146', message: expect.stringContaining('Did you mean hamlet?') })
    expect(failure('op', 's', '7')).toMatchObject({ code: 'E146', message: expect.stringContaining('Did you mean 7?') })
    expect(failure('op', 's', 8n)).toMatchObject({ code: 'E146', message: expect.stringContaining('Did you mean "8"?') })
  })
})

describe('filters', () => {
  const filters = fc.record({
    key: keys, prefix: fc.string({ maxLength: 1 }), from: keys, to: keys,
    groups: fc.tuple(fc.nat(127), fc.nat(127)).map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) })),
  }, { requiredKeys: [] })

  test('QS-2 every entry that fits is given, once, and counted alike', () => {
    const directory = new StateDirectory()
    let id = 0
    fc.assert(fc.property(distinct(fc.nat()), filters, fc.integer({ min: 1, max: 4 }), fc.nat(70),
      (entries, filter, parallelism, limit) => {
        const { key, prefix, from, to, groups } = filter
        fc.pre(from === undefined || to === undefined || typeof from === typeof to)
        const opened = directory.open(String(directory.write(++id, [plain(entries, { parallelism })])))
        const fitting = entries.filter(([k]) => (key === undefined || k === key) &&
          (prefix === undefined || (typeof k === 'string' && k.startsWith(prefix))) &&
          (from === undefined || (typeof k === typeof from && k >= from)) &&
          (to === undefined || (typeof k === typeof to && k < to)) &&
          (groups === undefined || (keyGroupOf(k, MAX) >= groups.start && keyGroupOf(k, MAX) <= groups.end)))
        const all = run(queryState(opened, 'op', 's', filter, Number.POSITIVE_INFINITY))
        const text = ({ key: k, value }: { key: string; value: unknown }): string => `${k} ${String(value)}`
        expect(all.entries.map(text).toSorted())
          .toEqual(fitting.map(([k, value]) => text({ key: formatKey(k), value })).toSorted())
        expect(run(countState(opened, 'op', 's', filter)).entries).toBe(fitting.length)
        const some = run(queryState(opened, 'op', 's', filter, limit))
        expect(some).toMatchObject({ entries: all.entries.slice(0, limit), more: fitting.length > limit })
      }), { numRuns: 60 })
  })

  test('--from is the first that fits, --to the first that does not, other kinds of keys never', () => {
    const directory = new StateDirectory()
    directory.write(1, [plain([[1, 0], [2, 0], [3, 0], ['2', 0], [2n, 0]])])
    const found = run(queryState(directory.open('1'), 'op', 's', { from: 2, to: 3 }, 9)).entries
    expect(found.map(({ key }) => key)).toEqual(['2'])
  })

  test('list state is shown by subtask, and has no keys to ask for', () => {
    const directory = new StateDirectory()
    directory.write(1, [{ name: 'src', kind: 'source', parallelism: 2, lists: [
      { name: 'splits', redistribute: 'split', items: [{ at: 5 }], subtask: 1 },
      { name: 'enumerator', redistribute: 'union', items: ['left'], subtask: -1 },
    ] }])
    const opened = directory.open('1')
    expect(run(queryState(opened, 'src', 'splits', {}, 9)).items).toEqual([{ subtask: 1, item: { at: 5 } }])
    expect(run(queryState(opened, 'src', 'enumerator', {}, 9)).items).toEqual([{ subtask: -1, item: 'left' }])
    expect(failureOf(() => run(getState(opened, 'src', 'splits', 'a'))).code).toBe('E149')
  })

  test('the list of states is that of the manifest, with what was declared', () => {
    const directory = new StateDirectory()
    directory.write(1, [plain([['a', 1]], { parallelism: 2, states: [
      { name: 's', stamped: true, jsonSchema: { type: 'number' }, entries: [['a', undefined, [1, 2]]] },
    ] })])
    expect(run(listStates(directory.open('1'))).operators).toEqual([{
      operator: 'op', subtasks: 2,
      keyGroups: [{ subtask: 0, start: 0, end: 63 }, { subtask: 1, start: 64, end: 127 }],
      states: [{ name: 's', kind: 'value', keyed: true, entries: 1, bytes: expect.any(Number), version: 1, ttl: true, jsonSchema: { type: 'number' } }],
    }])
  })
})

const exported = (opened: OpenCheckpoint, lists = false): string[] => {
  const lines: string[] = []
  run(exportState(opened, { lists }, (line) => lines.push(line)))
  return lines
}

describe('export', () => {
  test('XP-1 XP-2 equal keyed state gives equal lines, whatever the parallelism and the order of writing', () => {
    fc.assert(fc.property(distinct(fc.double()), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), (entries, p, q) => {
      const [a, b] = [new StateDirectory(), new StateDirectory()]
      a.write(3, [plain(entries, { parallelism: p })])
      b.write(9, [plain(entries.toReversed(), { parallelism: q })])
      const lines = exported(a.open('3'))
      expect(exported(b.open('9'))).toEqual(lines)
      const back = lines.slice(2).map((line) => JSON.parse(line) as { key: unknown; value: unknown })
      expect(new Map(back.map(({ key, value }) => [fromTaggedJson(key), fromTaggedJson(value)]))).toEqual(new Map(entries))
    }), { numRuns: 40 })
  })

  test('XP-2 states and keys are in order, windows of a key stand together, list state comes if asked for', () => {
    const directory = new StateDirectory()
    directory.write(1, [
      { name: 'b', states: [{ name: 'empty', kind: 'list', entries: [] }, { name: 'z', kind: 'window', entries: [['y', [0, 1], 1], ['x', [500, 600], 2], ['x', [0, 1], 3]] }] },
      { name: 'a', lists: [{ name: 'l', redistribute: 'split', items: [2, 1], subtask: 0 }] },
    ])
    const opened = directory.open('1')
    expect(exported(opened)).toEqual([
      '{"schema":"tidemark.state.export/1","job":"beads","maxParallelism":128}',
      '{"operator":"b","state":"empty","kind":"list"}',
      '{"operator":"b","state":"z","kind":"window","version":1}',
      '{"operator":"b","state":"z","key":"x","namespace":[0,1],"value":3}',
      '{"operator":"b","state":"z","key":"x","namespace":[500,600],"value":2}',
      '{"operator":"b","state":"z","key":"y","namespace":[0,1],"value":1}',
    ])
    expect(exported(opened, true).slice(1, 4)).toEqual([
      '{"operator":"a","state":"l","list":"operator-list"}',
      '{"operator":"a","state":"l","item":1}',
      '{"operator":"a","state":"l","item":2}',
    ])
  })
})

describe('diff', () => {
  const diff = (a: OpenCheckpoint, b: OpenCheckpoint, limit = Number.POSITIVE_INFINITY): CheckpointDiff =>
    run(diffCheckpoints(a, b, { limit }))
  /** Some entries kept, some changed, some only here or there. */
  const pairs = distinct(fc.tuple(fc.option(fc.nat(2), { nil: undefined }), fc.option(fc.nat(2), { nil: undefined })))
  const parallelisms = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
  const MAXES = fc.constantFrom([128, 128], [128, 64]) as fc.Arbitrary<[number, number]>

  test('DF-1 DF-3 tells exactly what was added, removed and changed; backwards the same with the sides exchanged', () => {
    fc.assert(fc.property(pairs, parallelisms, MAXES, (entries, [p, q], [maxA, maxB]) => {
      const side = (of: 0 | 1): (readonly [Key, unknown])[] =>
        entries.flatMap(([key, values]) => (values[of] === undefined ? [] : [[key, values[of]] as const]))
      const directory = new StateDirectory()
      directory.write(1, [plain(side(0), { parallelism: p })], maxA)
      directory.write(2, [plain(side(1).toReversed(), { parallelism: q })], maxB)
      const [a, b] = [directory.open('1'), directory.open('2')]
      const there = diff(a, b)
      const found = (there.states[0]?.entries ?? []).map(({ key, before, after }) => [key, before?.value, after?.value])
      const expected = entries.filter(([, [old, fresh]]) => old !== fresh)
        .map(([key, [old, fresh]]) => [formatKey(key), old, fresh])
      const sorted = (rows: readonly unknown[][]): string[] => rows.map((row) => row.map(String).join('|')).toSorted()
      expect(sorted(found)).toEqual(sorted(expected))
      expect(there.equal).toBe(expected.length === 0 && p === q && maxA === maxB)
      const back = diff(b, a)
      expect(back.states.map(({ added, removed, changed }) => [removed, added, changed]))
        .toEqual(there.states.map(({ added, removed, changed }) => [added, removed, changed]))
      expect(sorted((back.states[0]?.entries ?? []).map(({ key, before, after }) => [key, after?.value, before?.value])))
        .toEqual(sorted(found))
      const few = diff(a, b, 2).states[0]
      expect(few?.entries ?? []).toEqual((there.states[0]?.entries ?? []).slice(0, 2))
      for (const self of [a, b]) expect(diff(self, self)).toMatchObject({ equal: true, structure: [], lists: [], states: [] })
    }), { numRuns: 60 })
  })

  test('DF-2 key groups with equal digests are not decoded', () => {
    const directory = new StateDirectory()
    const many = Array.from({ length: 500 }, (_, i) => [`k${i}`, i] as const)
    directory.write(1, [plain(many)])
    directory.write(2, [plain([...many.slice(1), ['k0', 9]])])
    expect(diff(directory.open('1'), directory.open('2')).states).toMatchObject([
      { changed: 1, added: 0, removed: 0, keyGroups: { differing: 1 }, entries: [{ key: 'k0', before: { value: 0 }, after: { value: 9 } }] },
    ])
  })

  test('timers of one key are a bag: only those that are not on both sides differ', () => {
    const directory = new StateDirectory()
    const timers = (times: readonly number[]): OperatorContent =>
      ({ name: 'op', states: [{ name: 't', kind: 'timers', entries: times.map((time) => ['a', undefined, time] as const) }] })
    directory.write(1, [timers([10, 20, 30])])
    directory.write(2, [timers([30, 20, 40, 50])])
    expect(diff(directory.open('1'), directory.open('2')).states[0]).toMatchObject({
      added: 1, removed: 0, changed: 1,
      entries: [{ change: 'changed', before: { value: 10 }, after: { value: 40 } }, { change: 'added', after: { value: 50 } }],
    })
  })

  test('structure and positions: operators, states, kinds, parallelism, what sources have read', () => {
    const directory = new StateDirectory()
    const splits = (at: number) => [{ name: 'splits', redistribute: 'split' as const, items: [{ split: { id: 'x' }, at }, 'same', at], subtask: 0 }]
    directory.write(1, [
      { name: 'src', kind: 'source', lists: splits(1) }, { name: 'gone', states: [{ name: 's', entries: [['a', undefined, 1]] }] },
      { name: 'op', states: [{ name: 's', entries: [] }, { name: 'old', entries: [] }] },
    ])
    directory.write(2, [
      { name: 'src', kind: 'source', lists: splits(2) }, { name: 'new' },
      { name: 'op', parallelism: 2, states: [{ name: 's', kind: 'list', entries: [] }] },
    ])
    const { structure, lists, states } = diff(directory.open('1'), directory.open('2'))
    expect(structure).toEqual([
      { what: 'operator', operator: 'gone', change: 'removed' },
      { what: 'parallelism', operator: 'op', change: 'changed', before: 1, after: 2 },
      { what: 'kind of state', operator: 'op', state: 's', change: 'changed', before: 'value', after: 'list' },
      { what: 'state', operator: 'op', state: 'old', change: 'removed', before: 'value' },
      { what: 'operator', operator: 'new', change: 'added' },
    ])
    expect(lists).toEqual([{
      operator: 'src', state: 'splits', position: true, added: 1, removed: 1, changed: 1,
      items: [
        { change: 'changed', split: 'x', before: { split: { id: 'x' }, at: 1 }, after: { split: { id: 'x' }, at: 2 } },
        { change: 'removed', before: 1 }, { change: 'added', after: 2 },
      ],
    }])
    expect(states).toMatchObject([{ operator: 'gone', state: 's', removed: 1 }])
  })
})

describe('what cannot be read', () => {
  const damagedPlace = (directory: StateDirectory): string =>
    checkpointFile(DIR, 1, directory.open('1').manifest.files[0]?.name ?? '')

  test('IX-2 whatever byte of a part is damaged, its place is reported and nothing of it is shown', () => {
    const directory = new StateDirectory()
    directory.write(1, [plain([['a', 1], ['b', 2]])])
    const opened = directory.open('1')
    const path = damagedPlace(directory)
    const length = opened.manifest.files[0]?.length ?? 0
    for (let byte = 0; byte < length; byte++) {
      directory.world.disk.corrupt(path, byte * 8)
      expect(failureOf(() => run(getState(opened, 'op', 's', 'a'))))
        .toMatchObject({ code: 'E057', place: { file: path, operator: 'op', checkpoint: 1 } })
      expect(failureOf(() => exported(opened)).code).toBe('E057')
      directory.world.disk.corrupt(path, byte * 8)
    }
    expect(run(getState(opened, 'op', 's', 'a')).entries).toEqual([{ key: 'a', value: 1 }])
  })

  test('IX-3 a file that is gone beside its manifest is damage', () => {
    const directory = new StateDirectory()
    directory.write(1, [plain([['a', 1]])])
    run(directory.storage.unlink(damagedPlace(directory)))
    const get = () => failureOf(() => run(getState(directory.open('1'), 'op', 's', 'a')))
    expect(get()).toMatchObject({ code: 'E057', place: { operator: 'op', checkpoint: 1 } })
  })

  test('HF-1 what is collected after it was opened is read all the same, and closed at the end', () => {
    const directory = new StateDirectory()
    directory.write(1, [plain([['a', 1]], { parallelism: 3 })])
    const path = damagedPlace(directory)
    const { storage } = directory
    const value = run(withCheckpoints(storage, [{ directory: DIR, ref: 'latest' }], function* (opened) {
      yield* storage.unlink(`${DIR}/checkpoints/1.manifest`)
      yield* storage.unlink(path)
      return (yield* getState(opened as OpenCheckpoint, 'op', 's', 'a')).entries
    }))
    expect(value).toEqual([{ key: 'a', value: 1 }])
  })

  test('HF-1 what was collected between its manifest and its files is E143, and latest is looked up again', () => {
    const collecting = (ref: string) => {
      const directory = new StateDirectory()
      directory.write(1, [plain([['a', 1]])])
      const path = damagedPlace(directory)
      const { storage } = directory
      let collected = false
      const racing: Storage = new Proxy(storage, {
        get(target, name) {
          if (name === 'openRead' && !collected) {
            collected = true
            directory.write(2, [plain([['a', 2]])])
            run(storage.unlink(`${DIR}/checkpoints/1.manifest`))
            run(storage.unlink(path))
          }
          const value: unknown = Reflect.get(target, name)
          return typeof value === 'function' ? (...args: unknown[]): unknown => Reflect.apply(value, target, args) : value
        },
      })
      return run(withCheckpoints(racing, [{ directory: DIR, ref }], (opened) =>
        getState(opened as OpenCheckpoint, 'op', 's', 'a'))).entries
    }
    expect(collecting('latest')).toEqual([{ key: 'a', value: 2 }])
    expect(failureOf(() => collecting('1'))).toMatchObject({ code: 'E143', retryable: true })
  })
})

describe('counts of increments', () => {
  test('an entry that several increments hold counts once, one that went not at all, and what files hold is said beside', () => {
    const directory = new StateDirectory()
    const lists = [{ name: 'l', redistribute: 'split' as const, subtask: 0, items: [1, 2] }]
    const changed = (id: number, entries: readonly (readonly [Key, unknown])[], removed: readonly Key[] = []): void => {
      const state = { name: 's', entries: entries.map(([key, value]) => [key, undefined, value] as const), removed, extent: 'changes' as const }
      directory.write(id, [{ name: 'op', states: [state], lists }], MAX, id - 1)
    }
    directory.write(1, [plain([['a', 1], ['b', 1], ['c', 1]], { lists })])
    changed(2, [['a', 2], ['d', 2]], ['b'])
    changed(3, [['a', 3]])
    const states = run(listStates(directory.open('3'))).operators[0]?.states
    expect(states).toMatchObject([{ name: 's', entries: 3, records: 6 }, { name: 'l', entries: 2 }])
    expect(states?.[1]).not.toHaveProperty('records')
    expect(run(showCheckpoint(directory.storage, DIR, '3', 0)).operators[0]?.states).toMatchObject([{ entries: 3, records: 6 }, { entries: 2 }])
    expect(run(listStates(directory.open('1'))).operators[0]?.states[0]).not.toHaveProperty('records')
    expect(run(countState(directory.open('3'), 'op', 's', {}))).toEqual({ entries: 3, keys: 3 })
    expect(run(countState(directory.open('3'), 'op', 'l', {}))).toEqual({ entries: 2 })
    // What cannot be read is not counted: so many at most.
    run(directory.storage.unlink(checkpointFile(DIR, 1, 'e1-p1.state')))
    expect(run(showCheckpoint(directory.storage, DIR, '3', 0)).operators[0]?.states[0]).toMatchObject({ entries: 6, atMost: true })
  })
})
