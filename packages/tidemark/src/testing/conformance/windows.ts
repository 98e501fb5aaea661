/**
 * Window operations: maps their description to operators and plays them in all modes.
 */
import { LATE, MAIN, type WindowCompute, type WindowSpec } from '../../graph/operator-spec.ts'
import type { Key } from '../../graph/key.ts'
import type { AggregateSpec } from '../../graph/state-spec.ts'
import type { EvictorSpec, TriggerSpec, Window, WindowAssignerSpec } from '../../graph/window-spec.ts'
import { createGeneralWindow } from '../../operator/window-general.ts'
import { isAligned } from '../../operator/window-aligned.ts'
import { compareOutputs, verifyInAllModes, type ScriptOutputs } from '../operator-script.ts'
import { checkRecords, checkWatermarks, emittedTo, stepsOf, unsupported, type Case, type Json } from './case.ts'

const ms = (value: unknown, what: string): number => {
  if (typeof value === 'number') return value
  return unsupported(`${what} ${JSON.stringify(value)}`)
}

export function assignerOf(given: unknown): WindowAssignerSpec {
  if (typeof given === 'string') return namedAssigner(given)
  const { type, time, size_ms: size, slide_ms: slide, offset_ms: offset = 0, gap_ms: gap } = (given ?? {}) as Json
  if (type === 'global') return { kind: 'global' }
  if (time !== 'event' && time !== 'processing') return unsupported(`time ${String(time)}`)
  const offsetMs = ms(offset, 'offset')
  if (type === 'tumbling') return { kind: 'tumbling', time, sizeMs: ms(size, 'size'), offsetMs }
  if (type === 'sliding') {
    return { kind: 'sliding', time, sizeMs: ms(size, 'size'), slideMs: ms(slide, 'slide'), offsetMs }
  }
  if (type === 'session') {
    const gapMs = ms(gap, 'gap')
    return { kind: 'session', time, gapMs: () => gapMs }
  }
  const point = /^session, but an element with field1 == (\S+) gets an empty window/.exec(String(type))
  if (point !== null) {
    const gapMs = ms(gap, 'gap')
    return { kind: 'session', time, gapMs: (e) => (field(e, 1) === Number(point[1]) ? 0 : gapMs) }
  }
  if (type === 'session with per-element gap') return { kind: 'session', time, gapMs: gapRule(String(gap)) }
  return unsupported(`assigner ${JSON.stringify(given)}`)
}

/** 'sliding size 1 ms slide 1 ms', 'tumbling-100ms', 'sliding-1000ms-by-100ms'. */
function namedAssigner(text: string): WindowAssignerSpec {
  const sliding = /^sliding(?: size |-)(\d+) ?ms(?: slide |-by-)(\d+) ?ms/.exec(text)
  if (sliding !== null) {
    return { kind: 'sliding', time: 'event', sizeMs: Number(sliding[1]), slideMs: Number(sliding[2]), offsetMs: 0 }
  }
  const tumbling = /^tumbling(?:-| event-time | size )(\d+) ?ms$/.exec(text)
  if (tumbling !== null) return { kind: 'tumbling', time: 'event', sizeMs: Number(tumbling[1]), offsetMs: 0 }
  return unsupported(`assigner ${text}`)
}

/** 'key1: 3000; key2: 1000 if field1==10 else 2000' */
function gapRule(text: string): (element: unknown) => number {
  const rules = new Map(text.split(';').map((part) => {
    const match = /^\s*([^:]+): (\d+)(?: if field1 ?== ?(-?\d+) else (\d+))?\s*$/.exec(part)
    if (match === null) return unsupported(`gap ${text}`)
    const [, key, first, equals, other] = match
    return [key as string, (e: unknown) =>
      Number(equals === undefined || field(e, 1) === Number(equals) ? first : other)] as const
  }))
  return (element) => rules.get(String(field(element, 0)))?.(element) ?? unsupported(`no gap for ${String(element)}`)
}

export function triggerOf(given: unknown): TriggerSpec | undefined {
  if (given === undefined || given === null) return undefined
  const { type, count, interval_ms: interval, inner } = given as Json
  switch (type) {
    case 'event-time':
    case 'processing-time':
    case 'never':
      return { kind: type }
    case 'count':
      return { kind: 'count', count: ms(count, 'count') }
    case 'continuous':
      return { kind: 'continuous-event-time', intervalMs: ms(interval, 'interval') }
    case 'purging':
      return { kind: 'purging', inner: triggerOf(inner) ?? unsupported('purging nothing') }
  }
  return unsupported(`trigger ${JSON.stringify(given)}`)
}

