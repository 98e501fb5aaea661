/**
 * Windows: chooses the operator that fits. Called by create.ts.
 */
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { expandPanes } from './pane-expansion.ts'
import { createAlignedWindow, isAligned } from './window-aligned.ts'
import { createGeneralWindow } from './window-general.ts'
import { createPaneWindow, holdsWindows, sharesPanes } from './window-panes.ts'

export function createWindow(spec: WindowSpec, context: OperatorContext): Operator {
  if (sharesPanes(spec) && !holdsWindows(context.restored)) return createPaneWindow(spec, context)
  const restored = expandPanes(spec, context.restored, context.operator)
  return isAligned(spec)
    ? createAlignedWindow(spec, { ...context, restored })
    : createGeneralWindow(spec, { ...context, restored })
}
