import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Storage } from '../../src/base/ports.ts'
import { MIN_TIMESTAMP } from '../../src/base/time.ts'
import { diffCheckpoints } from '../../src/checkpoint/inspection/diff.ts'
import { exportState } from '../../src/checkpoint/inspection/export-state.ts'
import { withCheckpoints } from '../../src/checkpoint/inspection/open.ts'
import type { OpenCheckpoint } from '../../src/checkpoint/inspection/operator-parts.ts'
import { getState } from '../../src/checkpoint/inspection/query-state.ts'
import { parseJson, readValue } from '../../src/checkpoint/inspection/read-value.ts'
import { toTaggedJson } from '../../src/checkpoint/inspection/tagged-json.ts'
import { editState, type Edit } from '../../src/checkpoint/rewrite/edit-state.ts'
import { importState } from '../../src/checkpoint/rewrite/import-state.ts'
import { readSavepoint, verifySavepoint } from '../../src/checkpoint/savepoint.ts'
import type { Key } from '../../src/graph/key.ts'
import { OK, type Fate } from '../../src/host/simulator/storage.ts'
import { failureOf, StateDirectory, type OperatorContent } from './state-world.ts'
import { DIR, outcomeOf, run } from './world.ts'

const TO = '/data/edited'
const LATEST = { directory: DIR, ref: 'latest' }
const TARGET = { path: TO, engine: '0.1.0' }

const other: OperatorContent = {
  name: 'other', parallelism: 2, states: [{ name: 's', entries: [['a', undefined, 'kept'], ['b', undefined, 'kept']] }],
  lists: [{ name: 'splits', redistribute: 'split', subtask: 0, items: ['p0', 'p1'] }],
}
const holding = (entries: readonly (readonly [Key, unknown, unknown])[], more: object = {}, parallelism = 2): OperatorContent =>
  ({ name: 'op', parallelism, states: [{ name: 's', entries, ...more }, { name: 't', entries: [['a', undefined, 1]] }] })
function directoryOf(...operators: readonly OperatorContent[]): StateDirectory {
  const directory = new StateDirectory()
  directory.write(7, [...operators, other])
  return directory
}

const ports = (directory: StateDirectory, storage: Storage = directory.storage) => ({
  storage, random: directory.world.random, clock: { wallMs: () => 5_000, monotonicMs: () => 0 },
})
const edit = (directory: StateDirectory, change: Partial<Edit>, target = TARGET) =>
  run(editState(ports(directory), LATEST, { operator: 'op', state: 's', key: 'a', to: { kind: 'delete' }, ...change }, target))
const set = (value: unknown): Edit['to'] => ({ kind: 'set', value })
const bring = (directory: StateDirectory, lines: readonly string[], target = TARGET) =>
  run(importState(ports(directory), LATEST, { operator: 'op', state: 's', lines }, target))

function look<T>(storage: Storage, directory: string, body: (opened: OpenCheckpoint) => T): T {
  return run(withCheckpoints(storage, [{ directory, ref: 'latest' }], function* (opened) {
    return body({ ...(opened as OpenCheckpoint), storage })
  }))
}

function exported(directory: StateDirectory, place = DIR, choice: object = { operator: 'op', state: 's' }): string[] {
  const lines: string[] = []
  look(directory.storage, place, (opened) => run(exportState(opened, { lists: false, ...choice }, (line) => void lines.push(line))))
  return lines
}
const value = (directory: StateDirectory, key: Key, place = TO): unknown =>
  look(directory.storage, place, (opened) => run(getState(opened, 'op', 's', key)).entries[0]?.value)

function changes(directory: StateDirectory): string[] {
  const diff = run(withCheckpoints(directory.storage, [LATEST, { directory: TO, ref: 'latest' }], (a, b) =>
    diffCheckpoints(a as OpenCheckpoint, b as OpenCheckpoint, { limit: 20 })))
  expect(diff.structure).toEqual([])
  expect(diff.lists).toEqual([])
  return diff.states.flatMap(({ operator, state, entries }) =>
    entries.map(({ change, key }) => `${operator}/${state} ${change} ${key}`))
}

