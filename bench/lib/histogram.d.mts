export interface HistogramSummary {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly n: number
}

export class Histogram {
  readonly count: number
  readonly max: number
  add(ms: number): void
  quantile(q: number): number
  summary(): HistogramSummary
}
