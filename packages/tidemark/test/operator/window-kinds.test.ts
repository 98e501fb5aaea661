/** Windows whose size is not fixed: sessions with a gap per record, so many records, days of a zone. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import { createGeneralWindow } from '../../src/operator/window-general.ts'
import { compareOutputs, runScript, verifyInAllModes, type ScriptStep } from '../../src/testing/operator-script.ts'
import { calendar, countWindow, tumbling as zoned } from '../../src/api/windows.ts'
import { aggregateWindow, type Row } from './specs.ts'
import { comparable } from './window-model.ts'

const key = fc.constantFrom('a', 'b', 'c')
const row: fc.Arbitrary<Row> = fc.tuple(key, fc.integer({ min: -9, max: 9 }))
const sent = fc.array(fc.record({ row, time: fc.integer({ min: -20, max: 60 }) }), { minLength: 1, maxLength: 40 })
const send = (value: Row, timestamp?: number): ScriptStep =>
  timestamp === undefined ? { kind: 'send', value } : { kind: 'send', value, timestamp }

/** The elements of a window, sorted, instead of an aggregate. */
const elements: WindowSpec['compute'] = {
  kind: 'elements', state: {},
  fn: (k, window, rows) => [[k, window.start, window.end, rows.map((each: Row) => each[1]).sort((a, b) => a - b)]],
}
const values = (outputs: readonly (readonly { readonly kind: string }[])[]): string[] =>
  outputs.flat().flatMap((each) => ('value' in each ? [JSON.stringify(each.value)] : []))

test('sessions with a gap of each record are the unions of what overlaps, of aggregates and of elements', () => {
  const gap = (value: unknown): number => 1 + Math.abs((value as Row)[1])
  fc.assert(fc.property(sent, fc.boolean(), (all, keepsElements) => {
    const operator = aggregateWindow({ kind: 'session', time: 'event', gapMs: gap }, keepsElements ? { compute: elements } : {})
    const steps: ScriptStep[] = [...all.map(({ row: each, time }) => send(each, time)), { kind: 'watermark', watermark: 1000 }]
    const expected: string[] = []
    for (const k of ['a', 'b', 'c']) {
      // The union, by adding one interval at a time to those that do not touch.
      let apart: { start: number; end: number; rows: number[] }[] = []
      for (const { row: each, time } of all) {
        if (each[0] !== k) continue
        let joined = { start: time, end: time + gap(each), rows: [each[1]] }
        const rest: typeof apart = []
        for (const other of apart) {
          if (other.end < joined.start || other.start > joined.end) rest.push(other)
          else joined = { start: Math.min(other.start, joined.start), end: Math.max(other.end, joined.end), rows: [...other.rows, ...joined.rows] }
        }
        apart = [...rest, joined]
      }
      for (const { start, end, rows } of apart) {
        const result = keepsElements ? [rows.sort((x, y) => x - y)] : [rows.length, rows.reduce((x, y) => x + y, 0)]
        expected.push(JSON.stringify([k, start, end, ...result]))
      }
    }
    expect(values(verifyInAllModes({ operator, steps })).sort()).toEqual(expected.sort())
  }), { numRuns: 40 })
})

test('count windows give the records since the last result, sliding ones the last so many', () => {
  const size = fc.integer({ min: 1, max: 5 })
  fc.assert(fc.property(sent, size, fc.option(size, { nil: undefined }), fc.boolean(), (all, count, every, keyed) => {
    const { spec, trigger, evictor } = countWindow(count, every === undefined ? {} : { every })
    const { keyOf, ...overAll } = aggregateWindow(spec, { compute: elements, trigger: trigger!, ...(evictor === undefined ? {} : { evictor }) })
    const operator: WindowSpec = keyed ? { ...overAll, keyOf: keyOf! } : overAll
    const seen = new Map<string, number[]>()
    const expected = all.map(({ row: [k, value] }) => {
      const rows = seen.get(keyed ? k : '') ?? []
      seen.set(keyed ? k : '', rows)
      rows.push(value)
      if (rows.length % (every ?? count) !== 0) return []
      const last = rows.slice(-count).sort((a, b) => a - b)
      return [JSON.stringify([keyed ? k : null, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, last])]
    })
    const outputs = verifyInAllModes({ operator, steps: all.map(({ row: each }) => send(each)) })
    expect(outputs.map((step) => values([step]))).toEqual(expected)
  }), { numRuns: 40 })
})

const day = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin', year: 'numeric', month: '2-digit', day: '2-digit' })
/** About both changes of the clock in 2024. */
const around = fc.oneof(
  fc.integer({ min: Date.UTC(2024, 2, 29), max: Date.UTC(2024, 3, 2) }),
  fc.integer({ min: Date.UTC(2024, 9, 25), max: Date.UTC(2024, 9, 30) }),
)

test('days of a zone hold the records with their date on the wall clock, in both operators and all modes', () => {
  const arbitrary = fc.array(fc.record({ row, time: around }), { minLength: 1, maxLength: 20 })
  fc.assert(fc.property(arbitrary, (all) => {
    const operator = aggregateWindow(zoned('1d', { zone: 'Europe/Berlin' }).spec)
    const steps: ScriptStep[] = [...all.map(({ row: each, time }) => send(each, time)), { kind: 'watermark', watermark: Date.UTC(2025, 0) }]
    const totals = new Map<string, [number, number]>()
    for (const { row: [k, value], time } of all) {
      const id = `${k} ${day.format(time)}`
      const [n, sum] = totals.get(id) ?? [0, 0]
      totals.set(id, [n + 1, sum + value])
    }
    const outputs = verifyInAllModes({ operator, steps })
    compareOutputs(outputs, runScript({ operator, steps, create: createGeneralWindow }, 'restored'), 'general')
    const found = outputs.flat().flatMap((each) => {
      if (each.kind !== 'record') return []
      const [k, start, end, n, sum] = each.value as [string, number, number, number, number]
      expect(each.timestamp).toBe(end - 1)
      expect(day.format(start)).toBe(day.format(end - 1))
      return [`${k} ${day.format(start)} ${n} ${sum}`]
    })
    expect(found.sort()).toEqual([...totals].map(([id, [n, sum]]) => `${id} ${n} ${sum}`).sort())
  }), { numRuns: 25 })
})

test('a late record of a month is sent on or fires it again, by the lateness', () => {
  for (const latenessMs of [0, 86_400_000]) {
    const operator = aggregateWindow(calendar('month', { zone: 'America/New_York' }).spec, { latenessMs })
    const march = Date.UTC(2024, 2, 31, 12)
    const outputs = verifyInAllModes({ operator, steps: [
      send(['a', 1], march), { kind: 'watermark', watermark: Date.UTC(2024, 3, 1, 4) - 1 }, send(['a', 2], march),
      { kind: 'watermark', watermark: Date.UTC(2024, 3, 3) }, send(['a', 3], march),
    ] })
    expect(comparable(outputs).map((step) => step.map((each) => each.slice(0, 4)))).toEqual(
      latenessMs === 0 ? [[], ['{"ki'], ['late'], [], ['late']] : [[], ['{"ki'], ['{"ki'], [], ['late']])
  }
})