const three = [['a', undefined, 1], ['b', undefined, 2], ['c', undefined, 3]] as const

describe('state edit', () => {
  test.each<[string, Partial<Edit>, string, unknown, unknown]>([
    ['set', { key: 'b', to: set({ n: 9n }) }, 'op/s changed b', 2, { n: { $bigint: '9' } }],
    ['delete', { key: 'b' }, 'op/s removed b', 2, undefined],
    ['set a new key', { key: 12n, to: set([1]) }, 'op/s added 12n', undefined, [1]],
  ])('ED-1 %s: the new savepoint differs in that entry and nothing else; the old one is untouched', (_what, change, diff, before, after) => {
    const directory = directoryOf(holding(three))
    const untouched = exported(directory, DIR, {})
    const result = edit(directory, change)
    expect(result).toMatchObject({ savepoint: { path: TO, checkpoint: 7 } })
    expect([result.before, result.after]).toEqual([before, after])
    expect(changes(directory)).toEqual([diff])
    expect(exported(directory, DIR, {})).toEqual(untouched)
    expect(run(verifySavepoint(directory.storage, TO))).toMatchObject({ ok: true, files: 1 })
  })

  test('RZ-2 a chain of increments becomes one base, changed in one entry', () => {
    const directory = directoryOf(holding(three))
    const changed = { extent: 'changes' as const }
    directory.write(8, [{ name: 'op', parallelism: 2, states: [{ name: 's', entries: [['b', undefined, 20]], removed: ['c'], ...changed }] }], 128, 7)
    edit(directory, { key: 'a', to: set(10) })
    expect(exported(directory, TO).slice(2).map((line) => (JSON.parse(line) as { value: unknown }).value)).toEqual([10, 20])
    const { manifest } = run(readSavepoint(directory.storage, TO))
    expect(manifest.files.map(({ checkpoint }) => checkpoint)).toEqual([undefined])
    expect(manifest.segments.filter(({ operator }) => operator === 'op').length).toBe(2)
    // What the chain said of the others is there, too.
    expect(changes(directory)).toEqual(['op/s changed a'])
  })

  test('RZ-3 it has an identity of its own, and says whose output it carries', () => {
    const directory = directoryOf(holding(three))
    edit(directory, { to: set(5) })
    const before = directory.open('latest').manifest
    const { manifest } = run(readSavepoint(directory.storage, TO))
    expect(manifest.jobId).not.toBe(before.jobId)
    expect(manifest.origin).toMatchObject({ jobId: before.jobId, checkpoint: 7, epoch: before.epoch, committed: true })
    // An edit of an edit still speaks of the first line.
    const again = { path: '/data/twice', engine: '0.1.0' }
    run(editState(ports(directory), { directory: TO, ref: 'latest' }, { operator: 'op', state: 's', key: 'b', to: set(6) }, again))
    expect(run(readSavepoint(directory.storage, '/data/twice')).manifest.origin).toEqual(manifest.origin)
  })

  test('with a TTL the value is written as of now, one by one in lists and maps', () => {
    const kinds = [
      ['value', [1, 'x'], 'y', { value: 'y', writtenAtMs: 5_000 }],
      ['list', [[1, 'x']], ['y', 'z'], { value: ['y', 'z'], writtenAtMs: 5_000 }],
      ['map', new Map([['k', [1, 'x']]]), new Map([['k', 'y']]), { value: { $map: [['k', 'y']] }, writtenAtMs: 5_000 }],
    ] as const
    for (const [kind, stored, to, seen] of kinds) {
      const directory = directoryOf(holding([['a', undefined, stored]], { kind, stamped: true }))
      edit(directory, { to: set(to) })
      expect(look(directory.storage, TO, (opened) => run(getState(opened, 'op', 's', 'a')).entries[0]), kind).toMatchObject(seen)
    }
  })

  test('with a TTL by event time the value has no time until the job goes on', () => {
    const directory = directoryOf(holding([['a', undefined, [7, 'x']]], { stamped: true, clock: 'event' }))
    const entry = (place: string): unknown =>
      look(directory.storage, place, (opened) => run(getState(opened, 'op', 's', 'a')).entries[0])
    edit(directory, { to: set('y') })
    expect([entry(DIR), entry(TO)]).toEqual([{ key: 'a', value: 'x', eventTimeMs: 7 }, { key: 'a', value: 'y' }])
    const lines = exported(directory, TO)
    expect([lines[1], lines[2]]).toEqual([
      '{"operator":"op","state":"s","kind":"value","version":1,"ttl":true,"clock":"event"}',
      `{"operator":"op","state":"s","key":"a","value":[${MIN_TIMESTAMP},"y"]}`,
    ])
  })

  test('ED-2 ED-3 a window is set where it is said which one; none is made and none removed', () => {
    const windows = [['a', [0, 10], [1]], ['a', [10, 20], [2]], ['b', [0, 10], [3]]] as const
    const directory = directoryOf(holding(windows, { kind: 'window' }))
    expect(failureOf(() => edit(directory, { to: set([9]) }))).toMatchObject({ code: 'E181', fix: ["--window '[0,10]'", "--window '[10,20]'"] })
    expect(failureOf(() => edit(directory, { namespace: [0, 10] }))).toMatchObject({ code: 'E181' })
    expect(failureOf(() => edit(directory, { namespace: [20, 30], to: set([9]) }))).toMatchObject({ code: 'E181' })
    expect(failureOf(() => edit(directory, { key: 'z', to: set([9]) }))).toMatchObject({ code: 'E181' })
    edit(directory, { namespace: [10, 20], to: set([9]) })
    expect(changes(directory)).toEqual(['op/s changed a'])
    expect(exported(directory, TO)).toContain('{"operator":"op","state":"s","key":"a","namespace":[10,20],"value":[9]}')
  })

  test('what does not fit is refused before anything is written', () => {
    const list = holding([['a', undefined, ['x']]], { kind: 'list' })
    const refused: [OperatorContent, Partial<Edit>, string][] = [
      [holding(three), { key: 'nobody' }, 'E146'], [holding(three), { state: 'x' }, 'E145'], [holding(three), { operator: 'x' }, 'E145'],
      [holding(three), { to: set(undefined) }, 'E182'], [list, { to: set([]) }, 'E182'], [list, { to: set(1) }, 'E182'],
      [holding([['a', undefined, 3]], { kind: 'timers' }), { to: set(4) }, 'E181'],
      [holding(three), { operator: 'other', state: 'splits', to: set(1) }, 'E181'],
    ]
    for (const [content, change, code] of refused) {
      const directory = directoryOf(content)
      expect(failureOf(() => edit(directory, change)), JSON.stringify(change.state)).toMatchObject({ code })
      expect(run(directory.storage.list(TO))).toBeUndefined()
    }
  })

  test('cut short at any storage operation it is no savepoint, or a whole one; a failing disk leaves nothing', () => {
    const whole = directoryOf(holding(three))
    const first = whole.world.disk.operations
    edit(whole, { to: set(5) })
    const steps = whole.world.disk.operations - first
    const outcomes = new Set<string>()
    for (let step = 1; step <= steps; step++) {
      for (const fate of [{ kind: 'crash-after' }, { kind: 'fail', errno: 'EIO' }] as const satisfies readonly Fate[]) {
        const directory = directoryOf(holding(three))
        const { disk, random } = directory.world
        const at = disk.operations + step
        disk.onOperation = ({ index }): Fate => (index === at ? fate : OK)
        const wanted: Edit = { operator: 'op', state: 's', key: 'a', to: set(5) }
        outcomeOf(editState(ports(directory, disk.mount()), LATEST, wanted, TARGET))
        disk.onOperation = () => OK
        if (fate.kind === 'crash-after') disk.powerCut(random, 'some')
        const storage = disk.mount()
        const read = outcomeOf(readSavepoint(storage, TO))
        if (read?.ok === true) {
          expect(run(verifySavepoint(storage, TO)).problems).toEqual([])
          outcomes.add('whole')
        } else {
          expect(read?.error).toMatchObject({ code: 'E154' })
          outcomes.add(fate.kind === 'fail' && run(storage.list(TO)) === undefined ? 'nothing' : 'refused')
        }
      }
    }
    expect(outcomes).toEqual(new Set(['whole', 'nothing', 'refused']))
  })
})

