/**
 * What a seed of a full world must have come to, and what one lacks.
 *
 * The simulator fills it in with what was reached, not with what was planned; run-chunk.ts counts the seeds
 * that lack something.
 */
export interface Shape {
  readonly operators: number
  /** Subtasks a vertex, the most with which a checkpoint was completed. */
  readonly parallelism: number
  /** Records that the last completed checkpoint has read. */
  readonly records: number
  readonly checkpoints: number
  readonly crashes: number
  /** Kinds of fault that happened, besides a plain crash. */
  readonly faults: readonly string[]
}

const LEAST = { operators: 3, parallelism: 2, records: 500, checkpoints: 3, crashes: 1, faults: 2 } as const

/** What `shape` has too little of, in words. */
export function lacking(shape: Shape): string[] {
  const counts = { ...shape, faults: shape.faults.length }
  return (Object.keys(LEAST) as (keyof typeof LEAST)[])
    .filter((what) => counts[what] < LEAST[what])
    .map((what) => `${counts[what]} ${what}, not ${LEAST[what]}`)
}
