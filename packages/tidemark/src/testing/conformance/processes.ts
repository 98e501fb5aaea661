/**
 * Process functions with timers, state and side outputs, by their description.
 */
import type { ProcessSpec } from '../../graph/operator-spec.ts'
import { runScript, ScaledHarness, verifyInAllModes, type ScriptOutputs, type ScriptStep } from '../operator-script.ts'
import {
  checkEqual, checkRecords, checkWatermarks, emittedTo, list, stepsOf, timeOf, unsupported, type Case, type Json,
} from './case.ts'

type Functions = Pick<ProcessSpec, 'onRecord' | 'onTimer'> & Partial<Pick<ProcessSpec, 'state' | 'sides'>>
type Maker = (match: RegExpExecArray) => Functions

const timestampOf = (ctx: any): string => (ctx.eventTime === undefined ? 'null' : String(ctx.timestamp))
const stored = { stored: { kind: 'value' as const, version: 1 } }

/** Value state, a timer on the first record of a key, taken back by the second. */
function toggling(domain: 'event' | 'processing', later: number, earlier: number): Functions {
  const event = domain === 'event'
  return {
    state: stored,
    onRecord(value, { state, timer, watermark, processingTime }) {
      const now = event ? watermark : processingTime
      if (state.stored.get() === undefined) {
        state.stored.set(value)
        if (event) timer.at(now + later)
        else timer.atProcessingTime(now + later)
        return [`INPUT:${value}`]
      }
      state.stored.clear()
      if (event) timer.cancel(now + earlier)
      else timer.cancelProcessingTime(now + earlier)
      return undefined
    },
    onTimer: (_time, { state }) => [`STATE:${state.stored.get()}`],
  }
}

const number = (match: RegExpExecArray, index: number): number => Number(match[index])
const LATER = 5
const EARLIER = 4

const DESCRIPTIONS: readonly (readonly [RegExp, Maker])[] = [
  [/^output "<v>TIME:<current watermark> TS:<element timestamp>"$/, () => ({
    onRecord: (v, ctx) => [`${v}TIME:${ctx.watermark} TS:${timestampOf(ctx)}`],
  })],
  [/^output "<v>TIME:<current processing time> TS:<element timestamp or null>"$/, () => ({
    onRecord: (v, ctx) => [`${v}TIME:${ctx.processingTime} TS:${timestampOf(ctx)}`],
  })],
  [/^on element: output it, register an event-time timer at current watermark \+ (\d+); on timer: output (\d+)$/,
    (m) => ({
      * onRecord(v, ctx) {
        ctx.timer.at(ctx.watermark + number(m, 1))
        yield v
      },
      onTimer: () => [number(m, 2)],
    })],
  [/^on element: output it, register a processing-time timer at now \+ (\d+); on timer: output (\d+)$/,
    (m) => ({
      * onRecord(v, ctx) {
        ctx.timer.atProcessingTime(ctx.processingTime + number(m, 1))
        yield v
      },
      onTimer: () => [number(m, 2)],
    })],
  [new RegExp('^on element: if state empty: output "INPUT:v", state = v, register event timer at watermark \\+ (\\d+);' +
    ' else clear state and delete the event timer at watermark \\+ (\\d+); on timer: output "STATE:<state>"$'),
    (m) => toggling('event', number(m, 1), number(m, 2))],
  [/^as the event-time case with processing-time timers$/, () => toggling('processing', LATER, EARLIER)],
  [new RegExp('^on element: register processing timers (\\d+) and (\\d+) and event timers (\\d+) and (\\d+), delete' +
    ' processing timer (\\d+) and event timer (\\d+); on timer: output "EVENT:(\\d+)" or "PROC:(\\d+)"$'),
    (m) => ({
      onRecord(_v, { timer }) {
        timer.atProcessingTime(number(m, 1))
        timer.atProcessingTime(number(m, 2))
        timer.at(number(m, 3))
        timer.at(number(m, 4))
        timer.cancelProcessingTime(number(m, 5))
        timer.cancel(number(m, 6))
      },
      onTimer: (_time, ctx) => [ctx.timerDomain === 'event' ? `EVENT:${m[7]}` : `PROC:${m[8]}`],
    })],
  [/^main: v; side: "sideout-<v>"$/, () => ({
    sides: ['side'],
    onRecord(v, ctx) {
      ctx.side.side(`sideout-${v}`)
      return [v]
    },
  })],
  [/^main: v; side A: "sideout-<v>"; side B: (-?\d+)$/, (m) => ({
    sides: ['sidea', 'sideb'],
    onRecord(v, ctx) {
      ctx.side.sidea(`sideout-${v}`)
      ctx.side.sideb(number(m, 1))
      return [v]
    },
  })],
  [/^main "IN:<v>"; side int-out: v; side long-out: v$/, () => ({
    sides: ['intout', 'longout'],
    onRecord(v, ctx) {
      ctx.side.intout(v)
      ctx.side.longout(v)
      return [`IN:${v}`]
    },
  })],
]

