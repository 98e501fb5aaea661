/**
 * Windows: chooses the operator that fits. Called by create.ts.
 */
import type { WindowSpec } from '../graph/operator-spec.ts'
import { createAlignedWindow, isAligned } from './window-aligned.ts'
import { createGeneralWindow } from './window-general.ts'
import type { Operator, OperatorContext } from './operator.ts'

export function createWindow(spec: WindowSpec, context: OperatorContext): Operator {
  return isAligned(spec) ? createAlignedWindow(spec, context) : createGeneralWindow(spec, context)
}
