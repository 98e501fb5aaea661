/**
 * One script of inputs for one operator, played in several ways that must give the same outputs.
 *
 *   plain      one subtask, from beginning to end
 *   restored   a snapshot is taken and restored after every step
 *   rescaled   the operator goes from 1 to 3 to 2 subtasks and round again, at every step
 */
import { keySelectorsOf } from '../graph/describe.ts'
import { subtaskOfGroup } from '../graph/key-groups.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import type { KeySelector, OperatorSpec } from '../graph/operator-spec.ts'
import { keyGroupOf } from '../record/key-codec.ts'
import { OperatorHarness, type HarnessOptions, type HarnessOutput } from './operator-harness.ts'

export type ScriptStep =
  | { readonly kind: 'send'; readonly value: unknown; readonly timestamp?: number; readonly input?: number }
  | { readonly kind: 'watermark'; readonly watermark: number }
  | { readonly kind: 'processing-time'; readonly nowMs: number }
  | { readonly kind: 'idle'; readonly idle: boolean }
  /** All subtasks are snapshotted, closed and restored, at `parallelism` if it is given. */
  | { readonly kind: 'restore'; readonly parallelism?: number }
  | { readonly kind: 'nothing' }

export type ScriptMode = 'plain' | 'restored' | 'rescaled'

/** Outputs of each step; those of several subtasks one after the other. */
export type ScriptOutputs = readonly (readonly HarnessOutput[])[]

export interface OperatorScript {
  readonly operator: LogicalOperator | OperatorSpec
  readonly steps: readonly ScriptStep[]
  readonly parallelism?: number
  readonly maxParallelism?: number
  readonly nowMs?: number
  readonly create?: NonNullable<HarnessOptions['create']>
  /** Inputs whose records go to every subtask. */
  readonly broadcast?: readonly number[]
}

const specOf = ({ operator }: OperatorScript): OperatorSpec => ('spec' in operator ? operator.spec : operator)

const RESCALE_CYCLE = [3, 2, 1]

/** Several subtasks of one operator: keyed records go by key group, others in turn or to all. */
export class ScaledHarness {
  readonly #script: OperatorScript
  /** Of each input. */
  readonly #keysOf: readonly (KeySelector | undefined)[]
  #subtasks: OperatorHarness[] = []
  #turn = 0

  constructor(script: OperatorScript) {
    this.#script = script
    this.#keysOf = keySelectorsOf(specOf(script))
    this.#start(script.parallelism ?? 1, undefined, script.nowMs ?? 0)
  }

  get subtasks(): readonly OperatorHarness[] {
    return this.#subtasks
  }

  get keyed(): boolean {
    return this.#keysOf.some((keyOf) => keyOf !== undefined)
  }

  play(step: ScriptStep): void {
    switch (step.kind) {
      case 'send':
        for (const each of this.#route(step.value, step.input ?? 0)) each.send(step.value, step.timestamp, step.input)
        return
      case 'watermark':
        for (const each of this.#subtasks) each.watermark(step.watermark)
        return
      case 'processing-time':
        for (const each of this.#subtasks) each.processingTime(step.nowMs)
        return
      case 'idle':
        for (const each of this.#subtasks) each.idle(step.idle)
        return
      case 'restore':
        this.restore(step.parallelism)
        return
      case 'nothing':
    }
  }

  snapshot(): readonly Uint8Array[] {
    return this.#subtasks.map((each) => each.snapshot())
  }

  /** From a snapshot taken now, or from an earlier one. */
  restore(parallelism: number = this.#subtasks.length, segments: readonly Uint8Array[] = this.snapshot()): void {
    const nowMs = this.#subtasks[0]?.nowMs ?? 0
    for (const each of this.#subtasks) each.close()
    this.#start(parallelism, segments, nowMs)
  }

  take(): HarnessOutput[] {
    return this.#subtasks.flatMap((each) => [...each.take()])
  }

  #route(value: unknown, input: number): readonly OperatorHarness[] {
    const { length } = this.#subtasks
    const { maxParallelism = 128, broadcast = [] } = this.#script
    if (broadcast.includes(input)) return this.#subtasks
    const keyOf = this.#keysOf[input]
    const index = keyOf === undefined
      ? this.#turn++ % length
      : subtaskOfGroup(keyGroupOf(keyOf(value), maxParallelism), length, maxParallelism)
    return [this.#subtasks[index] as OperatorHarness]
  }

  #start(parallelism: number, restored: readonly Uint8Array[] | undefined, nowMs: number): void {
    const { operator, maxParallelism, create } = this.#script
    this.#subtasks = Array.from({ length: parallelism }, (_, subtask) => new OperatorHarness(operator, {
      subtask, parallelism, nowMs,
      ...(maxParallelism === undefined ? {} : { maxParallelism }),
      ...(restored === undefined ? {} : { restored }),
      ...(create === undefined ? {} : { create }),
    }))
  }
}

export function runScript(script: OperatorScript, mode: ScriptMode): ScriptOutputs {
  const harness = new ScaledHarness(script)
  return script.steps.map((step, i) => {
    harness.play(step)
    const outputs = harness.take()
    if (mode === 'plain') return outputs
    const parallelism = mode === 'rescaled' ? RESCALE_CYCLE[i % RESCALE_CYCLE.length] : undefined
    harness.restore(parallelism)
    return [...outputs, ...harness.take()]
  })
}

/** Records only, per step, in an order that does not depend on how subtasks were interleaved. */
export function recordsOf(outputs: ScriptOutputs): string[][] {
  return outputs.map((step) => step.flatMap((each) => (each.kind === 'record' ? [canonical(each)] : [])).sort())
}

/** Watermarks per step, each once, however many subtasks sent it. */
function watermarksOf(outputs: ScriptOutputs): number[][] {
  return outputs.map((step) => [...new Set(step.flatMap((e) => (e.kind === 'watermark' ? [e.watermark] : [])))])
}

/** A text that is equal for equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, each: unknown) => {
    if (typeof each === 'bigint') return { $bigint: each.toString() }
    if (each === undefined) return { $undefined: true }
    if (Object.is(each, -0)) return { $number: '-0' }
    if (typeof each === 'number' && !Number.isFinite(each)) return { $number: String(each) }
    if (each instanceof Map) return { $map: [...each] }
    if (each instanceof Set) return { $set: [...each] }
    return each
  })
}

/**
 * Plays the script in all modes and returns the plain outputs; throws where a mode differs in the
 * records of a step (as a multiset) or in its watermarks. Operators without a key are not rescaled.
 */
export function verifyInAllModes(script: OperatorScript, only?: readonly ScriptMode[]): ScriptOutputs {
  const plain = runScript(script, 'plain')
  const keyed = keySelectorsOf(specOf(script)).some((keyOf) => keyOf !== undefined)
  const modes: readonly ScriptMode[] = only ?? (keyed ? ['restored', 'rescaled'] : ['restored'])
  for (const mode of modes) compareOutputs(plain, runScript(script, mode), mode)
  return plain
}

export function compareOutputs(plain: ScriptOutputs, other: ScriptOutputs, what: string): void {
  const aspects = [
    ['records', recordsOf(plain), recordsOf(other)],
    ['watermarks', watermarksOf(plain), watermarksOf(other)],
  ] as const
  for (const [aspect, expected, found] of aspects) {
    expected.forEach((step, i) => {
      const want = canonical(step)
      const got = canonical(found[i])
      if (want !== got) throw new Error(`${what}: ${aspect} of step ${i} are ${got}, but plain gave ${want}`)
    })
  }
}
