/**
 * A source whose records a test hands in: it stands for the job's own source of the same name.
 *
 * Owned by the harness or by an exploration, and older than any process of the job, as a real log
 * is: after a crash the new process reads it again from the position in its checkpoint.
 *
 *   FE-1  Reading from a position gives what followed it the first time (SR-1).
 *   FE-2  One record a poll: the watermark passes between any two records, whatever the sizes of
 *         batches are, so that what is late does not depend on them.
 */
import type { Io } from '../base/io.ts'
import type { AnySource, Batch, Discovery, ReaderContext, Split, SplitReader } from '../graph/source.ts'
import { cloneRecord } from './clone-record.ts'

/** In the log between records: the watermark is to rise to `ms`. Never leaves the source's chain. */
export class WatermarkMark {
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }
}

const ONLY_SPLIT: Split = { id: 'feed' }

export class Feed {
  readonly name: string
  #log: unknown[] = []
  #ended = false
  #waiting: (() => void)[] = []
  /** Called before each read; may throw, as a source may. */
  beforePoll: () => void = () => {}

  constructor(name: string) {
    this.name = name
  }

  get ended(): boolean {
    return this.#ended
  }

  get log(): readonly unknown[] {
    return this.#log
  }

  append(entries: readonly unknown[]): void {
    for (const entry of entries) this.#log.push(entry instanceof WatermarkMark ? entry : cloneRecord(entry))
    this.#wakeReaders()
  }

  end(): void {
    this.#ended = true
    this.#wakeReaders()
  }

  /** As the log of another harness was when its checkpoint was taken. */
  adopt(log: readonly unknown[]): void {
    this.#log = [...log]
  }

  /** The source that reads this feed in the place of `original`. */
  source(original: AnySource, splitsInTimeOrder: boolean): AnySource {
    return {
      kind: 'feed',
      resource: original.resource,
      rewind: 'can rewind',
      splitsInTimeOrder,
      assignment: 'pull',
      discoverEveryMs: 1000,
      discover: () => discovered(),
      openSplit: (_split, position, context) => this.#open(position, context),
    }
  }

  #open(position: unknown, context: ReaderContext): SplitReader<unknown> {
    let at = typeof position === 'number' ? position : 0
    return {
      poll: (): Batch<unknown> | 'pending' | 'end' => {
        this.beforePoll()
        if (at >= this.#log.length) {
          if (this.#ended) return 'end'
          this.#waiting.push(() => context.wake())
          return 'pending'
        }
        const first = at
        at += 1
        const entry = this.#log[first]
        const record = entry instanceof WatermarkMark ? entry : cloneRecord(entry)
        return { records: [record], malformed: [], place: () => `record ${first} sent to "${this.name}"` }
      },
      position: () => at,
      close() {},
    }
  }

  #wakeReaders(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

function* discovered(): Io<Discovery<Split>> {
  return { splits: [ONLY_SPLIT], state: undefined, complete: true }
}
