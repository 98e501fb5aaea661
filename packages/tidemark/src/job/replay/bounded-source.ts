/**
 * A source that ends its reading where a checkpoint was cut, and says when it stands there.
 *
 * Made by replay-graph.ts around every source of the job; its discovery runs beside the coordinator and its readers
 * in the subtasks, all on the one thread of a replay. Owns the counts of what is still to be read.
 *
 *   RPL-3  No record beyond the bound is given out: the reader is asked for one record at a time, and its position
 *          is looked at before each. A reader that gets past its bound all the same ends the replay (E174).
 *   RPL-4  What was asked for at once is given at once, up to the bound, so that batches are as large as they were:
 *          between two batches the watermark moves, and decides what is late.
 *   RPL-5  A split at its bound is 'pending', not at its end: the watermark stays where the checkpoint saw it.
 *   RPL-6  `onSettled` is called once, when every split has come to its bound and all that was read is sent on.
 *
 * Source: own design.
 */
import type { Io } from '../../base/io.ts'
import type {
  AnySource, Batch, Discovery, DiscoveryContext, ReaderContext, Split, SplitReader,
} from '../../graph/source.ts'
import { E174_BOUND_PASSED, E175_INPUT_CHANGED } from './errors.ts'
import { samePosition, type Bound, type SourceBounds } from './source-cut.ts'

export class BoundedSource {
  readonly operator: string
  readonly bounds: SourceBounds
  readonly spec: AnySource
  readonly #source: AnySource
  readonly #onSettled: () => void
  #known: number
  #open: number
  #records = 0

  constructor(operator: string, source: AnySource, bounds: SourceBounds, onSettled: () => void) {
    this.operator = operator
    this.bounds = bounds
    this.#source = source
    this.#onSettled = onSettled
    this.#known = bounds.known[0]
    this.#open = bounds.open
    const { kind, resource, rewind, splitsInTimeOrder, assignment, discoverEveryMs } = source
    this.spec = {
      kind, resource, rewind, splitsInTimeOrder, assignment, discoverEveryMs,
      discover: (context) => this.#discover(context),
      openSplit: (split: Split, position, context) => this.#openSplit(split, position, context),
    }
  }

  /** Records given out so far. */
  get records(): number {
    return this.#records
  }

  /** Every split stands at its bound, from the start if there is nothing to read. */
  get settled(): boolean {
    return this.#open === 0
  }

  /** What the job had not discovered by the second checkpoint does not exist yet. */
  *#discover(context: DiscoveryContext): Io<Discovery<Split>> {
    const [, last] = this.bounds.known
    const { complete } = this.bounds
    if (this.#known >= last) return { splits: [], state: context.state, complete }
    const found: Discovery<Split> = yield* this.#source.discover(context)
    const splits = found.splits.slice(0, last - this.#known)
    this.#known += splits.length
    if (this.#known < last && (splits.length === 0 || found.complete)) {
      throw this.#changed(`${this.#known} of its ${last} splits can be found`)
    }
    return { splits, state: found.state, complete: complete && this.#known === last }
  }

  #openSplit(split: Split, position: unknown, context: ReaderContext): SplitReader<unknown> {
    const bound = this.bounds.of(split.id, position)
    if (bound.kind === 'untouched') return new HeldReader(position)
    const reader: SplitReader<unknown> = this.#source.openSplit(split, position, context)
    return new BoundedReader(reader, bound, {
      onRecords: (count) => this.#count(count, split, bound, reader),
      onBound: () => this.#settle(),
      endedEarly: (end) => this.#changed(`split "${split.id}" ends at ${shown(end)} and was read to ${shownBound(bound)}`),
    })
  }

  #count(count: number, split: Split, bound: Bound, reader: SplitReader<unknown>): void {
    this.#records += count
    const { records } = this.bounds
    if (records === undefined || this.#records <= records) return
    const at = shown(reader.position())
    throw E174_BOUND_PASSED(
      { operator: this.operator, split: split.id, bound: shownBound(bound), at, records },
      { place: { operator: this.operator } },
    )
  }

  #changed(problem: string): Error {
    const { operator } = this
    return E175_INPUT_CHANGED({ operator, problem }, { place: { operator } })
  }

  #settle(): void {
    this.#open -= 1
    if (this.#open === 0) this.#onSettled()
  }
}

/** Of a split that is not read: it never was, or not between the two checkpoints. */
class HeldReader implements SplitReader<never> {
  readonly #position: unknown

  constructor(position: unknown) {
    this.#position = position
  }

  poll(): 'pending' {
    return 'pending'
  }

  position(): unknown {
    return this.#position
  }

  close(): void {}
}

interface ReaderWatch {
  /** Throws E174. */
  onRecords(count: number): void
  /** The reader stands at its bound and all it gave is sent on. Once. */
  onBound(): void
  endedEarly(position: unknown): Error
}

export class BoundedReader<T> implements SplitReader<T> {
  readonly #reader: SplitReader<T>
  readonly #bound: Bound
  readonly #watch: ReaderWatch
  #done = false

  constructor(reader: SplitReader<T>, bound: Bound, watch: ReaderWatch) {
    this.#reader = reader
    this.#bound = bound
    this.#watch = watch
  }

  poll(max: number): Batch<T> | 'pending' | 'end' {
    if (this.#done) return 'pending'
    const gathered = new GatheredBatch<T>()
    for (let asked = 0; asked < max; asked++) {
      if (this.#atBound()) {
        if (!gathered.isEmpty) return gathered.whole()
        this.#done = true
        this.#watch.onBound()
        return 'pending'
      }
      const batch = this.#reader.poll(1)
      if (batch === 'pending') break
      // It says so again when it is asked next.
      if (batch === 'end') return gathered.isEmpty ? this.#end() : gathered.whole()
      gathered.add(batch)
      this.#watch.onRecords(batch.records.length)
    }
    return gathered.isEmpty ? 'pending' : gathered.whole()
  }

  position(): unknown {
    return this.#reader.position()
  }

  close(): void {
    this.#reader.close()
  }

  #atBound(): boolean {
    return this.#bound.kind === 'position' && samePosition(this.#reader.position(), this.#bound.position)
  }

  #end(): 'end' {
    if (this.#bound.kind === 'position') throw this.#watch.endedEarly(this.#reader.position())
    this.#watch.onBound()
    return 'end'
  }
}

/** Batches of one record, gathered to the one that they would have been. */
class GatheredBatch<T> {
  readonly #batches: Batch<T>[] = []

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  add(batch: Batch<T>): void {
    this.#batches.push(batch)
  }

  whole(): Batch<T> {
    const batches = this.#batches
    const owners = batches.flatMap((batch) => batch.records.map((_, index) => ({ batch, index })))
    const last = batches.at(-1) as Batch<T>
    return {
      records: batches.flatMap(({ records }) => records),
      malformed: batches.flatMap(({ malformed }) => malformed),
      ...(batches.some(({ eventTimes }) => eventTimes !== undefined)
        ? { eventTimes: owners.map(({ batch, index }) => batch.eventTimes?.[index] ?? Number.NaN) }
        : {}),
      place: (index) => {
        const { batch, index: own } = owners[index] ?? { batch: last, index }
        return batch.place(own)
      },
    }
  }
}

const shown = (position: unknown): string => JSON.stringify(position, (_, value: unknown) =>
  typeof value === 'bigint' ? `${value}n` : value) ?? 'its beginning'

const shownBound = (bound: Bound): string => (bound.kind === 'position' ? shown(bound.position) : 'its end')
