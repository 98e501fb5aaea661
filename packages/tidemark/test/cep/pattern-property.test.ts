import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MatchSpec } from '../../src/graph/operator-spec.ts'
import { checkPattern, type PatternItem, type PatternSpec, type Repeat } from '../../src/graph/pattern-spec.ts'
import { compareOutputs, runScript, type ScriptStep } from '../../src/testing/operator-script.ts'
import { Ambiguous, modelOutputs, TooMany, type ModelEvent } from './model.ts'

type Row = readonly [key: string, value: number, id: number]
type Condition = (record: Row, matched: Readonly<Record<string, readonly Row[]>>) => boolean

/** A condition that a counterexample can show. */
const shown = (text: string, test: Condition): Condition => Object.assign(test, { [fc.toStringMethod]: () => text })
const oneOf = (values: readonly number[]): Condition =>
  shown(`in [${values.join()}]`, ([, value]) => values.includes(value))
/** Looks at everything matched so far: its sum decides. */
const bySum = (parity: number): Condition => shown(`sum is ${parity} mod 2`, ([, value], matched) =>
  (Object.values(matched).flat().reduce((sum, row) => sum + row[1], value)) % 2 === parity)

const condition: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 6, arbitrary: fc.subarray([0, 1, 2, 3], { minLength: 1 }).map(oneOf) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1).map(bySum) },
)
const contiguity = fc.constantFrom('strict', 'relaxed', 'any')
const limit = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined, freq: 6 })
const once: Repeat = { from: 1, to: 1, inner: 'relaxed', greedy: false }

const repeat = fc.oneof(
  { weight: 2, arbitrary: fc.constant(once) },
  { weight: 3, arbitrary: fc.record({
    from: fc.integer({ min: 1, max: 2 }), more: fc.constantFrom(0, 1, Infinity), inner: contiguity, greedy: fc.boolean(),
    until: fc.option(condition, { nil: undefined, freq: 3 }),
  }).map(({ from, more, inner, greedy, until }): Repeat => from + more === 1 ? once : ({
    from, to: from + more, inner, greedy, ...(until === undefined ? {} : { until }),
  })) },
)

const step = fc.record({ kind: fc.constant('step' as const), where: condition, contiguity, optional: fc.boolean(), repeat, withinMs: limit })
const absence = fc.record({ kind: fc.constant('absence' as const), where: condition, scope: fc.constantFrom('next', 'between'), withinMs: fc.constant(undefined) })
const flat = (longest: number) => fc.array(fc.oneof({ weight: 4, arbitrary: step }, { weight: 1, arbitrary: absence }), { minLength: 1, maxLength: longest })
const group = fc.record({ kind: fc.constant('group' as const), items: flat(2), contiguity, optional: fc.boolean(), repeat, withinMs: limit })
const items = fc.array(fc.oneof({ weight: 5, arbitrary: step }, { weight: 2, arbitrary: absence }, { weight: 1, arbitrary: group }), { minLength: 1, maxLength: 4 })

/** Names in order, and undefined fields left out. */
function named(drafts: readonly any[], prefix = 's'): PatternItem[] {
  return drafts.map((draft, i) => {
    const name = `${prefix}${i}`
    const { withinMs, ...rest } = draft
    const within = withinMs === undefined ? {} : { withinMs }
    if (draft.kind !== 'group') return { ...rest, ...within, name }
    return { ...rest, ...within, repeat: { ...rest.repeat, greedy: false }, items: named(draft.items, `${name}_`) }
  })
}

const skip = fc.constantFrom('none', 'none', 'to-next', 'past-last', 'to-first', 'to-last')
const pattern: fc.Arbitrary<PatternSpec> = fc.record({
  items, skip, step: fc.nat(3), within: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
}).map(({ items: drafts, skip: kind, step: at, within }) => ({
  items: named(drafts), ...(within === undefined ? {} : { withinMs: within }),
  skip: kind === 'to-first' || kind === 'to-last' ? { kind, step: `s${at}` } : { kind } as PatternSpec['skip'],
}))