function evictorOf(given: unknown): EvictorSpec | undefined {
  if (given === undefined || given === null) return undefined
  const { type, n, ms: span, threshold, after = false } = given as Json
  if (type === 'count') return { kind: 'count', count: ms(n, 'n'), after }
  if (type === 'time') return { kind: 'time', ms: ms(span, 'ms'), after }
  if (type === 'delta') {
    return {
      kind: 'delta', threshold: ms(threshold, 'threshold'), after,
      delta: (element, last) => Number(field(last, 1)) - Number(field(element, 1)),
    }
  }
  return unsupported(`evictor ${JSON.stringify(given)}`)
}

export const field = (element: unknown, index: number): unknown => (element as readonly unknown[])[index]

export function keyOfText(text: unknown): (value: any) => Key {
  if (text === 'field 0 of the element' || text === 'field 0') return (value) => field(value, 0) as Key
  if (text === 'the element itself') return (value) => value as Key
  return unsupported(`key ${String(text)}`)
}

const sum: AggregateSpec<unknown, number, number> = {
  create: () => 0,
  add: (accumulator, element) => accumulator + Number(field(element, 1)),
  result: (accumulator) => accumulator,
  merge: (a, b) => a + b,
}

/** Ways to compute what the description says, all to give the same; `undefined`: it says nothing. */
export function computesOf(text: unknown): WindowCompute[] {
  const sums = (result: (key: any, window: Window, sum: number) => unknown): WindowCompute[] => [
    { kind: 'aggregate', aggregate: sum, result },
    // The fields are whole numbers: sliding windows may share panes.
    { kind: 'aggregate', aggregate: { ...sum, exact: true }, result },
    {
      kind: 'elements', state: {},
      fn: (key, window, elements) => [result(key, window, elements.reduce((a, e) => sum.add(a, e), 0))],
    },
  ]
  const each = (fn: (key: any, element: any) => unknown): WindowCompute[] => [
    { kind: 'elements', state: {}, fn: (key, _window, elements) => elements.map((e) => fn(key, e)) },
  ]
  switch (text) {
    case 'sum of field 1 over the window; output [key, sum]':
      return sums((key, _window, total) => [key, total])
    case 'sum of field 1; output ["<key>-<sum>", window start, window end]':
      return sums((key, { start, end }, total) => [`${key}-${total}`, start, end])
    case 'sum of field 1; output [key, start, end, sum]':
      return sums((key, { start, end }, total) => [key, start, end, total])
    case 'output every element of the window unchanged':
    case undefined:
      return each((_key, element) => element)
    case 'output "<key>-<element>" for each element':
      return each((key, element) => `${key}-${element}`)
    case 'main: the key; side: "sideout-<key>"':
      return [{
        kind: 'elements', state: {},
        * fn(key, _window, elements, ctx) {
          for (const element of elements) {
            yield key ?? element
            ctx.side['side']?.(`sideout-${key ?? element}`)
          }
        },
      }]
  }
  return unsupported(`function ${String(text)}`)
}

export function runWindowCase(test: Case): void {
  const { operation } = test
  const { kind } = operation
  const steps = stepsOf(test.given)
  const keyings: (((value: any) => Key) | undefined)[] = []
  if (!String(kind).startsWith('non-keyed')) keyings.push(keyOfText(operation['key']))
  if (/non-keyed/.test(String(kind))) keyings.push(undefined)
  const trigger = triggerOf(operation['trigger'])
  const evictor = evictorOf(operation['evictor'])
  for (const keyOf of keyings) {
    for (const compute of computesOf(operation['function'])) {
      const operator: WindowSpec = {
        kind: 'window', assigner: assignerOf(operation['assigner']), compute, sides: ['side'],
        latenessMs: ms(operation['allowed_lateness_ms'] ?? 0, 'lateness'),
        ...(keyOf === undefined ? {} : { keyOf }),
        ...(trigger === undefined ? {} : { trigger }),
        ...(evictor === undefined ? {} : { evictor }),
      }
      const outputs = verifyInAllModes({ operator, steps })
      checkWindow(test, outputs)
      checkWatermarks(steps, outputs)
      if (!isAligned(operator)) continue
      compareOutputs(outputs, verifyInAllModes({ operator, steps, create: createGeneralWindow }), 'general operator')
    }
  }
}

function checkWindow(test: Case, outputs: ScriptOutputs): void {
  const { operation, order, expected, expected_late_side_output: late, expected_side_output: side } = test
  // A description without a function says nothing of the main output: only what is late is compared then.
  const silent = operation['function'] === undefined && Array.isArray(expected) && expected.length === 0
  if (!silent) checkRecords(emittedTo(MAIN, outputs), expected, order, 'main output')
  if (late !== undefined) checkRecords(emittedTo(LATE, outputs), late, order, 'late output')
  if (side !== undefined) checkRecords(emittedTo('side', outputs), side, order, 'side output')
}
