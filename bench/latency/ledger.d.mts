import type { SinkSpec } from 'tidemark'

export interface LedgerOptions {
  readonly now: () => number
  readonly committed: (dueMs: number, atMs: number) => void
}

export class Ledger {
  constructor(options: LedgerOptions)
  readonly open: number
  watch<T>(sink: SinkSpec<T, 'transactional'>, dueOf: (value: T) => number): SinkSpec<T, 'transactional'>
}
