/**
 * Co-process functions and broadcast state, by their description.
 */
import { MIN_TIMESTAMP } from '../../base/time.ts'
import { isStreamError } from '../../base/errors.ts'
import type { BroadcastProcessSpec } from '../../graph/broadcast-spec.ts'
import type { CoProcessSpec } from '../../graph/operator-spec.ts'
import { WatermarkValve } from '../../time/watermark-valve.ts'
import {
  canonical, compareOutputs, runScript, ScaledHarness, verifyInAllModes, type OperatorScript, type ScriptOutputs,
  type ScriptStep,
} from '../operator-script.ts'
import {
  check, checkEqual, checkRecords, checkWatermarks, emittedTo, list, timeOf, unsupported, type Case, type Json,
} from './case.ts'

type CoFunctions = Pick<CoProcessSpec, 'onRecord' | 'onTimer'> & Partial<Pick<CoProcessSpec, 'state' | 'sides'>>
type BroadcastFunctions =
  Pick<BroadcastProcessSpec, 'onRecord' | 'onBroadcast' | 'onTimer'> &
  Partial<Pick<BroadcastProcessSpec, 'state' | 'broadcast' | 'sides'>>
type Maker<F> = (match: RegExpExecArray) => F

const number = (match: RegExpExecArray, index: number): number => Number(match[index])
const timestampOf = (ctx: any): string => (ctx.eventTime === undefined ? 'null' : String(ctx.timestamp))
const itself = (value: any): any => value
const value = { kind: 'value', version: 1 } as const
const map = { kind: 'map', version: 1 } as const

/** The comparison of 'if v < 3'. */
function compares(operator: string | undefined, bound: number): (v: any) => boolean {
  switch (operator) {
    case '<': return (v) => v < bound
    case '<=': return (v) => v <= bound
    case '>': return (v) => v > bound
    case '>=': return (v) => v >= bound
    default: return unsupported(`comparison ${String(operator)}`)
  }
}

const CO_PROCESS: readonly (readonly [RegExp, Maker<CoFunctions>])[] = [
  [new RegExp('^left: if v (<=?|>=?) (-?\\d+): main v, side "([^"]*?)<key>-<v>"; ' +
    'right: if v (<=?|>=?) (-?\\d+): main v, side "([^"]*?)<key>-<v>"$'),
    (m) => {
      const side = (passes: (v: any) => boolean, prefix: string) => (v: any, ctx: any) => {
        if (!passes(v)) return undefined
        ctx.side.side(`${prefix}${ctx.key}-${v}`)
        return [v]
      }
      return {
        sides: ['side'],
        onRecord: [
          side(compares(m[1], number(m, 2)), m[3] as string), side(compares(m[4], number(m, 5)), m[6] as string),
        ],
      }
    }],
  [new RegExp('^on element of input n: if state empty: output "INPUTn:v", state = v, ' +
    'event timer at watermark \\+ (\\d+); else clear the state and delete event timer watermark \\+ (\\d+); on timer: "STATE:<state>"$'),
    (m) => {
      const input = (n: number) => (v: any, { state: { stored }, timer, watermark }: any) => {
        if (stored.get() === undefined) {
          stored.set(v)
          timer.at(watermark + number(m, 1))
          return [`INPUT${n}:${v}`]
        }
        stored.clear()
        timer.cancel(watermark + number(m, 2))
        return undefined
      }
      return {
        state: { stored: value }, onRecord: [input(1), input(2)],
        onTimer: (_time, { state }) => [`STATE:${state.stored.get()}`],
      }
    }],
  [/^output "<v>WM:<current watermark> TS:<timestamp>"$/, () => {
    const show = (v: any, ctx: any): string[] => [`${v}WM:${ctx.watermark} TS:${timestampOf(ctx)}`]
    return { onRecord: [show, show] }
  }],
]

const SEEN = 'seen'
const wholeOf = (views: any): object => Object.fromEntries(views.table)

