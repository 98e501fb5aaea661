/**
 * Shared memory of all threads of a job: who sleeps, who still beats, what was counted.
 *
 * Owned by the starting thread, which makes it; every thread writes its own part. Wake-ups do not block
 * and nobody spins: a worker that finds nothing to do says that it sleeps, looks once more, and then waits
 * for a notification without blocking its event loop.
 *
 *   WK-1  No wake-up is lost: the sleeper looks at its channels after it has said that it sleeps, and
 *         whoever publishes looks after publishing whether the other sleeps (Dekker's argument; all
 *         accesses are sequentially consistent atomics).
 */
import type { DeploymentCounts } from '../deployment.ts'

const AWAKE = 0
const ASLEEP = 1

/** Int32 a worker: state, beats. A cache line each, so that workers do not disturb one another. */
const INTS = 16
const BEATS = 1
/** Float64 a worker: records in, records out, late, invalid, watermark (NaN: none). */
const FLOATS = 8

export class WorkerControl {
  readonly memory: SharedArrayBuffer
  readonly #ints: Int32Array
  readonly #floats: Float64Array

  constructor(workers: number, memory?: SharedArrayBuffer) {
    const intBytes = workers * INTS * Int32Array.BYTES_PER_ELEMENT
    this.memory = memory ?? new SharedArrayBuffer(intBytes + workers * FLOATS * Float64Array.BYTES_PER_ELEMENT)
    this.#ints = new Int32Array(this.memory, 0, workers * INTS)
    this.#floats = new Float64Array(this.memory, intBytes, workers * FLOATS)
  }

  /** A new worker takes the place of one that died. */
  reset(worker: number): void {
    Atomics.store(this.#ints, worker * INTS, AWAKE)
    Atomics.store(this.#ints, worker * INTS + BEATS, 0)
    this.#floats.fill(0, worker * FLOATS, (worker + 1) * FLOATS)
    this.#floats[worker * FLOATS + 4] = Number.NaN
  }

  sleep(worker: number): void {
    Atomics.store(this.#ints, worker * INTS, ASLEEP)
  }

  awake(worker: number): void {
    Atomics.store(this.#ints, worker * INTS, AWAKE)
  }

  wake(worker: number): void {
    const at = worker * INTS
    if (Atomics.load(this.#ints, at) !== ASLEEP) return
    if (Atomics.compareExchange(this.#ints, at, ASLEEP, AWAKE) === ASLEEP) Atomics.notify(this.#ints, at)
  }

  /** Settles when the sleeping worker is woken; undefined if it is awake already. */
  whenWoken(worker: number): Promise<unknown> | undefined {
    const waiting = Atomics.waitAsync(this.#ints, worker * INTS, ASLEEP)
    return waiting.async ? waiting.value : undefined
  }

  beat(worker: number): void {
    Atomics.add(this.#ints, worker * INTS + BEATS, 1)
  }

  beats(worker: number): number {
    return Atomics.load(this.#ints, worker * INTS + BEATS)
  }

  publish(worker: number, counts: DeploymentCounts, watermark: number | undefined): void {
    const floats = this.#floats
    const at = worker * FLOATS
    floats[at] = counts.recordsIn
    floats[at + 1] = counts.recordsOut
    floats[at + 2] = counts.late
    floats[at + 3] = counts.invalid
    floats[at + 4] = watermark ?? Number.NaN
  }

  counts(worker: number): DeploymentCounts {
    const at = (i: number): number => this.#floats[worker * FLOATS + i] as number
    return { recordsIn: at(0), recordsOut: at(1), late: at(2), invalid: at(3) }
  }

  watermark(worker: number): number | undefined {
    const watermark = this.#floats[worker * FLOATS + 4] as number
    return Number.isNaN(watermark) ? undefined : watermark
  }
}
