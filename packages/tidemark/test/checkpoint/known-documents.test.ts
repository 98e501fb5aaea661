import { expect, test } from 'vitest'
import { checkpointId, epoch } from '../../src/base/ids.ts'
import type { EpochStart } from '../../src/checkpoint/epochs.ts'
import type { Manifest } from '../../src/checkpoint/manifest.ts'
import { KnownDocuments } from '../../src/checkpoint/read.ts'

const knows = (manifests: readonly number[], starts: readonly number[]): KnownDocuments => {
  const known = new KnownDocuments()
  for (const id of manifests) known.manifests.set(checkpointId(id), { checkpoint: id } as unknown as Manifest)
  for (const n of starts) known.starts.set(epoch(n), { epoch: n } as unknown as EpochStart)
  return known
}

test('RD-4: what was collected is forgotten, and what completed after the listing was made is not', () => {
  const known = knows([2, 3, 4, 5], [1, 2, 3])
  known.forgetOthers({ starts: [epoch(2)], manifests: [checkpointId(3), checkpointId(4)] })
  expect([...known.manifests.keys()]).toEqual([3, 4, 5])
  expect([...known.starts.keys()]).toEqual([2, 3])
})

test('RD-4: the first checkpoint is known although the listing holds none', () => {
  const known = knows([1], [1])
  known.forgetOthers({ starts: [], manifests: [] })
  expect([known.manifests.size, known.starts.size]).toEqual([1, 1])
})
