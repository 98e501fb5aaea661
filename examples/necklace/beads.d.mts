export type Colour = 'red' | 'blue' | 'green'
export interface Bead { readonly n: number; readonly colour: Colour; readonly at: number }

export const BEADS: number
export const BEADS_A_SECOND: number
export const START_MS: number
export const FRIENDS: Readonly<Record<Colour, { readonly name: string; readonly msPerBead: number }>>
export function bead(n: number): Bead
