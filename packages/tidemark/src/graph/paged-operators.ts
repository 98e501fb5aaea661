/**
 * Which operators keep their keyed state in a store of the disk, where the job asks for one.
 *
 * Those that keep what users declare: process functions and what is made of them, rolling aggregates, joins without
 * windows. Windows, other joins and patterns keep theirs on the heap, and so do timers.
 */
import { describedStates } from './kept-states.ts'
import type { OperatorSpec } from './operator-spec.ts'

const KINDS: ReadonlySet<OperatorSpec['kind']> =
  new Set(['rolling', 'process', 'co-process', 'broadcast-process', 'keyed-join'])
/** Have keyed state, which stays on the heap. */
const HEAP_KINDS: ReadonlySet<OperatorSpec['kind']> =
  new Set(['window', 'window-join', 'interval-join', 'temporal-join', 'match'])

export const isPaged = (spec: OperatorSpec): boolean =>
  KINDS.has(spec.kind) && Object.keys(describedStates(spec) ?? {}).length > 0

export const staysOnHeap = (spec: OperatorSpec): boolean => HEAP_KINDS.has(spec.kind)
