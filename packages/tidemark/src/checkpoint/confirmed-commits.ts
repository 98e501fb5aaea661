/**
 * Waits until every subtask has confirmed its commits up to a final checkpoint.
 *
 * Owned by the coordinator.
 *
 *   CO-1  A confirmation of `id` covers everything up to it; one for an earlier checkpoint does not do.
 *   CO-2  A subtask that has finished has confirmed: it ends only after its commits (row A14).
 *   CO-3  The answer is given once.
 */
import type { CheckpointId } from '../base/ids.ts'
import { subtaskKey, type SubtaskId } from '../base/protocol.ts'

export class ConfirmedCommits {
  readonly #upTo = new Map<string, number>()
  readonly #finished = new Set<string>()
  #awaited: { readonly id: CheckpointId; readonly finished: boolean; readonly who: readonly SubtaskId[] } | undefined

  reset(): void {
    this.#upTo.clear()
    this.#finished.clear()
    this.#awaited = undefined
  }

  confirm(from: SubtaskId, id: CheckpointId): void {
    const key = subtaskKey(from)
    this.#upTo.set(key, Math.max(id, this.#upTo.get(key) ?? 0))
  }

  finish(from: SubtaskId): void {
    this.#finished.add(subtaskKey(from))
  }

  /** They are started again: what is to be confirmed, their successors say. */
  forget(subtasks: readonly SubtaskId[]): void {
    for (const subtask of subtasks) {
      this.#upTo.delete(subtaskKey(subtask))
      this.#finished.delete(subtaskKey(subtask))
    }
  }

  await(id: CheckpointId, finished: boolean, who: readonly SubtaskId[]): void {
    this.#awaited = { id, finished, who }
  }

  /** The final checkpoint, once, as soon as everybody has confirmed it. */
  takeConfirmed(): { readonly id: CheckpointId; readonly finished: boolean } | undefined {
    const awaited = this.#awaited
    if (awaited === undefined) return undefined
    if (!this.covers(awaited.id, awaited.who)) return undefined
    this.#awaited = undefined
    return awaited
  }

  /** Everybody of `who` has confirmed everything up to `id`. */
  covers(id: CheckpointId, who: readonly SubtaskId[]): boolean {
    return who.every((subtask) => {
      const key = subtaskKey(subtask)
      return this.#finished.has(key) || (this.#upTo.get(key) ?? 0) >= id
    })
  }
}
