/**
 * Temporal join: each left record with the version of the right side that was valid at its time.
 *
 * Called by create.ts. Owns the rules; rows, visits and outputs are those of join-sides.ts. A right record
 * starts a version of its key at its timestamp, which is valid until the next one starts.
 *
 *   TJ-1  A left record waits until the watermark has reached its time, since versions may come out of
 *         order; it is put out then, once, with its own timestamp. Results come in order of time.
 *   TJ-2  Its version is the last that starts at its time or before it; of two that start at the same time
 *         the one that arrived later.
 *   TJ-3  A left record at the watermark or before it is late: it goes to the late output and joins nothing.
 *   TJ-4  A version at the watermark or before it counts for what is still to come, unless a later one is
 *         valid already: then it goes to the late output.
 *   TJ-5  Kept are the version valid at the watermark and those after it; none at all of a key that has
 *         ended.
 *
 * Source: Flink TemporalRowTimeJoinOperator (which gives late left records whatever version is there).
 */
import type { TemporalJoinSpec } from '../../graph/join-spec.ts'
import type { Key } from '../../graph/key.ts'
import { userError } from '../errors.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import { JoinSides } from './join-sides.ts'
import { LEFT, RIGHT, type KeyRows, type Side } from './side-table.ts'
import type { TimeBuffer } from './time-buffer.ts'

export function createTemporalJoin(spec: TemporalJoinSpec, context: OperatorContext): Operator {
  const { type, keysOf, fn, ends } = spec
  const sides = new JoinSides({ keysOf, fn, take, dueOf, fire }, context)

  function take(side: Side, key: Key, value: unknown, time: number): void {
    if (side === RIGHT) {
      takeVersion(key, value, time)
      return
    }
    if (time <= sides.watermark) {
      sides.late(LEFT, key, value, time)
      return
    }
    const rows = sides.rowsOf(key)
    rows.left.add(time, value)
    if (time < rows.due) sides.schedule(rows, time)
  }

  function takeVersion(key: Key, value: unknown, time: number): void {
    const rows = sides.rowsOf(key)
    const versions = rows.right
    const { watermark } = sides
    if (time < versions.timeAt(0) && versions.timeAt(0) <= watermark) {
      sides.late(RIGHT, key, value, time)
      return
    }
    let at = versions.countUpTo(time) - 1
    if (at >= 0 && versions.timeAt(at) === time) versions.replace(at, value)
    else at = versions.add(time, value)
    // The mark says of a version that its key has ended: asked once, not for every record it is valid for.
    if (ends !== undefined) versions.mark(at, hasEnded(ends, value))
    if (time <= watermark) prune(versions, watermark)
    sides.settle(rows)
  }

  function hasEnded(says: NonNullable<TemporalJoinSpec['ends']>, version: unknown): boolean {
    try {
      return says(version)
    } catch (thrown) {
      throw userError(thrown, context.operator, 'ends')
    }
  }

  /** A record, or a version that makes the one before it needless. */
  function dueOf({ left: records, right: versions }: KeyRows): number {
    return Math.min(records.timeAt(0), versions.timeAt(versions.isMarked(0) ? 0 : 1))
  }

  function fire({ key, left: records, right: versions }: KeyRows, time: number): void {
    const count = records.countUpTo(time)
    for (let i = 0; i < count; i++) {
      const at = records.timeAt(i)
      const version = versions.countUpTo(at) - 1
      if (version >= 0 && !versions.isMarked(version)) {
        sides.emit(key, records.valueAt(i), at, versions.valueAt(version), versions.timeAt(version), at)
      } else if (type === 'left') {
        sides.emit(key, records.valueAt(i), at, undefined, undefined, at)
      }
    }
    records.removeFirst(count)
    prune(versions, time)
  }

  function prune(versions: TimeBuffer, time: number): void {
    const started = versions.countUpTo(time)
    if (started > 1) versions.removeFirst(started - 1)
    if (started > 0 && versions.isMarked(0)) versions.removeFirst(1)
  }

  return sides.operator()
}
