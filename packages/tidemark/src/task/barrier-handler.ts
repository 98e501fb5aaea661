/**
 * Barrier handling for one subtask, one checkpoint at a time: aligned until it is told that the checkpoint
 * takes too long, then without waiting.
 *
 * Owns: which channels are blocked. Called by the subtask for every barrier, cancel marker and end
 * of a channel, and for triggers that come by message instead of by a channel. Calls back into
 * `BarrierListener`. All methods are synchronous.
 *
 *   Idle ── first barrier n ──► Aligning(n) ── last barrier n ──► Idle   (snapshot n)
 *    │                             ├── barrier m > n ──► Aligning(m)     (n aborted: subsumed)
 *    │                             ├── cancel n ──► Idle                 (n aborted: cancelled)
 *    └──────── overtake n ─────────┴──► Idle        (snapshot n, its missing channels are recorded)
 *
 * Any process may begin a snapshot of itself, if it records what comes in from the others until their markers
 * do (Chandy and Lamport 1985). So `onOvertake` needs no barrier to be in sight. Channels that cannot be
 * recorded (broadcast, one to one) are waited for all the same.
 *
 * Invariants
 *   BH-1  A channel is blocked iff a checkpoint is being aligned and the channel delivered its barrier.
 *   BH-2  `snapshot` is called at most once per checkpoint, with increasing ids.
 *   BH-3  No record that follows a channel's barrier n is processed before snapshot n (exactly-once).
 *   BH-4  After an abort of n, later barriers of n only unblock their channel.
 *   BH-5  `snapshot` names every open channel whose barrier is still to come. It is empty unless the
 *         checkpoint was overtaken, and never holds a channel that cannot be recorded.
 * Source: Carbone et al. 2015 section 4; Flink SingleCheckpointBarrierHandler; FLIP-76.
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointBarrier, CheckpointFailureReason } from '../base/protocol.ts'

export interface BarrierListener {
  block(channel: number): void
  unblock(channel: number): void
  /**
   * All barriers of `barrier.id` are here, but for those of the channels `missing`. `last` is the channel
   * whose barrier came last, -1 for none.
   */
  snapshot(barrier: CheckpointBarrier, last: number, missing: readonly number[]): void
  /** The alignment of `id` ended without a snapshot. */
  aborted(id: CheckpointId, reason: CheckpointFailureReason): void
  /** First barrier of `id` arrived: start delay ends, alignment begins. */
  alignmentStarted(barrier: CheckpointBarrier): void
}

export class BarrierHandler {
  readonly #listener: BarrierListener
  readonly #open: Set<number>
  readonly #blocked = new Set<number>()
  readonly #aligned = new Set<number>()
  #current = 0
  #target = 0
  #pending: CheckpointBarrier | undefined
  #overtaking = false
  readonly #recordable: (channel: number) => boolean

  /** `recordable`: what is under way in this channel may become part of a snapshot. */
  constructor(channels: number, listener: BarrierListener, recordable: (channel: number) => boolean = () => true) {
    this.#listener = listener
    this.#recordable = recordable
    this.#open = new Set(Array.from({ length: channels }, (_, i) => i))
  }

  /** Channels that have not ended. */
  get openChannels(): number {
    return this.#open.size
  }

  get aligning(): CheckpointId | undefined {
    return this.#pending?.id
  }

  onBarrier(barrier: CheckpointBarrier, channel: number): void {
    assert(this.#open.has(channel), 'a barrier comes from an open channel')
    if (this.#isOld(barrier.id)) return
    this.#startIfNew(barrier)
    this.#arrived(channel, true)
  }

  /**
   * Trigger by message: no sender is left that could send a barrier. Where the end of a channel is still to
   * be read, records that no snapshot of their sender covers may come before it: it stands for the barrier.
   */
  onTrigger(barrier: CheckpointBarrier): void {
    if (this.#isOld(barrier.id)) return
    this.#startIfNew(barrier)
    this.#tryComplete(-1)
  }

  /** The checkpoint has taken too long: no barrier that can be done without is waited for any more. */
  onOvertake(barrier: CheckpointBarrier): void {
    if (this.#isOld(barrier.id)) return
    this.#startIfNew(barrier)
    this.#overtaking = true
    this.#tryComplete(-1)
  }

  onCancel(id: CheckpointId): void {
    if (id > this.#current || (id === this.#current && this.#pending !== undefined)) {
      this.#abort(id, 'cancelled-by-upstream')
    }
  }

  /** The end of a channel stands for its barrier of the current alignment, and of all later ones. */
  onChannelEnded(channel: number): void {
    assert(this.#open.delete(channel), 'a channel ends once')
    if (this.#pending !== undefined) this.#arrived(channel, false)
  }

  #isOld(id: CheckpointId): boolean {
    return id < this.#current || (id === this.#current && this.#pending === undefined)
  }

  #startIfNew(barrier: CheckpointBarrier): void {
    if (barrier.id <= this.#current) return
    if (this.#pending !== undefined) this.#abort(this.#pending.id, 'subsumed')
    this.#current = barrier.id
    this.#pending = barrier
    this.#aligned.clear()
    this.#overtaking = false
    this.#target = this.#open.size
    this.#listener.alignmentStarted(barrier)
  }

  #arrived(channel: number, block: boolean): void {
    this.#aligned.add(channel)
    if (block && !this.#blocked.has(channel)) {
      this.#blocked.add(channel)
      this.#listener.block(channel)
    }
    this.#tryComplete(channel)
  }

  #tryComplete(last: number): void {
    const missing = this.#aligned.size >= this.#target ? [] : [...this.#open].filter((c) => !this.#aligned.has(c))
    if (missing.length > 0 && !(this.#overtaking && missing.every(this.#recordable))) return
    const barrier = this.#pending
    assert(barrier !== undefined, 'a checkpoint is being aligned')
    this.#pending = undefined
    this.#aligned.clear()
    this.#listener.snapshot(barrier, last, missing)
    this.#unblockAll()
  }

  #abort(id: CheckpointId, reason: CheckpointFailureReason): void {
    this.#current = Math.max(this.#current, id)
    this.#pending = undefined
    this.#aligned.clear()
    this.#unblockAll()
    this.#listener.aborted(id, reason)
  }

  #unblockAll(): void {
    for (const channel of this.#blocked) this.#listener.unblock(channel)
    this.#blocked.clear()
  }
}