const BROADCAST: readonly (readonly [RegExp, Maker<BroadcastFunctions>])[] = [
  [new RegExp('^broadcast: "BR:<v> WM:<wm> TS:<ts>"; keyed: event timer (\\d+) and "NON-BR:<v> WM:<wm> TS:<ts>"; ' +
    'on timer: "TIMER:<t>"$'), (m) => ({
      onBroadcast: (v, ctx) => [`BR:${v} WM:${ctx.watermark} TS:${timestampOf(ctx)}`],
      onRecord(v, ctx) {
        ctx.timer.at(number(m, 1))
        return [`NON-BR:${v} WM:${ctx.watermark} TS:${timestampOf(ctx)}`]
      },
      onTimer: (time) => [`TIMER:${time.getTime()}`],
    })],
  [new RegExp('^broadcast v: state\\["<v>\\.key"\\] = v; keyed: read the whole broadcast state, ' +
    'event timer (\\d+); on timer: output the state then$'),
    (m) => ({
      broadcast: { table: map }, sides: [SEEN],
      onBroadcast: (v, { broadcast: { table } }) => void table.set(`${v}.key`, v),
      onRecord(_v, { timer, side, broadcast }) {
        timer.at(number(m, 1))
        side[SEEN](wholeOf(broadcast))
      },
      onTimer: (_time, { broadcast }) => [wholeOf(broadcast)],
    })],
  [/^broadcast v: state\[(\w*?)(\d+)\.\.\w*?(\d+)\] = v; keyed: output every entry$/, (m) => ({
    broadcast: { table: map },
    onBroadcast(v, { broadcast: { table } }) {
      for (let i = number(m, 2); i <= number(m, 3); i++) table.set(`${m[1]}${i}`, v)
    },
    onRecord: (_v, { broadcast: { table } }) => Array.from(table, ([key, v]: any) => `${key}=${v}`),
  })],
  [/^broadcast side reads keyed value state$/, () => ({
    state: { stored: value },
    onBroadcast: (_v, { state }) => [state.stored.get()],
    onRecord: () => undefined,
  })],
]

function functionsOf<F>(descriptions: readonly (readonly [RegExp, Maker<F>])[], text: unknown): F {
  for (const [pattern, make] of descriptions) {
    const match = pattern.exec(String(text))
    if (match !== null) return make(match)
  }
  return unsupported(`function ${String(text)}`)
}

const INPUTS: Readonly<Record<string, number>> = { left: 0, keyed: 0, right: 1, broadcast: 1 }
const inputOf = (name: unknown): number => INPUTS[String(name)] ?? unsupported(`input ${String(name)}`)

/** Steps of two inputs; the watermark that the operator sees is the smaller of both. */
function stepsOf(given: any): ScriptStep[] {
  if (Array.isArray(given?.left) && Array.isArray(given?.right)) {
    return [given.left, given.right].flatMap((records: readonly unknown[], input) =>
      records.map((record): ScriptStep => ({ kind: 'send', value: record, input })))
  }
  const valve = new WatermarkValve(2)
  return list(given, 'given').map((step: Json): ScriptStep => {
    if ('watermark_on' in step) {
      const rise = valve.onWatermark(inputOf(step['watermark_on']), timeOf(step['watermark']))?.watermark
      return rise === undefined ? { kind: 'nothing' } : { kind: 'watermark', watermark: rise }
    }
    if ('element' in step) {
      const { element, ts, on } = step
      return {
        kind: 'send', value: element, input: inputOf(on),
        ...(ts === undefined || ts === null ? {} : { timestamp: timeOf(ts) }),
      }
    }
    if ('processing_time' in step) return { kind: 'processing-time', nowMs: timeOf(step['processing_time']) }
    if (step['snapshot_close_restore'] === true) return { kind: 'restore' }
    return unsupported(`step ${JSON.stringify(step)}`)
  })
}

export function runCoProcessCase(test: Case): void {
  const { operation, expected, order } = test
  const functions = functionsOf(CO_PROCESS, operation['function'])
  const operator: CoProcessSpec = {
    kind: 'co-process', state: {}, sides: [], ...functions, keysOf: [itself, itself],
  }
  const steps = stepsOf(test.given)
  const outputs = verifyInAllModes({ operator, steps })
  checkWatermarks(steps, outputs)
  if (Array.isArray(expected)) {
    checkRecords(emittedTo('main', outputs), expected, order, 'main output')
  } else {
    checkRecords(emittedTo('main', outputs), expected.main ?? [], order, 'main output')
    checkRecords(emittedTo('side', outputs), expected.side ?? [], order, 'side output')
  }
  checkForwarded(test, steps)
}

