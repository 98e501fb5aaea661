/**
 * Aligned barrier handling for one subtask, one checkpoint at a time.
 *
 * Owns: which channels are blocked. Called by the subtask for every barrier, cancel marker and end
 * of a channel, and for triggers that come by message instead of by a channel. Calls back into
 * `BarrierListener`. All methods are synchronous.
 *
 *   Idle ── first barrier n ──► Aligning(n) ── last barrier n ──► Idle   (snapshot n)
 *                                  ├── barrier m > n ──► Aligning(m)     (n aborted: subsumed)
 *                                  └── cancel n ──► Idle                 (n aborted: cancelled)
 *
 * Invariants
 *   BH-1  A channel is blocked iff a checkpoint is being aligned and the channel delivered its barrier.
 *   BH-2  `snapshot` is called at most once per checkpoint, with increasing ids.
 *   BH-3  No record that follows a channel's barrier n is processed before snapshot n (exactly-once).
 *   BH-4  After an abort of n, later barriers of n only unblock their channel.
 * Source: Carbone et al. 2015 section 4; Flink SingleCheckpointBarrierHandler.
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointBarrier, CheckpointFailureReason } from '../base/protocol.ts'

export interface BarrierListener {
  block(channel: number): void
  unblock(channel: number): void
  /** All barriers of `barrier.id` are here. `last` is the channel whose barrier came last, -1 for none. */
  snapshot(barrier: CheckpointBarrier, last: number): void
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

  constructor(channels: number, listener: BarrierListener) {
    this.#listener = listener
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

  /** Trigger by message: a virtual barrier on every channel that has not ended, none of them blocked. */
  onTrigger(barrier: CheckpointBarrier): void {
    if (this.#isOld(barrier.id)) return
    this.#startIfNew(barrier)
    if (this.#open.size === 0) {
      this.#complete(-1)
      return
    }
    for (const channel of this.#open) {
      if (this.#pending === undefined) return
      this.#arrived(channel, false)
    }
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
    this.#target = this.#open.size
    this.#listener.alignmentStarted(barrier)
  }

  #arrived(channel: number, block: boolean): void {
    this.#aligned.add(channel)
    if (block && !this.#blocked.has(channel)) {
      this.#blocked.add(channel)
      this.#listener.block(channel)
    }
    if (this.#aligned.size >= this.#target) this.#complete(channel)
  }

  #complete(last: number): void {
    const barrier = this.#pending
    assert(barrier !== undefined, 'a checkpoint is being aligned')
    this.#pending = undefined
    this.#aligned.clear()
    this.#listener.snapshot(barrier, last)
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
