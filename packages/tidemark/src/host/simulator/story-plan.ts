/**
 * What people do to a simulated job, besides running it: drawn from the seed, in half of all full worlds.
 *
 * Plain data, printed with a failing seed; carried out by story.ts.
 */
import { Prng } from '../../base/prng.ts'

export interface StoryPlan {
  /** They take savepoints, stop it, and begin it again in another state directory. */
  readonly savepoints: boolean
  /** They change it to a later version between two processes (versions.ts). */
  readonly evolves: boolean
  /** They clean its state directory between two processes. */
  readonly cleans: boolean
  /** They change its parallelism while it runs. */
  readonly rescales: boolean
}

/** Drawn apart. Chosen so that no seed of the corpus that was there before has a story: each means what it meant. */
export const STORY = 0x737471d3

export function drawStory(seed: number): { readonly story?: StoryPlan } {
  const random = new Prng(seed ^ STORY)
  if (random.chance(1, 2)) return {}
  const drawn = (): boolean => random.chance(2, 3)
  return { story: { savepoints: drawn(), evolves: drawn(), cleans: drawn(), rescales: drawn() } }
}
