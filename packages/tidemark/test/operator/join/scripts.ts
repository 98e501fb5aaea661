/** Random scripts for joins, and the loop that all models share. */
import fc from 'fast-check'
import { MIN_TIMESTAMP } from '../../../src/base/time.ts'
import { LATE_LEFT, LATE_RIGHT, type JoinSpec } from '../../../src/graph/join-spec.ts'
import { dateOf } from '../../../src/operator/process-context.ts'
import { canonical, recordsOf, type ScriptOutputs, type ScriptStep } from '../../../src/testing/operator-script.ts'

/** A record: its key, its number within the script, its time. */
export interface Row {
  readonly k: string
  readonly n: number
  readonly t: number
}

export type Send = Extract<ScriptStep, { kind: 'send' }> & { readonly value: Row; readonly timestamp: number }

const TIMES = { min: -5, max: 30 }

const send = fc.record({
  kind: fc.constant('send' as const), k: fc.constantFrom('a', 'b', 'c'), t: fc.integer(TIMES),
  input: fc.constantFrom(0, 1),
})
const watermark = fc.record({ kind: fc.constant('watermark' as const), watermark: fc.integer(TIMES) })
/** Rare enough that most records find a partner. */
const anyStep = fc.oneof({ weight: 5, arbitrary: send }, { weight: 1, arbitrary: watermark })

/** Records are numbered, so that no two are equal; the last step is the end of all input. */
export const scripts: fc.Arbitrary<readonly ScriptStep[]> = fc.array(anyStep, { maxLength: 30 }).map((all) => [
  ...all.map((step, n): ScriptStep => {
    if (step.kind === 'watermark') return step
    const { k, t, input } = step
    return { kind: 'send', value: { k, n, t }, timestamp: t, input }
  }),
  { kind: 'watermark', watermark: 1000 },
])

export const keyOfRow = (row: Row): string => row.k
export const keysOf: JoinSpec['keysOf'] = [keyOfRow, keyOfRow]

export interface Emitted {
  readonly tag: string
  readonly value: unknown
  readonly timestamp: number
}

/** What a model is asked; it answers with what the step puts out. */
export interface Model {
  record(row: Row, input: number, watermark: number): readonly Emitted[]
  /** The watermark has risen. */
  watermark(watermark: number, before: number): readonly Emitted[]
}

export const main = (value: unknown, timestamp: number): Emitted => ({ tag: 'main', value, timestamp })

export function late(row: Row, input: number, watermark: number): Emitted {
  const value = { key: row.k, record: row, eventTime: dateOf(row.t), lateByMs: watermark - row.t }
  return { tag: input === 0 ? LATE_LEFT : LATE_RIGHT, value, timestamp: row.t }
}

/** Records of each step as the model says, in a form that compares with `recordsOf`. */
export function expected(script: readonly ScriptStep[], model: Model): string[][] {
  let reached = MIN_TIMESTAMP
  return script.map((step) => {
    let emitted: readonly Emitted[] = []
    if (step.kind === 'send') emitted = model.record(step.value as Row, step.input ?? 0, reached)
    if (step.kind === 'watermark' && step.watermark > reached) {
      emitted = model.watermark(step.watermark, reached)
      reached = step.watermark
    }
    return emitted.map((each) => canonical({ kind: 'record', ...each })).sort()
  })
}

export const found = (outputs: ScriptOutputs): string[][] => recordsOf(outputs)
