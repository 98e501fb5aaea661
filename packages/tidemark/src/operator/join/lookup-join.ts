/**
 * Lookup join: each record with what a function outside gives for its key, remembered for a while.
 *
 * Called by create.ts. It is mapAsync with a cache before it: order, capacity, timeouts, retries and what
 * is in a checkpoint are those of the async operator. Owns the cache of one subtask.
 *
 *   LK-1  The cache is no state: it is empty after every start, and a result never depends on more than
 *         what the function gave for the key within the last `ttlMs`.
 *   LK-2  It holds at most `size` keys; the one unused for longest goes first. That there is nothing for a
 *         key is remembered, too; a failure is not.
 *   LK-3  The join function runs when the result is put out, not when the answer comes: it is called once
 *         a result, and what it throws is not tried again.
 *
 * Source: Flink AsyncLookupJoinRunner, LookupCache (FLIP-221), with a cache per subtask.
 */
import type { LookupJoinSpec } from '../../graph/join-spec.ts'
import type { Key } from '../../graph/key.ts'
import { MAIN } from '../../graph/operator-spec.ts'
import { createAsyncMap } from '../async-map/async-map.ts'
import { userError } from '../errors.ts'
import type { Collect, Operator, OperatorContext } from '../operator.ts'
import { freezing, keyFrom } from '../user-code.ts'

type Joined = readonly [record: unknown, value: unknown]

export function createLookupJoin(spec: LookupJoinSpec, context: OperatorContext): Operator {
  const { lookupKey, load, cache, type, fn: join } = spec
  const { operator, output, processingTime } = context
  const now = (): number => processingTime.now()
  const known = cache === undefined ? undefined : new LookupCache(cache.size, cache.ttlMs, now)
  const next = freezing(output.collector(MAIN), context)

  /** What is known already is no promise, and waits for none. */
  function fn(record: unknown, signal: AbortSignal): Joined | PromiseLike<Joined> {
    const key = keyFrom(lookupKey, record, operator)
    const cached = known?.get(key)
    if (cached !== undefined) return [record, cached.value]
    return load(key, signal).then((value) => {
      known?.set(key, value)
      return [record, value]
    })
  }

  const collect: Collect = ([record, value]: Joined, timestamp) => {
    if (value === undefined && type === 'inner') return
    let out: unknown
    try {
      out = join(record, value)
    } catch (thrown) {
      throw userError(thrown, operator, 'join')
    }
    next(out, timestamp)
  }

  return createAsyncMap({ ...spec, kind: 'async-map', fn }, {
    ...context,
    output: {
      collector: (tag) => (tag === MAIN ? collect : output.collector(tag)),
      watermark: (watermark) => output.watermark(watermark),
      idle: (idle) => output.idle(idle),
    },
  })
}

class LookupCache {
  readonly #size: number
  readonly #ttlMs: number
  readonly #now: () => number
  /** In order of use, the oldest first. */
  readonly #entries = new Map<Key, { readonly value: unknown; readonly at: number }>()

  constructor(size: number, ttlMs: number, now: () => number) {
    this.#size = size
    this.#ttlMs = ttlMs
    this.#now = now
  }

  get(key: Key): { readonly value: unknown } | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (this.#now() >= entry.at + this.#ttlMs) return undefined
    this.#entries.set(key, entry)
    return entry
  }

  set(key: Key, value: unknown): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, at: this.#now() })
    if (this.#entries.size <= this.#size) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }
}
