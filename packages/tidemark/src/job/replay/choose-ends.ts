/**
 * The two checkpoints that a replay lies between, if it can.
 *
 * Called by the host of a replay, first of all.
 *
 *   RPL-15  Both are on the line that a start would go on from, so that what lies between them was read once as far
 *           as state can tell, whatever failures there were.
 *   RPL-16  The second one holds no record in flight: its state is then that of its positions.
 */
import type { Io } from '../../base/io.ts'
import type { Storage } from '../../base/ports.ts'
import type { Manifest } from '../../checkpoint/manifest.ts'
import { readFacts } from '../../checkpoint/read.ts'
import { reachableManifests } from '../../checkpoint/recover.ts'
import { restorableOf, type Restorable } from '../../checkpoint/savepoint.ts'
import { E173_NOT_COMPARABLE } from './errors.ts'

/** `from` undefined: the one before `to`. Throws E047, E144, E173, or the error of a damaged manifest. */
export function* chooseEnds(
  storage: Storage, directory: string, { from, to }: { readonly from?: string; readonly to: string },
): Io<{ readonly from: Restorable; readonly to: Manifest }> {
  const second = (yield* restorableOf(storage, directory, to)).manifest
  const line = reachableManifests(yield* readFacts(storage, directory))
  const before = line.findLast(({ checkpoint }) => checkpoint < second.checkpoint)
  const ref = from ?? (before === undefined ? undefined : String(before.checkpoint))
  const start = ref === undefined ? undefined : yield* restorableOf(storage, directory, ref)
  const first = start?.manifest
  const { checkpoint: end } = second
  const unfit = (problem: string, ...hints: string[]): Error =>
    E173_NOT_COMPARABLE({ from: first?.checkpoint, to: end, problem, hints }, { place: { checkpoint: end } })
  if (start === undefined || first === undefined) {
    throw unfit(`#${end} is the oldest one that is kept`, 'keep more of them: -c retain=20, or labels')
  }
  if (first.checkpoint >= second.checkpoint) {
    throw unfit('the first has to be older than the second', `see them: tidemark checkpoint list ${directory}`)
  }
  const older = 'give an older checkpoint as --to'
  if (second.drained === true) throw unfit('by the second one the job had been drained: its input ended by decree', older)
  if (holdsRecords(second)) {
    const others = line.filter((manifest) => manifest.checkpoint > first.checkpoint && !holdsRecords(manifest))
      .map(({ checkpoint }) => `#${checkpoint}`)
    throw unfit(
      'the second one is unaligned: records that sources had read were still on their way, so that its state is ' +
      'that of no one position',
      others.length === 0 ? older : `give an aligned one as --to: ${others.slice(0, 8).join(', ')}`,
      'let the job take aligned ones: checkpoint: { unaligned: false }',
    )
  }
  return { from: start, to: second }
}

/** Some records were neither in front of its sources nor in its state, but between. */
export const holdsRecords = ({ segments }: Manifest): boolean =>
  segments.some(({ states }) => states.some(({ kind, entries }) => kind === 'in-flight' && entries > 0))
