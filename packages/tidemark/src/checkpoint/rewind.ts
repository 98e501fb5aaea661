/**
 * Which subtasks the coordinator listens to, and where a part of the job can go back to. Types and bookkeeping.
 *
 * Owned by the coordinator. A region that failed is started again under a higher attempt, in the same term.
 *
 *   RI-1  What a subtask said that was replaced counts for nothing, and what it had said before is forgotten: that its
 *         data had ended, that its commits were confirmed.
 */
import type { Attempt } from '../base/ids.ts'
import { subtaskKey, type SubtaskId } from '../base/protocol.ts'
import type { Manifest } from './manifest.ts'

export type Rewound =
  /** The newest complete checkpoint; undefined: there is none, and the part begins anew. */
  | { readonly kind: 'to'; readonly manifest: Manifest | undefined }
  /**
   * Only everybody can go back: the last checkpoint of the job is complete, so that nothing follows it, or one has an
   * unknown outcome: whether it counts is found out by opening the directory anew.
   */
  | { readonly kind: 'all' }

export class Listening {
  readonly #subtasks: number
  #attempt: Attempt | undefined
  readonly #again = new Map<string, Attempt>()
  readonly #ended = new Set<string>()

  /** `subtasks`: how many there are. */
  constructor(subtasks: number) {
    this.#subtasks = subtasks
  }

  /** All of them begin. */
  start(attempt: Attempt): void {
    this.#attempt = attempt
    this.#again.clear()
    this.#ended.clear()
  }

  /** RI-1. */
  restart(subtasks: readonly SubtaskId[]): void {
    for (const subtask of subtasks) {
      this.#again.set(subtaskKey(subtask), subtask.attempt)
      this.#ended.delete(subtaskKey(subtask))
    }
  }

  to(from: SubtaskId): boolean {
    return (this.#again.get(subtaskKey(from)) ?? this.#attempt) === from.attempt
  }

  onEnded(from: SubtaskId): void {
    this.#ended.add(subtaskKey(from))
  }

  get allEnded(): boolean {
    return this.#ended.size === this.#subtasks
  }
}
