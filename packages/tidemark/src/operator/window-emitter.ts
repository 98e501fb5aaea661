/**
 * Computes and sends the result of a window that fires.
 *
 * Owned by the general window operator. Owns the evictor and the per-key state of the window function.
 */
import type { Key } from '../graph/key.ts'
import { MAIN, type WindowFunctionContext, type WindowSpec } from '../graph/operator-spec.ts'
import type { StateSpec } from '../graph/state-spec.ts'
import type { Window } from '../graph/window-spec.ts'
import type { TrackedTable } from '../state/slices.ts'
import { maxTimestamp } from '../time/window-assigner.ts'
import { declareState, eventClock } from './declare-state.ts'
import { userError } from './errors.ts'
import { evict, type Element } from './evictor.ts'
import type { OperatorContext } from './operator.ts'
import { sideOutputs } from './process.ts'
import type { TimerService } from './timer-service.ts'
import { collectAll, freezing } from './user-code.ts'
import { aggregateOf } from './window-contents.ts'

export interface Emitter {
  /** Returns the contents that stay in the window; undefined: none. */
  (key: Key, window: Window, content: unknown): unknown
  /** State of the window function, to be cut with that of the operator. */
  tables(): readonly TrackedTable[]
  /** Before each cut. */
  beginCut(): void
}

export function createEmitter(spec: WindowSpec, context: OperatorContext, timers: TimerService): Emitter {
  const { operator, output } = context
  const { compute, evictor, keyOf } = spec
  const next = freezing(output.collector(MAIN), context)
  const fn = compute.kind === 'aggregate' ? 'aggregate' : 'window function'
  const shown = (key: Key): Key | undefined => (keyOf === undefined ? undefined : key)
  const functions = compute.kind === 'elements' ? windowFunctions(compute.state) : undefined

  function windowFunctions(state: Readonly<Record<string, StateSpec>>) {
    const { backend, handles } = declareState(state, context, eventClock(operator, () => timers.eventTime, () => undefined))
    let timestamp = 0
    const ctx: WindowFunctionContext = {
      get watermark() { return timers.watermark },
      get processingTime() { return timers.processingTime },
      state: handles,
      side: sideOutputs(spec.sides, context, () => timestamp),
    }
    const enter = (key: Key, time: number): void => {
      backend.setCurrentKey(key)
      timestamp = time
    }
    return { backend, ctx, enter }
  }

  /** The function's outputs, or the one result of an aggregate. */
  function compute1(key: Key, window: Window, content: unknown): unknown {
    try {
      if (compute.kind === 'aggregate') {
        const value = evictor === undefined
          ? compute.aggregate.result(content)
          : aggregateOf(compute.aggregate, content as readonly Element[])
        return compute.result(shown(key), window, value)
      }
      const values = (content as readonly Element[]).map((element) => element.value)
      functions?.enter(key, maxTimestamp(window))
      return compute.fn(shown(key), window, values, functions?.ctx as WindowFunctionContext)
    } catch (thrown) {
      throw userError(thrown, operator, fn)
    }
  }

  function emit(key: Key, window: Window, content: unknown): unknown {
    const time = maxTimestamp(window)
    let kept = content
    if (evictor !== undefined && !evictor.after) kept = evicted(kept as readonly Element[])
    const outputs = compute1(key, window, kept)
    if (compute.kind === 'aggregate') next(outputs, time)
    else collectAll(outputs, time, next, operator, fn)
    if (evictor === undefined) return kept
    if (evictor.after) kept = evicted(kept as readonly Element[])
    // A copy: the elements that stay are appended to, and must not be shared with what fn was given.
    return (kept as readonly Element[]).length === 0 ? undefined : [...(kept as readonly Element[])]
  }

  function evicted(elements: readonly Element[]): readonly Element[] {
    if (evictor === undefined) return elements
    try {
      return evict(evictor, elements)
    } catch (thrown) {
      throw userError(thrown, operator, 'evictor')
    }
  }

  return Object.assign(emit, {
    tables: () => functions?.backend.tables() ?? [],
    beginCut: () => functions?.backend.beginCut(),
  })
}