const keys = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 4 }), fc.integer(), fc.bigInt({ min: -999n, max: 999n }))
const values = fc.oneof(
  fc.integer(), fc.double(), fc.string(), fc.bigInt(), fc.date({ noInvalidDate: false }), fc.constantFrom(null, true, NaN, -0),
  fc.uint8Array({ maxLength: 4 }), fc.float64Array({ maxLength: 2 }), fc.dictionary(fc.constantFrom('a', '$set', '__proto__', '7'), fc.integer()),
  fc.array(fc.tuple(fc.string(), fc.bigInt())).map((pairs) => new Map(pairs)), fc.array(fc.integer()).map((items) => new Set(items)),
)
const entriesOf = <V>(value: fc.Arbitrary<V>) => fc.uniqueArray(fc.tuple(keys, value), {
  minLength: 1, maxLength: 12, selector: ([key]) => `${typeof key} ${String(key)}`,
})

describe('state import', () => {
  test('IM-1 export, then import into another state at another parallelism: the same state, the same export', () => {
    fc.assert(fc.property(entriesOf(values), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), (entries, from, to) => {
      const placed = entries.map(([key, item]) => [key, undefined, item] as const)
      const lines = exported(directoryOf(holding(placed, {}, from)))
      const directory = directoryOf(holding([['gone', undefined, 'old']], {}, to))
      expect(bring(directory, lines)).toMatchObject({ before: 1, entries: entries.length })
      expect(exported(directory, TO)).toEqual(lines)
      expect(changes(directory).every((change) => change.startsWith('op/s '))).toBe(true)
    }), { numRuns: 40 })
  })

  test.each<[string, readonly (readonly [Key, unknown, unknown])[], object]>([
    ['list with a TTL', [['a', undefined, [[1, 'x'], [2, 'y']]]], { kind: 'list', stamped: true }],
    ['map with a TTL', [['a', undefined, new Map([['k', [5, new Map()]]])]], { kind: 'map', stamped: true }],
    ['windows', [['a', [0, 10], [1]], ['b', [0, 10], [2]]], { kind: 'window' }],
  ])('IM-1 the same of %s, into itself: nothing differs', (_what, entries, more) => {
    const directory = directoryOf(holding(entries, more))
    bring(directory, exported(directory))
    expect(changes(directory)).toEqual([])
  })

  test('an export of everything can be given; only the state that is named is taken from it', () => {
    const directory = directoryOf(holding(three))
    const lines = exported(directory, DIR, {}).map((line) => line.replace('"key":"b","value":2', '"key":"b","value":22').replace('kept', 'not taken'))
    bring(directory, lines)
    expect(changes(directory)).toEqual(['op/s changed b'])
    expect(value(directory, 'b')).toBe(22)
  })

  test.each<[string, (lines: string[]) => string[], string]>([
    ['no export', (lines) => lines.slice(1), 'Line 1'],
    ['half a line', (lines) => [...lines.slice(0, -1), '{"operator":"op","sta'], 'Line 5'],
    ['a key twice', (lines) => [...lines, lines.at(-1) as string], 'Line 6: the key and window came before'],
    ['another kind', (lines) => lines.map((line) => line.replace('"kind":"value"', '"kind":"list"')), 'Line 2: the kind is "list"'],
    ['a TTL', (lines) => lines.map((line) => line.replace('"version":1', '"version":1,"ttl":true')), 'Line 2: the TTL is true'],
    ['no such state', (lines) => lines.slice(0, 1), 'says nothing of state "s"'],
    ['an unknown tag', (lines) => lines.map((line) => line.replace('"value":2', '"value":[0,{"$what":1}]')), 'line 4, at [1]: $what is no tag'],
    ['a number beyond numbers', (lines) => lines.map((line) => line.replace('"value":2', '"value":9007199254740993')), 'nearest is 9007199254740992'],
    ['a key of no kind', (lines) => lines.map((line) => line.replace('"key":"b"', '"key":[1]')), 'Line 4: its key is neither'],
    ['no value', (lines) => lines.map((line) => line.replace(',"value":2', '')), 'Line 4: the entry has no value'],
  ])('IM-3 %s is refused with its place, and nothing is written', (_what, spoil, said) => {
    const directory = directoryOf(holding(three))
    const error = failureOf(() => bring(directory, spoil(exported(directory))))
    expect(error.message).toContain(said)
    expect(run(directory.storage.list(TO))).toBeUndefined()
  })

  test('IM-3 times of another clock are refused', () => {
    const stamped = (more: object) => directoryOf(holding([['a', undefined, [7, 'x']]], { stamped: true, ...more }))
    const [event, wall] = [stamped({ clock: 'event' }), stamped({})]
    expect(failureOf(() => bring(event, exported(wall))).message).toContain('the clock of the TTL is "processing", in the checkpoint it is "event"')
    expect(failureOf(() => bring(wall, exported(event))).message).toContain('the clock of the TTL is "event"')
    bring(event, exported(event))
    expect(changes(event)).toEqual([])
  })

  test('IM-4 other windows than the checkpoint has are refused', () => {
    const directory = directoryOf(holding([['a', [0, 10], [1]], ['b', [0, 10], [2]]], { kind: 'window' }))
    const lines = exported(directory)
    expect(failureOf(() => bring(directory, lines.slice(0, -1)))).toMatchObject({ code: 'E181' })
    const moved = lines.map((line) => line.replace('"key":"b","namespace":[0,10]', '"key":"b","namespace":[10,20]'))
    expect(failureOf(() => bring(directory, moved))).toMatchObject({ code: 'E181' })
  })
})

