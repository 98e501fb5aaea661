/**
 * A transactional system outside of the simulated job: what was committed to it, by whom, in which order.
 *
 * Owned by a protocol world; outlives its processes. Committables carry their records, and are known by
 * epoch, checkpoint and subtask: one that comes again changes nothing. Used through `ledgerSink`.
 *
 *   LG-1  Nothing of a dead process reaches the ledger.
 *   LG-2  A commit may reach it although the caller is told that it failed.
 */
import { wait, type Io } from '../../base/io.ts'
import type { Prng } from '../../base/prng.ts'
import { storageError } from '../../base/storage-errors.ts'
import type { Committer, SinkContext, SinkSpec, SinkWriter } from '../../graph/sink.ts'
import type { SimulatedStorage } from './storage.ts'

export interface Entry {
  readonly id: string
  readonly checkpoint: number
  readonly records: readonly unknown[]
}

export interface LedgerFaults {
  /** One in so many commits fails, half of these after it took effect; 0: none. */
  readonly failOneIn: number
  /** One in so many stagings takes `hangMs`; 0: none. */
  readonly hangOneIn: number
  readonly hangMs: number
}

export class Ledger {
  readonly entries = new Map<string, Entry>()
  faults: LedgerFaults = { failOneIn: 0, hangOneIn: 0, hangMs: 0 }
  readonly random: Prng
  /** Told of every entry before it takes effect. */
  onCommit: (id: string) => void = () => {}

  constructor(random: Prng) {
    this.random = random
  }

  apply(entry: Entry): void {
    if (this.entries.has(entry.id)) return
    this.onCommit(entry.id)
    this.entries.set(entry.id, entry)
  }
}

export function ledgerSink(ledger: Ledger): SinkSpec<unknown, 'transactional'> {
  return {
    kind: 'ledger',
    resource: 'ledger',
    commit: 'transactional',
    createWriter: (context) => ledgerWriter(ledger, context),
    createCommitter: (context) => ledgerCommitter(ledger, context),
  }
}

function ledgerWriter(ledger: Ledger, { epoch, subtask, ports }: SinkContext): SinkWriter {
  let records: unknown[] = []
  return {
    write(value) {
      records.push(value)
    },
    full: false,
    prepareCommit(checkpoint) {
      const cut = records
      records = []
      const id = `${epoch}/${checkpoint}/${subtask}`
      const { hangOneIn, hangMs } = ledger.faults
      const hangs = hangOneIn > 0 && ledger.random.chance(1, hangOneIn)
      return staged(cut.length === 0 ? [] : [{ id, checkpoint, records: cut } satisfies Entry], () =>
        hangs ? wait<void>((done) => void ports.timers.after(hangMs, () => done({ ok: true, value: undefined }))) : undefined,
      )
    },
    close() {
      records = []
    },
  }
}

function* staged(entries: readonly Entry[], hang: () => Io<void> | undefined): Io<readonly Entry[]> {
  const waiting = hang()
  if (waiting !== undefined) yield* waiting
  return entries
}

function ledgerCommitter(ledger: Ledger, { ports, storage, subtask }: SinkContext): Committer {
  const { probe, executor } = ports
  const alive = (): boolean => (storage as SimulatedStorage).alive
  return {
    *commit(committables) {
      let nth = 0
      for (const entry of committables as readonly Entry[]) {
        nth += 1
        probe(`commit.${nth}.before`)
        yield* wait<void>((done) => {
          executor.post(`ledger:${subtask}`, () => {
            // LG-1: a probe in this very step may have ended the process.
            if (!alive()) return
            const { failOneIn } = ledger.faults
            const fails = failOneIn > 0 && ledger.random.chance(1, failOneIn)
            if (!fails || ledger.random.chance(1, 2)) ledger.apply(entry)
            if (!fails) done({ ok: true, value: undefined })
            else done({ ok: false, error: storageError({ errno: 'EIO', operation: 'append', path: 'ledger' }) })
          })
        })
        probe(`commit.${nth}.after`)
      }
    },
    // Nothing is staged outside the checkpoint.
    *removeAbandoned() {},
  }
}
