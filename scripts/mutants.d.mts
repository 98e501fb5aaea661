import type { Mutant } from '../packages/tidemark/test/mutants/catalogue.mjs'

export interface MutantResult {
  readonly mutant: string
  readonly class: string
  readonly bug: string
  readonly caught: boolean
  readonly by: string
  /** Seeds it took, where the simulator noticed it. */
  readonly seeds?: number
  readonly ms: number
}
export function runMutants(
  mutants: readonly Mutant[], jobs: number, onResult?: (result: MutantResult) => void,
): Promise<MutantResult[]>