describe('values from outside', () => {
  test('RE-1 what was written as tagged JSON comes back equal', () => {
    fc.assert(fc.property(values, (given) => {
      const text = JSON.stringify(toTaggedJson(given))
      expect(JSON.stringify(toTaggedJson(readValue(parseJson(text, 'x'), 'x')))).toBe(text)
    }), { numRuns: 300 })
  })

  test.each([
    ['{"a":[1,{"$bigint":"1.5"}]}', '.a[1]'], ['{"$set":[1,1]}', '.$set'], ['{"$date":"2001-01-01"}', '.$date'],
    ['{"a":1,"$b":2}', 'its top'], ['{"$map":[],"x":1}', 'its top'], ['[{"$bytes":"AA==","as":"Nothing"}]', '[0]'], ['[-0]', '[0]'], ['{"a":1e999}', '.a'],
  ])('%s would come back as something else and is refused at %s', (text, path) => {
    expect(failureOf(() => readValue(parseJson(text, 'x'), 'x'))).toMatchObject({ code: 'E182', details: { path } })
  })

  test.each(['9007199254740993', '{"a":[12345678901234567890]}', '{', '1 2', ''])('%s is refused', (text) => {
    expect(failureOf(() => parseJson(text, 'x'))).toMatchObject({ code: 'E182' })
  })

  test.each(['"9007199254740993"', '9007199254740992', '1e300', '{"a\\"1":0.1}'])('%s is taken', (text) => {
    expect(readValue(parseJson(text, 'x'), 'x')).toEqual(JSON.parse(text))
  })
})
