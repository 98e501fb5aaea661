import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JoinType, KeyedJoinSpec } from '../../../src/graph/join-spec.ts'
import { OperatorHarness } from '../../../src/testing/operator-harness.ts'
import { canonical, verifyInAllModes, type ScriptOutputs, type ScriptStep } from '../../../src/testing/operator-script.ts'
import { found, keysOf, type Row } from './scripts.ts'

const spec = (type: JoinType, ttlMs?: number): KeyedJoinSpec => ({
  kind: 'keyed-join', type, keysOf, fn: (left: Row | undefined, right: Row | undefined) => [left?.n ?? null, right?.n ?? null],
  ...(ttlMs === undefined ? {} : { ttl: { ttlMs } }),
})

const steps = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.record({ k: fc.constantFrom('a', 'b'), input: fc.constantFrom(0, 1) }) },
  { weight: 1, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 10 }) }) },
), { maxLength: 30 })

type Send = Extract<ScriptStep, { kind: 'send' }>
type Given = { readonly k: string; readonly input: number } | { readonly advance: number }

function scriptOf(given: readonly Given[]): ScriptStep[] {
  let now = 0
  return given.map((each, n): ScriptStep => {
    if ('advance' in each) return { kind: 'processing-time', nowMs: (now += each.advance) }
    return { kind: 'send', value: { k: each.k, n, t: n }, timestamp: n, input: each.input }
  })
}

const ttls = fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined })

test('every pair that both were remembered for is put out once, in every mode', () => {
  fc.assert(fc.property(ttls, steps, (ttlMs, given) => {
    const script = scriptOf(given)
    const rows: { readonly row: Row; readonly input: number; readonly until: number }[] = []
    let clock = 0
    const wanted = script.map((each) => {
      if (each.kind === 'processing-time') clock = each.nowMs
      if (each.kind !== 'send') return []
      const row = each.value as Row
      const partners = rows.filter(({ row: { k }, input, until }) => k === row.k && input !== each.input && clock < until)
      rows.push({ row, input: each.input ?? 0, until: clock + (ttlMs ?? Infinity) })
      return partners.map(({ row: other }) => {
        const value = each.input === 0 ? [row.n, other.n] : [other.n, row.n]
        return canonical({ kind: 'record', tag: 'main', value, timestamp: row.t })
      }).sort()
    })
    expect(found(verifyInAllModes({ operator: spec('inner', ttlMs), steps: script }))).toEqual(wanted)
  }), { numRuns: 60 })
})

/** The table that a changelog makes; a row taken back that is not there is a mistake. */
function tableOf(outputs: ScriptOutputs): string[] {
  const table: string[] = []
  for (const each of outputs.flat()) {
    if (each.kind !== 'record') continue
    const { op, row } = each.value as { op: string; row: unknown }
    const text = canonical(row)
    if (op === 'insert') table.push(text)
    else {
      expect(op).toBe('delete')
      expect(table).toContain(text)
      table.splice(table.indexOf(text), 1)
    }
  }
  return table.sort()
}

const outer = fc.constantFrom<JoinType>('left', 'right', 'full')

test('the changelog of an outer join makes, after every step, the join of all that came', () => {
  fc.assert(fc.property(outer, steps, (type, given) => {
    const script = scriptOf(given)
    const outputs = verifyInAllModes({ operator: spec(type), steps: script })
    for (let length = 1; length <= script.length; length++) {
      const sends = script.slice(0, length).filter((each): each is Send => each.kind === 'send')
      const table = ['a', 'b'].flatMap((k) => {
        const of = (input: number): Row[] =>
          sends.filter((each) => each.input === input).map((each) => each.value as Row).filter((row) => row.k === k)
        const [lefts, rights] = [of(0), of(1)]
        if (lefts.length > 0 && rights.length > 0) return lefts.flatMap((l) => rights.map((r) => [l.n, r.n]))
        return [...(type === 'right' ? [] : lefts.map((l) => [l.n, null])), ...(type === 'left' ? [] : rights.map((r) => [null, r.n]))]
      })
      expect(tableOf(outputs.slice(0, length))).toEqual(table.map((row) => canonical(row)).sort())
    }
  }), { numRuns: 40 })
})

test('with a ttl, too, only what was put in is taken back', () => {
  fc.assert(fc.property(outer, fc.integer({ min: 1, max: 15 }), steps, (type, ttlMs, given) => {
    tableOf(verifyInAllModes({ operator: spec(type, ttlMs), steps: scriptOf(given) }))
  }), { numRuns: 60 })
})

test('an error of the function names the join', () => {
  const harness = new OperatorHarness({ ...spec('left'), fn: () => { throw new Error('no') } })
  expect(() => harness.send({ k: 'a', n: 0, t: 0 }, 0, 0)).toThrow('join of operator "under-test" threw: no')
})
