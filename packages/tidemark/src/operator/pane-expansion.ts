/**
 * Reads the state of the pane operator as if it were that of the other window operators.
 *
 * Called by them at a restore: a window that was paned and is not any more (another trigger, an evictor, a
 * float sum) goes on with what it had.
 *
 *   PX-1  Every window that is not over gets the merge of its panes, for each key, and waits for its end
 *         unless the key had fired it.
 *   PX-2  Without panes in the snapshot it is the snapshot itself.
 */
import { declaredStates } from '../graph/describe.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { KeyedEntry, RestoredOperator } from '../state/snapshot.ts'
import { PaneGrid } from '../time/panes.ts'
import { E140_PANES_DO_NOT_FIT } from '../time/errors.ts'
import { OpenPanes, PANES, seenIn } from './open-panes.ts'
import { restoredWatermark } from './watermark-state.ts'
import { windowFrom } from './window-table.ts'

export function expandPanes(
  spec: WindowSpec, restored: RestoredOperator | undefined, operator: string, maxParallelism: number,
): RestoredOperator | undefined {
  // A state of a window function may be called like that.
  if (restored === undefined || Object.hasOwn(declaredStates(spec), PANES)) return restored
  const panes = [...restored.keyed(PANES)]
  if (panes.length === 0) return restored
  const { assigner, compute } = spec
  const { start, end } = windowFrom(panes[0]?.namespace)
  if (assigner.kind !== 'sliding' || compute.kind !== 'aggregate' || compute.aggregate.merge === undefined ||
    spec.evictor !== undefined) {
    throw E140_PANES_DO_NOT_FIT({ operator, start, end }, { place: { operator } })
  }
  const { aggregate } = compute
  const { merge } = compute.aggregate
  const { sizeMs, slideMs, offsetMs } = assigner
  const grid = new PaneGrid(sizeMs, slideMs, offsetMs)
  const watermark = restoredWatermark(restored)
  const open = new OpenPanes(grid, spec.latenessMs, { ...aggregate, merge }, maxParallelism)
  open.restore(restored, watermark, operator)
  const seenBy = seenIn(restored, maxParallelism)
  const windows: KeyedEntry[] = []
  const timers: KeyedEntry[] = []
  const known = new Map<Key, Set<number>>()
  for (const { key, namespace } of panes) {
    const pane = windowFrom(namespace)
    const ofKey = known.get(key) ?? new Set()
    known.set(key, ofKey)
    for (let at = grid.firstWindowOf(pane.start); at <= grid.lastWindowOf(pane.start); at += slideMs) {
      if (ofKey.has(at) || open.cleanupOf(at) <= watermark) continue
      ofKey.add(at)
      const window = [at, at + sizeMs]
      windows.push({ key, namespace: window, value: open.of(at, key)?.accumulator })
      const last = at + sizeMs - 1
      const [through, ...held] = seenBy(key)
      const waits = last > through && !held.includes(at)
      if (waits) timers.push({ key, namespace: window, value: last })
      const cleanup = open.cleanupOf(at)
      if (!(waits && cleanup === last)) timers.push({ key, namespace: window, value: cleanup })
    }
  }
  return {
    keyedStates: restored.keyedStates,
    list: (name) => restored.list(name),
    * keyed(name) {
      yield* restored.keyed(name)
      if (name === 'window') yield* windows
      if (name === 'timers/event') yield* timers
    },
  }
}
