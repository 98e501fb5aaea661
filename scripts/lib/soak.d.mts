export interface SoakReport {
  readonly kills: number
  readonly rounds: number
  readonly lost: number
  readonly duplicated: number
  readonly wrong: number
  /** Random kills by the moment at which they fell. */
  readonly moments: Readonly<Record<string, number>>
  /** Deaths by named step. */
  readonly failpoints: Readonly<Record<string, number>>
  readonly problems: readonly string[]
}

export function soak(options: {
  readonly kills: number
  readonly steps: readonly string[]
  readonly times: number
  readonly rows?: number
  readonly lastsMs?: number
  readonly failpointRows?: number
  readonly seed?: number
  readonly lanes?: number
  readonly log?: (line: string) => void
}): Promise<SoakReport>