/** `forwarded_watermarks`: those that the script's watermarks amount to. */
function checkForwarded(test: Case, steps: readonly ScriptStep[]): void {
  const forwarded = (test as unknown as Json)['forwarded_watermarks']
  const wanted = forwarded ?? (test.expected as Json)?.['forwarded_watermarks']
  if (wanted === undefined) return
  let last = MIN_TIMESTAMP
  const seen = steps.flatMap((step) => {
    if (step.kind !== 'watermark' || step.watermark <= last) return []
    last = step.watermark
    return [last]
  })
  // checkWatermarks has shown that exactly these were sent, in every mode.
  checkEqual(seen, list(wanted, 'watermarks').map(timeOf), 'watermarks forwarded')
}

export function runBroadcastCase(test: Case): void {
  const { operation, expected, order } = test
  const functions = functionsOf(BROADCAST, operation['function'])
  const operator: BroadcastProcessSpec = {
    kind: 'broadcast-process', state: {}, broadcast: {}, sides: [], ...functions, keysOf: [itself, undefined],
  }
  const maxParallelism = operation['max_parallelism'] as number | undefined
  const script = {
    operator, steps: [], broadcast: [1], ...(maxParallelism === undefined ? {} : { maxParallelism }),
  }
  const given = list(test.given, 'given')
  if (given.some((step: Json) => 'parallelism' in step)) {
    runRescale(script, given, expected as Json, order)
    return
  }
  const steps = stepsOf(given)
  const wanted = (expected as Json)['error']
  if (wanted !== undefined) {
    checkError(() => verifyInAllModes({ ...script, steps }), String(wanted))
    return
  }
  const plain = verifyBroadcast({ ...script, steps })
  if (Array.isArray(expected)) {
    checkRecords(emittedTo('main', plain), expected, order, 'main output')
    return
  }
  const { state_at_keyed_element: seen, timer_output: timer, outputs } = expected as Json
  checkRecords(emittedTo(SEEN, plain), [{ record: seen }], order, 'broadcast state at the keyed element')
  const atTimer = [{ record: timer.state, ts: timer.at }]
  checkRecords(emittedTo('main', plain), atTimer, order, 'broadcast state at the timer')
  checkEqual(emittedTo('main', plain).length, outputs, 'number of outputs')
}

/** All modes. What every subtask puts out for one broadcast record counts once. */
function verifyBroadcast(script: OperatorScript): ScriptOutputs {
  const plain = verifyInAllModes(script, ['restored'])
  const rescaled = runScript(script, 'rescaled').map((outputs, i) => {
    const step = script.steps[i]
    if (step?.kind !== 'send' || step.input !== 1) return outputs
    return [...new Map(outputs.map((output) => [canonical(output), output])).values()]
  })
  compareOutputs(plain, rescaled, 'rescaled')
  return plain
}

function checkError(run: () => unknown, wanted: string): void {
  let thrown: unknown
  try {
    run()
  } catch (error) {
    thrown = error
  }
  check(isStreamError(thrown) && thrown.message.toLowerCase().includes(wanted.toLowerCase()),
    () => `error: got ${thrown instanceof Error ? thrown.message : 'none'}, expected "${wanted}"`)
}

/** Steps that name the parallelism and speak to every subtask by itself. */
function runRescale(
  script: OperatorScript, given: readonly Json[], expected: Json, order: string | undefined,
): void {
  const parallelism = given.find((step) => 'parallelism' in step)?.['parallelism'] as number
  const harness = new ScaledHarness({ ...script, parallelism })
  for (const step of given) {
    if ('parallelism' in step) continue
    if ('snapshot_restore_with_parallelism' in step) {
      harness.restore(step['snapshot_restore_with_parallelism'] as number)
      continue
    }
    const match = /^(\w+), every subtask$/.exec(String(step['on']))
    if (match === null) unsupported(`step ${JSON.stringify(step)}`)
    else for (const each of harness.subtasks) each.send(step['element'], undefined, inputOf(match[1]))
  }
  const [name, wanted] = Object.entries(expected)[0] ?? unsupported('expectation')
  const subtasks = /^each_of_(\d+)_subtasks$/.exec(name)?.[1] ?? unsupported(`expectation ${name}`)
  checkEqual(harness.subtasks.length, Number(subtasks), 'subtasks')
  for (const each of harness.subtasks) {
    checkRecords(emittedTo('main', [each.outputs]), wanted, order, 'outputs of a subtask')
  }
}