function functionsOf(text: unknown): Functions {
  for (const [pattern, make] of DESCRIPTIONS) {
    const match = pattern.exec(String(text))
    if (match !== null) return make(match)
  }
  return unsupported(`function ${String(text)}`)
}

export function runProcessCase(test: Case): void {
  const { operation, expected, order } = test
  const kind = String(operation['kind'])
  const keyed = kind.startsWith('keyed')
  const functions = functionsOf(operation['function'])
  const operator: ProcessSpec = {
    kind: 'process', state: {}, sides: [], ...functions, ...(keyed ? { keyOf: (value: any) => value } : {}),
  }
  const steps = stepsOf(test.given)
  const parallelism = /parallelism (\d+)$/.exec(kind)?.[1]
  const outputs = parallelism === undefined
    ? verifyInAllModes({ operator, steps })
    : runScript({ operator, steps, parallelism: Number(parallelism) }, 'plain')
  if (parallelism === undefined) checkWatermarks(steps, outputs)
  if (Array.isArray(expected)) checkRecords(emittedTo('main', outputs), expected, order, 'main output')
  else checkTags(expected as Json, outputs, operator, steps, Number(parallelism ?? 1))
  if (test.expected_side_output !== undefined) {
    checkRecords(emittedTo(operator.sides[0] ?? 'side', outputs), test.expected_side_output, order, 'side output')
  }
}

/** Expectations by output: 'main', and side outputs by a name that is like the tag's. */
function checkTags(
  expected: Json, outputs: ScriptOutputs, operator: ProcessSpec, steps: readonly ScriptStep[], parallelism: number,
): void {
  for (const [name, wanted] of Object.entries(expected)) {
    if (name === 'watermarks_seen_on_each_output') {
      checkObserved(list(wanted, name), operator, steps, parallelism)
      continue
    }
    const tag = name.toLowerCase().replaceAll(/[^a-z]/g, '')
    if (tag !== 'main' && !operator.sides.includes(tag)) unsupported(`output ${name}`)
    // An observer behind the output marks elements with "E:".
    const observed = list(wanted, name).every((each) => typeof each === 'string' && each.startsWith('E:'))
    const found = emittedTo(tag, outputs).map((each) => (observed ? { ...each, value: `E:${String(each.value)}` } : each))
    checkRecords(found, wanted, 'any', `output ${name}`)
  }
}

/** '0 (x3 subtasks)': every subtask forwards that watermark, to all of its outputs alike. */
function checkObserved(
  wanted: readonly string[], operator: ProcessSpec, steps: readonly ScriptStep[], parallelism: number,
): void {
  const harness = new ScaledHarness({ operator, steps, parallelism })
  for (const step of steps) harness.play(step)
  const expected = wanted.map((text) => {
    const match = /^(\S+) \(x(\d+)/.exec(text)
    if (match === null) return unsupported(`watermark ${text}`)
    return { watermark: timeOf(match[1]), subtasks: Number(match[2]) }
  })
  const seen = new Map<number, number>()
  for (const subtask of harness.subtasks) {
    for (const each of subtask.outputs) {
      if (each.kind === 'watermark') seen.set(each.watermark, (seen.get(each.watermark) ?? 0) + 1)
    }
  }
  checkEqual([...seen].map(([watermark, subtasks]) => ({ watermark, subtasks })), expected, 'watermarks')
}
