export type Proof =
  | { readonly kind: 'test'; readonly file: string; readonly title: string }
  | { readonly kind: 'destroy'; readonly name: string }
  | { readonly kind: 'drawn'; readonly name: string }
  | { readonly kind: 'step'; readonly name: string }

export interface Fault {
  readonly id: string
  readonly layers: 'S' | 'P' | 'SP'
  readonly fault: string
  readonly by: readonly Proof[]
  readonly needs?: string
  readonly open?: string
}

export const FAULTS: readonly Fault[]
export function faultPage(): string
