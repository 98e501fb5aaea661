/**
 * Joins: pairs within an interval or within a window, and the rows that a join keeps in state.
 *
 * Steps name their side, or both sides are given as lists of elements; how the lists are interleaved is
 * then left open, so several ways must give the same.
 */
import { pairs } from '../../api/joins.ts'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../../base/time.ts'
import { LATE_LEFT, LATE_RIGHT, type IntervalJoinSpec, type JoinSpec, type JoinType,
  type WindowJoinSpec } from '../../graph/join-spec.ts'
import { MAIN } from '../../graph/operator-spec.ts'
import { decodeSegment, readEntries } from '../../state/snapshot-format.ts'
import { ScaledHarness, verifyInAllModes, type ScriptOutputs, type ScriptStep } from '../operator-script.ts'
import { check, checkEqual, checkRecords, emittedTo, list, timeOf, unsupported, type Case,
  type Json } from './case.ts'
import { assignerOf, keyOfText } from './windows.ts'

type Input = 0 | 1

const SIDES = ['left', 'right'] as const

/** Element or watermark of one side. */
interface SideStep {
  readonly input: Input
  readonly element?: unknown
  readonly ts?: number
  readonly watermark?: number
}

const OUTER = /^(inner|left|right|full)(?: outer)?$/

function typeOf(text: unknown = 'inner'): JoinType {
  const match = typeof text === 'string' ? OUTER.exec(text) : null
  return match === null ? unsupported(`join type ${JSON.stringify(text)}`) : (match[1] as JoinType)
}

function keysOf(text: unknown): JoinSpec['keysOf'] {
  const keyOf = text === 'one single key' ? () => 0 : keyOfText(text)
  return [keyOf, keyOf]
}

const pair = (left: unknown, right: unknown): unknown => [left ?? null, right ?? null]

function intervalOf(operation: Json): IntervalJoinSpec {
  const { lower_ms: lower, upper_ms: upper } = operation
  const { lower_inclusive: fromLower = true, upper_inclusive: toUpper = true } = operation
  if (typeof lower !== 'number' || typeof upper !== 'number') return unsupported('bounds that are no numbers')
  return {
    kind: 'interval-join', type: typeOf(operation['type']), keysOf: keysOf(operation['key']),
    lowerMs: fromLower === true ? lower : lower + 1,
    upperMs: toUpper === true ? upper : upper - 1,
    fn: pair,
  }
}

function windowOf(operation: Json): WindowJoinSpec {
  const kind = String(operation['kind'])
  const type = typeOf(/\((.*)\)$/.exec(kind)?.[1])
  return {
    kind: 'window-join', keysOf: keysOf(operation['key']), assigner: assignerOf(operation['assigner']),
    latenessMs: Number(operation['allowed_lateness_ms'] ?? 0), sides: [], state: {},
    group: (_key, _window, lefts, rights) => pairs(type, lefts, rights, pair),
  }
}

export function runIntervalJoinCase(test: Case): void {
  runJoin(test, intervalOf(test.operation))
}

export function runWindowJoinCase(test: Case): void {
  runJoin(test, windowOf(test.operation))
}

function runJoin(test: Case, operator: JoinSpec): void {
  for (const steps of waysOf(test)) {
    const script = scriptOf(steps)
    checkOutputs(test, verifyInAllModes({ operator, steps: script }))
    checkKept(test, operator, script)
  }
}

function checkOutputs(test: Case, outputs: ScriptOutputs): void {
  const expected = list(test.expected, 'expected')
  const records = expected.filter((each) => !isKept(each))
  // A case that speaks of state alone says nothing of the records.
  if (records.length > 0 || expected.length === 0) {
    checkRecords(emittedTo(MAIN, outputs), records, test.order, 'main output')
  }
  const { expected_late_side_output: late } = test
  if (late === undefined) return
  const found = [LATE_LEFT, LATE_RIGHT].flatMap((tag) => emittedTo(tag, outputs))
  const untagged = found.map((each) => ({ ...each, value: (each.value as { record: unknown }).record }))
  checkRecords(untagged, late, test.order, 'late output')
}

/** An expectation about state, not about output. */
function isKept(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null) return false
  return SIDES.some((side) => `kept_${side}_timestamps` in entry)
}

/** What is in state after a step, also when the state has just been restored at another parallelism. */
function checkKept(test: Case, operator: JoinSpec, script: readonly ScriptStep[]): void {
  const wanted: readonly Json[] = list(test.expected, 'expected').filter(isKept)
  if (wanted.length === 0) return
  for (const parallelism of [undefined, 1, 3]) {
    const harness = new ScaledHarness({ operator, steps: script })
    script.forEach((step, i) => {
      harness.play(step)
      if (parallelism !== undefined) harness.restore(parallelism)
      for (const each of wanted) {
        if (each['after_step'] !== i) continue
        for (const side of SIDES) {
          const times = each[`kept_${side}_timestamps`]
          if (times === undefined) continue
          checkEqual(keptTimes(harness, side), times, `${side} rows kept after step ${i}`)
        }
      }
    })
  }
  for (const { after_step: step } of wanted) {
    check(script[step] !== undefined, () => `there is no step ${step}`)
  }
}

