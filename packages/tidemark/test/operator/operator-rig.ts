/** An operator in the rig of increments. */
import type { CheckpointId } from '../../src/base/ids.ts'
import type { Io } from '../../src/base/io.ts'
import type { OperatorSpec } from '../../src/graph/operator-spec.ts'
import { readEntries } from '../../src/state/snapshot-format.ts'
import type { OperatorSnapshot } from '../../src/state/snapshot.ts'
import { OperatorHarness, type HarnessOptions } from '../../src/testing/operator-harness.ts'
import { IncrementsRig, KEY_GROUPS, nameOfStored } from '../state/increments-rig.ts'

const at = (made: OperatorSnapshot | Io<OperatorSnapshot> | undefined): OperatorSnapshot => {
  if (made === undefined || 'next' in made) throw new Error('the operator is cut at once')
  return made
}

/** An operator whose cuts are compared with what it says it holds, which is encoded at that moment. */
export function rigOf(
  spec: OperatorSpec, options: { readonly sliceEntries: number; readonly segmentBytes: number }, create?: HarnessOptions['create'],
) {
  const harness = new OperatorHarness(spec, { maxParallelism: KEY_GROUPS, ...(create === undefined ? {} : { create }) })
  const { operator } = harness
  const rig = new IncrementsRig({
    cut: (checkpoint: CheckpointId) => at(operator.snapshot(checkpoint)),
    confirm: (checkpoint) => operator.onCheckpointComplete?.(checkpoint),
    abort: (checkpoint) => operator.onCheckpointAborted?.(checkpoint),
    entries() {
      const held: Record<string, unknown> = {}
      const { keyed, slices } = at(operator.look?.())
      while (slices?.advance(100) === true);
      for (const state of [...keyed, ...(slices?.take() ?? [])]) {
        for (const group of state.groups) for (const entry of readEntries(group)) held[nameOfStored(state, entry)] = entry.value
      }
      return held
    },
  }, options)
  return { harness, rig }
}
