/**
 * generator(): made-up records, the same ones at every run.
 *
 * Record n is a function of n and the seed alone, so every position is known and the source rewinds.
 * Split i of k gives the records n with n mod k = i: all splits move through time side by side.
 *
 * Invariants
 *   GE-1  Record n is the same whatever was read before, in whichever split and after any restore.
 *   GE-2  With a rate, record n is not given before n / rate seconds after the split was opened, counted
 *         from its position; the pace is measured against monotonic time, so it does not drift.
 */
import { finalMix } from '../base/hash.ts'
import type { Random, TimerHandle } from '../base/ports.ts'
import type { Batch, ReaderContext, Split, SplitReader } from '../graph/source.ts'
import { E111_CONNECTOR_OPTION } from './errors.ts'
import { positive, type RewindableSource } from './text-source.ts'

export interface GeneratorOptions<T> {
  /** Makes record n; all its chance must come from `random`. */
  readonly record: (n: number, random: Random) => T
  /** Number of records; default: without end. */
  readonly count?: number
  /** Records a second over all splits; default: as fast as they are taken. */
  readonly rate?: number
  /** Default 0. */
  readonly seed?: number
  /** Default 1. */
  readonly splits?: number
}

export interface GeneratorSplit extends Split {
  readonly index: number
}

/** Chance for one record: a splitmix32 sequence that begins at a hash of seed and n. */
class RecordRandom implements Random {
  readonly #seed: number
  #state = 0

  constructor(seed: number) {
    this.#seed = finalMix(seed | 0) ^ Math.floor(seed / 4294967296)
  }

  begin(n: number): void {
    const high = Math.floor(n / 4294967296)
    this.#state = finalMix(finalMix((n | 0) ^ this.#seed) + Math.imul(high, 0x9e3779b9))
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    return finalMix(this.#state) >>> 0
  }

  below(bound: number): number {
    return Math.floor((this.uint32() / 4294967296) * bound)
  }

  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator
  }
}

export function generator<T>(options: GeneratorOptions<T>): RewindableSource<T, GeneratorSplit> {
  const splits = positive('generator', 'splits', options.splits ?? 1)
  const { count, rate } = options
  if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0)) {
    throw E111_CONNECTOR_OPTION({ connector: 'generator', option: 'count', reason: `is ${count}, and must be a whole number` })
  }
  if (rate !== undefined && !(rate > 0 && rate < Infinity)) {
    throw E111_CONNECTOR_OPTION({ connector: 'generator', option: 'rate', reason: `is ${rate}, and must be above 0` })
  }
  return {
    kind: 'generator',
    resource: `generator with seed ${options.seed ?? 0}, ${count ?? 'endless'} records`,
    rewind: 'can rewind',
    splitsInTimeOrder: true,
    assignment: 'spread',
    discoverEveryMs: 1000,
    *discover() {
      const made = Array.from({ length: splits }, (_, index) => ({ id: `generator-${index}-of-${splits}`, index }))
      return { splits: made, state: undefined, complete: true }
    },
    openSplit: (split, position, context) => new GeneratorReader(options, splits, split.index, position, context),
    *size() {
      return count === undefined ? undefined : { records: count }
    },
  }
}

class GeneratorReader<T> implements SplitReader<T> {
  readonly #record: GeneratorOptions<T>['record']
  readonly #random: RecordRandom
  readonly #step: number
  readonly #end: number
  /** Records of this split a millisecond; undefined: no limit. */
  readonly #perMs: number | undefined
  readonly #context: ReaderContext
  readonly #openedMs: number
  readonly #first: number
  #next: number
  #timer: TimerHandle | undefined
  #closed = false

  constructor(
    options: GeneratorOptions<T>, splits: number, index: number, position: unknown, context: ReaderContext,
  ) {
    this.#record = options.record
    this.#random = new RecordRandom(options.seed ?? 0)
    this.#step = splits
    this.#end = options.count ?? Number.MAX_SAFE_INTEGER
    this.#perMs = options.rate === undefined ? undefined : options.rate / 1000 / splits
    this.#context = context
    this.#next = typeof position === 'number' ? position : index
    this.#first = this.#next
    this.#openedMs = context.ports.clock.monotonicMs()
  }

  poll(max: number): Batch<T> | 'pending' | 'end' {
    if (this.#closed || this.#next >= this.#end) return 'end'
    const first = this.#next
    const step = this.#step
    const wanted = Math.min(max, Math.ceil((this.#end - first) / step), this.#due())
    if (wanted <= 0) return this.#later()
    const records: T[] = []
    for (let i = 0, n = first; i < wanted; i++, n += step) {
      this.#random.begin(n)
      records.push(this.#record(n, this.#random))
    }
    this.#next = first + wanted * step
    return { records, malformed: [], place: (index) => `record ${first + index * step}` }
  }

  position(): number {
    return this.#next
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /** Records whose time has come. */
  #due(): number {
    if (this.#perMs === undefined) return Infinity
    const elapsed = this.#context.ports.clock.monotonicMs() - this.#openedMs
    return Math.floor(elapsed * this.#perMs) - (this.#next - this.#first) / this.#step
  }

  #later(): 'pending' {
    if (this.#timer !== undefined) return 'pending'
    const given = (this.#next - this.#first) / this.#step
    const dueMs = this.#openedMs + (given + 1) / (this.#perMs as number)
    const delayMs = Math.max(1, Math.ceil(dueMs - this.#context.ports.clock.monotonicMs()))
    this.#timer = this.#context.ports.timers.after(delayMs, () => {
      this.#timer = undefined
      this.#context.wake()
    })
    return 'pending'
  }
}