function keptTimes(harness: ScaledHarness, side: string): number[] {
  const segments = harness.snapshot().map((bytes) => decodeSegment(bytes).snapshot)
  const states = segments.flatMap(({ keyed }) => keyed.filter(({ name }) => name === side))
  const rows = states.flatMap(({ groups }) => groups.flatMap((group) =>
    [...readEntries(group)].flatMap(({ value }) => value as [time: number][])))
  return rows.map(([time]) => time).toSorted((a, b) => a - b)
}

/** The sequences of steps that must all give what is expected. */
function waysOf({ given, operation, ...test }: Case): readonly (readonly SideStep[])[] {
  const itself = String(operation['kind']).endsWith('of a stream with itself')
  if (Array.isArray(given) && !itself) {
    const steps = given.map(sideStep)
    const { variants } = test as Json
    if (variants === undefined) return [steps]
    if (!/all right elements and watermarks come before all left/.test(String(variants))) {
      return unsupported(`variants ${String(variants)}`)
    }
    return [steps, [1, 0].flatMap((input) => steps.filter((step) => step.input === input))]
  }
  const lists = listsOf(Array.isArray(given) ? { both: given } : (given as Json))
  const { watermarks } = given as Json
  const [lefts, rights] = lists.map((elements, input) => elementsOf(elements, input as Input, watermarks))
  if (lefts === undefined || rights === undefined) return unsupported('an input without elements')
  return [[...lefts, ...rights], [...rights, ...lefts], inTurns(lefts, rights)]
}

/** Of a stream joined with itself, both sides are the one list there is. */
function listsOf(given: Json): readonly [readonly Json[], readonly Json[]] {
  const { left, right } = given
  if (left !== undefined && right !== undefined) return [list(left, 'left'), list(right, 'right')]
  const [only, ...others] = Object.values(given).filter((each) => Array.isArray(each))
  if (only === undefined || others.length > 0) return unsupported('neither two inputs nor one')
  return [only, only]
}

function sideStep(step: Json): SideStep {
  if ('watermark_on' in step) {
    return { input: inputOf(step['watermark_on']), watermark: timeOf(step['watermark']) }
  }
  for (const [input, side] of SIDES.entries()) {
    if (side in step) return { input: input as Input, element: step[side], ts: timeOf(step['ts']) }
  }
  return unsupported(`step ${JSON.stringify(step)}`)
}

function inputOf(side: unknown): Input {
  if (side === 'left') return 0
  return side === 'right' ? 1 : unsupported(`side ${String(side)}`)
}

/** Elements and watermarks of one side, and the end of it. */
function elementsOf(elements: readonly Json[], input: Input, watermarks: unknown): readonly SideStep[] {
  const behind = watermarks === undefined ? undefined : lagOf(watermarks)
  const steps: SideStep[] = []
  let highest = MIN_TIMESTAMP
  for (const each of elements) {
    if ('watermark' in each) {
      steps.push({ input, watermark: timeOf(each['watermark']) })
      continue
    }
    if (!('element' in each)) return unsupported(`element ${JSON.stringify(each)}`)
    const ts = timeOf(each['ts'])
    steps.push({ input, element: each['element'], ts })
    if (ts > highest) highest = ts
    if (behind !== undefined) steps.push({ input, watermark: highest - behind })
  }
  return [...steps, { input, watermark: MAX_TIMESTAMP }]
}

/** How far the watermark is behind the highest timestamp; a watermark says that nothing at it is to come. */
function lagOf(text: unknown): number {
  if (typeof text !== 'string') return unsupported('watermarks that are no text')
  if (text.startsWith('ascending timestamps')) return 1
  const minus = /^after each element: its timestamp(?: - (\d+))?/.exec(text)
  return minus === null ? unsupported(`watermarks ${text}`) : Number(minus[1] ?? 0)
}

function inTurns<T>(a: readonly T[], b: readonly T[]): T[] {
  const mixed: T[] = []
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    mixed.push(...a.slice(i, i + 1), ...b.slice(i, i + 1))
  }
  return mixed
}

/** The watermark of the operator is the least of its inputs. One script step for each given one. */
function scriptOf(steps: readonly SideStep[]): ScriptStep[] {
  const marks: [number, number] = [MIN_TIMESTAMP, MIN_TIMESTAMP]
  return steps.map(({ input, element, ts, watermark }): ScriptStep => {
    if (watermark === undefined) {
      return { kind: 'send', value: element, input, ...(ts === undefined ? {} : { timestamp: ts }) }
    }
    if (watermark > marks[input]) marks[input] = watermark
    const least = Math.min(...marks)
    return least === MIN_TIMESTAMP ? { kind: 'nothing' } : { kind: 'watermark', watermark: least }
  })
}
