export interface Patch {
  /** Below packages/tidemark/src. */
  readonly file: string
  /** Must occur exactly once. */
  readonly find: string
  readonly replace: string
}
export function copyPlain(): string
export function copyWithPatches(name: string, patches: readonly Patch[], module: string): string
