export type Verdict = 'met' | 'missed' | 'unclear' | 'not resolved'

export interface Cost {
  readonly target?: number
  readonly verdict?: Verdict
  readonly median: number
  readonly interval95: readonly [number, number] | null
  readonly n: number
}

export interface Spread {
  readonly target: number
  readonly verdict: Verdict
  readonly median: number
  readonly p90: number
  readonly max: number
  readonly n: number
}

export function mostWithin(values: readonly number[], target: number): Spread
export function costWithin(percents: readonly number[], target: number | undefined): Cost
