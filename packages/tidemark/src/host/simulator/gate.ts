/**
 * What sources of a simulated world wait for: how far its checkpoints have come.
 *
 * Owned by a world, which tells it of every checkpoint that is complete; asked by the stops of inputs.ts.
 * What it says never becomes untrue: a restore goes back to a completed checkpoint, not behind it.
 */
interface Silence {
  readonly source: string
  readonly split: number
  readonly after: number
  readonly fromMs: number
}

export class Gate {
  readonly #durable = new Map<string, number>()
  /** Checkpoints that were completed, of all processes. */
  checkpoints = 0
  /** A split that is silent after so many of its records, while event time goes on from `fromMs`. */
  silence: Silence | undefined
  /** A completed checkpoint has shown that it does. */
  wentOn = false

  /** Records of a split, by its number, that the newest completed checkpoint has read. */
  durable(source: string, split: number): number {
    return this.#durable.get(`${source} ${split}`) ?? 0
  }

  setDurable(source: string, split: number, records: number): void {
    this.#durable.set(`${source} ${split}`, records)
  }
}
