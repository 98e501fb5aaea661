/**
 * Growing memory with one view per width, for one item on its way into or out of a ring.
 *
 * Owned by an encoder or a receiver. The memory is shared memory though one thread alone uses it: tens of
 * megabytes of plain buffers make V8 collect garbage far more often, shared ones do not count.
 */
const LEAST_BYTES = 4096
/** More than this is given back after the item. */
const KEPT_BYTES = 2 ** 20

export class Scratch {
  bytes: Uint8Array = new Uint8Array(0)
  ints: Int32Array = new Int32Array(0)
  floats: Float64Array = new Float64Array(0)
  bigints: BigInt64Array = new BigInt64Array(0)

  /** Room for `size` bytes at least; the first `keep` bytes stay. Views taken before are void. */
  reserve(size: number, keep: number): void {
    if (size <= this.bytes.length) return
    const old = this.bytes
    let length = Math.max(LEAST_BYTES, old.length)
    while (length < size) length *= 2
    this.#use(new SharedArrayBuffer(length))
    if (keep > 0) this.bytes.set(old.subarray(0, keep))
  }

  /** The item is done with. */
  reset(): void {
    if (this.bytes.length > KEPT_BYTES) this.#use(new SharedArrayBuffer(LEAST_BYTES))
  }

  #use(memory: SharedArrayBuffer): void {
    this.bytes = new Uint8Array(memory)
    this.ints = new Int32Array(memory)
    this.floats = new Float64Array(memory)
    this.bigints = new BigInt64Array(memory)
  }
}