const send = fc.record({
  kind: fc.constant('send' as const), timestamp: fc.integer({ min: 0, max: 14 }),
  value: fc.tuple(fc.constantFrom('a', 'a', 'a', 'b'), fc.integer({ min: 0, max: 3 })),
})
const script = fc.array(fc.oneof(
  { weight: 4, arbitrary: send },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('watermark' as const), watermark: fc.integer({ min: -1, max: 12 }) }) },
), { minLength: 1, maxLength: 9 }).map((steps): ScriptStep[] => [
  ...steps.map((each, i): ScriptStep => each.kind === 'send' ? { ...each, value: [...each.value, i] } : each),
  { kind: 'watermark', watermark: 1000 },
])

const possible = (spec: PatternSpec): boolean => {
  try {
    checkPattern('test', spec)
    return true
  } catch {
    return false
  }
}

/** By step: what comes out at each watermark, from what was not late. */
function expected(spec: PatternSpec, steps: readonly ScriptStep[]): string[][] {
  let watermark = -Infinity
  const keys = new Map<string, (ModelEvent & { readonly order: number })[]>()
  const late: string[][] = steps.map(() => [])
  const watermarks: number[] = []
  steps.forEach((each, i) => {
    if (each.kind === 'watermark') watermark = Math.max(watermark, each.watermark)
    watermarks.push(watermark)
    if (each.kind !== 'send') return
    const [key] = each.value as Row
    const time = each.timestamp as number
    if (time <= watermark) late[i]?.push(`late ${JSON.stringify(each.value)} ${watermark - time}`)
    else keys.set(key, [...(keys.get(key) ?? []), { value: each.value, time, order: i }])
  })
  const texts = late.map((each) => [...each])
  for (const [key, events] of keys) {
    const sorted = events.toSorted((a, b) => a.time - b.time || a.order - b.order)
    for (const { tag, time, records } of modelOutputs(spec, sorted, 1000)) {
      const at = watermarks.findIndex((reached) => reached >= time)
      texts[at]?.push(JSON.stringify([tag, key, time, records]))
    }
  }
  return texts.map((each) => each.sort())
}

function found(operator: MatchSpec, steps: readonly ScriptStep[]) {
  const outputs = runScript({ operator, steps }, 'plain')
  const texts = outputs.map((each) => each.flatMap((output) => {
    if (output.kind !== 'record') return []
    const { key, records, record, lateByMs } = output.value as any
    if (output.tag === 'late') return [`late ${JSON.stringify(record)} ${lateByMs}`]
    return [JSON.stringify([output.tag, key, output.timestamp, records])]
  }).sort())
  return { outputs, texts }
}

const operatorOf = (spec: PatternSpec): MatchSpec => ({ kind: 'match', keyOf: (row: Row) => row[0], pattern: spec })

test('matches, timeouts and late records are those found by trying every way to pick records', () => {
  let compared = 0
  let matches = 0
  fc.assert(fc.property(pattern.filter(possible), script, (spec, steps) => {
    let model: string[][]
    try {
      model = expected(spec, steps)
    } catch (error) {
      if (error instanceof Ambiguous || error instanceof TooMany) return
      throw error
    }
    expect(found(operatorOf(spec), steps).texts).toEqual(model)
    compared += 1
    matches += model.flat().filter((text) => text.startsWith('["main"')).length
  }), { numRuns: 500 })
  // The comparison is of something.
  expect(compared).toBeGreaterThan(0)
  expect(matches).toBeGreaterThan(0)
})

test('a restore after every step, at any parallelism, changes nothing', () => {
  fc.assert(fc.property(pattern.filter(possible), script, (spec, steps) => {
    const operator = operatorOf(spec)
    const plain = runScript({ operator, steps }, 'plain')
    compareOutputs(plain, runScript({ operator, steps }, 'restored'), 'restored')
    compareOutputs(plain, runScript({ operator, steps }, 'rescaled'), 'rescaled')
  }), { numRuns: 60 })
})
