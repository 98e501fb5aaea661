import type { Patch } from '../../../../scripts/lib/source-copy.mjs'

export interface Mutant {
  readonly name: string
  readonly class: string
  readonly bug: string
  readonly patches: readonly Patch[]
  readonly by:
    | { readonly kind: 'seeds'; readonly within: number }
    | { readonly kind: 'test'; readonly file: string; readonly test: string }
}
export const MUTANTS: readonly Mutant[]
export const QUICK: readonly string[]
