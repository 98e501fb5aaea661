/**
 * Makes and sends the result of one key of one window, from its accumulator.
 *
 * Used by the window operators that aggregate and have no evictor.
 *
 *   WU-1  Results carry the largest timestamp of their window.
 *   WU-2  The accumulator is not changed. One that consists of cells alone is not kept either.
 */
import type { Key } from '../graph/key.ts'
import { MAIN, type WindowCompute, type WindowSpec } from '../graph/operator-spec.ts'
import type { Window } from '../graph/window-spec.ts'
import { maxTimestamp } from '../time/window-assigner.ts'
import { rowCode } from './aggregate-code.ts'
import { userError } from './errors.ts'
import { guarded, handedOn } from './inline.ts'
import type { OperatorContext } from './operator.ts'
import { freezing } from './user-code.ts'

export type SendResult = (key: Key, window: Window, accumulator: unknown) => void

export function windowResults(
  spec: WindowSpec, compute: Extract<WindowCompute, { kind: 'aggregate' }>, context: OperatorContext,
): SendResult {
  const { operator, output, freeze } = context
  const { aggregate, result, row } = compute
  const keyed = spec.keyOf !== undefined
  const what = 'result of the aggregate'
  const generated = output.generate?.<SendResult>(['key', 'window', 'accumulator'], (code) => {
    const [value, time] = [code.local(), code.local()]
    const own = rowCode(row, code, { key: 'key', accumulator: 'accumulator', window: 'window' })
    const given = own?.row ??
      `${code.bind(result)}(${keyed ? 'key' : 'undefined'}, window, ${code.bind(aggregate.result)}(accumulator))`
    return `let ${value}
      ${guarded(code, `${own?.before ?? ''} ${value} = ${handedOn(code, given, freeze)}`, operator, what)}
      const ${time} = ${code.bind(maxTimestamp)}(window)
      ${code.next(MAIN, value, time)}`
  })
  if (generated !== undefined) return generated
  const next = freezing(output.collector(MAIN), context)
  return (key, window, accumulator) => {
    let value: unknown
    try {
      value = result(keyed ? key : undefined, window, aggregate.result(accumulator))
    } catch (thrown) {
      throw userError(thrown, operator, what)
    }
    next(value, maxTimestamp(window))
  }
}
