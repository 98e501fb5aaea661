/**
 * A transactional sink that remembers what it was told: it stands for the job's own sink.
 *
 * A recorder is the outside world: it is older than any process of the job and survives crashes.
 * Called by the engine through the sink contract, read by harness and exploration.
 *
 *   RK-1  What a process wrote and did not stage dies with it.
 *   RK-2  A staged batch is committed at most once, however often its commit is repeated (SK-3).
 */
import { assert } from '../base/assert.ts'
import type { Io } from '../base/io.ts'
import type { Committer, SinkContext, SinkSpec, SinkWriter } from '../graph/sink.ts'

type EntryState = 'written' | 'staged' | 'committed' | 'lost'

interface Entry {
  readonly value: unknown
  readonly batch: string
  readonly state: EntryState
}

interface MutableEntry extends Entry {
  batch: string
  state: EntryState
}

/** What a recorder held at one moment. */
export type Recorded = readonly Entry[]

export class Recorder {
  #entries: MutableEntry[] = []

  /** All that was written and not lost, in the order of writing. */
  get written(): readonly unknown[] {
    return this.#entries.filter((entry) => entry.state !== 'lost').map((entry) => entry.value)
  }

  get committed(): readonly unknown[] {
    return this.#entries.filter((entry) => entry.state === 'committed').map((entry) => entry.value)
  }

  /** The process died (RK-1). */
  crash(): void {
    this.#entries = this.#entries.filter(({ state }) => state === 'staged' || state === 'committed')
  }

  copy(): Recorded {
    return this.#entries.filter(({ state }) => state !== 'lost').map((entry) => ({ ...entry }))
  }

  reset(recorded: Recorded): void {
    this.#entries = recorded.filter(({ state }) => state !== 'written').map((entry) => ({ ...entry }))
  }

  sink(original: SinkSpec<any>): SinkSpec<any, 'transactional'> {
    return {
      kind: 'recorder',
      resource: original.resource,
      commit: 'transactional',
      createWriter: (context) => this.#writer(context),
      createCommitter: () => this.#committer(),
    }
  }

  #writer({ operator, subtask, epoch }: SinkContext): SinkWriter<unknown> {
    let open: MutableEntry[] = []
    return {
      full: false,
      write: (value) => {
        const entry: MutableEntry = { value, batch: '', state: 'written' }
        open.push(entry)
        this.#entries.push(entry)
      },
      prepareCommit(checkpoint) {
        const cut = open
        open = []
        const batch = `${operator}/${epoch}/${checkpoint}/${subtask}`
        for (const entry of cut) {
          entry.batch = batch
          entry.state = 'staged'
        }
        return ready(cut.length === 0 ? [] : [batch])
      },
      close() {
        for (const entry of open) entry.state = 'lost'
        open = []
      },
    }
  }

  #committer(): Committer {
    return {
      commit: (batches) => {
        for (const batch of batches) {
          const entries = this.#entries.filter((entry) => entry.batch === batch)
          assert(entries.length > 0, 'what is committed was staged')
          for (const entry of entries) entry.state = 'committed'
        }
        return ready(undefined)
      },
      removeAbandoned: (live) => {
        for (const entry of this.#entries) {
          if (entry.state === 'staged' && !live.includes(entry.batch)) entry.state = 'lost'
        }
        return ready(undefined)
      },
    }
  }
}

function* ready<V>(value: V): Io<V> {
  return value
}
