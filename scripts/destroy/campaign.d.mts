export interface FaultReport {
  readonly name: string
  /** Rows of the fault catalogue. */
  readonly rows: readonly string[]
  readonly times: number
  readonly kills: number
  /** How it went, by how often. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly lost: number
  readonly duplicated: number
  readonly wrong: number
  readonly violations: readonly {
    readonly nth: number
    readonly seed: number
    readonly directory: string
    readonly problem: string
  }[]
  /** Why this machine cannot do it. */
  readonly skipped?: string
}

export interface DestroyReport {
  readonly seed: number
  readonly minutes: number
  readonly rows: number
  readonly lines: number
  readonly scenarios: number
  readonly kills: number
  readonly lost: number
  readonly duplicated: number
  readonly wrong: number
  readonly violations: number
  readonly skipped: readonly string[]
  readonly faults: readonly FaultReport[]
  readonly ok: boolean
}

export function destroy(options: {
  readonly steps: readonly string[]
  readonly only?: readonly string[]
  readonly minutes?: number
  readonly rounds?: number
  readonly rows?: number
  readonly lastsMs?: number
  readonly seed?: number
  readonly lanes?: number
  readonly log?: (line: string) => void
}): Promise<DestroyReport>

/** All there are: the named steps and the others. */
export function allFaults(steps: readonly string[]): readonly {
  readonly name: string
  readonly rows: readonly string[]
}[]
