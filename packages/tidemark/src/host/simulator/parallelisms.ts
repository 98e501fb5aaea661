/** How many subtasks a vertex had, over all processes of a simulated job. Owned by the simulator. */
export class Parallelisms {
  least = Number.POSITIVE_INFINITY
  /** Of those that completed a checkpoint. */
  most = 0
  /** Attempts that went on from a checkpoint of another parallelism. */
  moves = 0
  /** Of the newest checkpoint, whoever completed it. */
  #last: number | undefined

  onStarted(parallelism: number): void {
    this.least = Math.min(this.least, parallelism)
  }

  onCompleted(parallelism: number): void {
    this.most = Math.max(this.most, parallelism)
    this.#last = parallelism
  }

  onRestored(parallelism: number): void {
    if (this.#last !== undefined && this.#last !== parallelism) this.moves += 1
  }
}
