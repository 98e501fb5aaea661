/**
 * Windows: chooses the operator that fits. Called by create.ts.
 */
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { expandPanes } from './pane-expansion.ts'
import { createAlignedWindow, isAligned } from './window-aligned.ts'
import { createClockWindow, goesByClock } from './window-clock.ts'
import { asGeneralSessions } from './session-form.ts'
import { withTimers } from './window-fired.ts'
import { createGeneralWindow } from './window-general.ts'
import { createPaneWindow, holdsWindows, sharesPanes } from './window-panes.ts'
import { createSessionWindow, isPlainSession } from './window-sessions.ts'

export function createWindow(spec: WindowSpec, context: OperatorContext): Operator {
  if (sharesPanes(spec) && !holdsWindows(context.restored)) return createPaneWindow(spec, context)
  const rest = { ...context, restored: expandPanes(spec, context.restored, context.operator, context.maxParallelism) }
  if (isAligned(spec)) return createAlignedWindow(spec, rest)
  if (goesByClock(spec)) return createClockWindow(spec, rest)
  if (isPlainSession(spec)) return createSessionWindow(spec, rest)
  const general = asGeneralSessions(spec, withTimers(spec, rest.restored, context.maxParallelism))
  return createGeneralWindow(spec, { ...rest, restored: general })
}
