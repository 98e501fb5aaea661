/**
 * java.util.Random, so that events are those of the original generator.
 *
 * The 48-bit state is kept as two halves of 24 bits: every product stays below 2^53.
 */
const HALF = 2 ** 24
const MULTIPLIER_HIGH = 0x5de
const MULTIPLIER_LOW = 0xece66d
const INCREMENT = 0xb
const INT_BITS = 31
const MAX_INT = 2 ** 31 - 1

export class JavaRandom {
  #high = 0
  #low = 0

  /** `seed`: a whole number from 0 to 2^48 - 1. */
  seed(seed) {
    this.#high = Math.floor(seed / HALF) ^ MULTIPLIER_HIGH
    this.#low = (seed % HALF) ^ MULTIPLIER_LOW
  }

  /** The upper `bits` of the next state, at most 32. */
  #next(bits) {
    const low = this.#low * MULTIPLIER_LOW + INCREMENT
    const carry = Math.floor(low / HALF)
    this.#high = (this.#high * MULTIPLIER_LOW + this.#low * MULTIPLIER_HIGH + carry) % HALF
    this.#low = low % HALF
    return bits <= 24 ? this.#high >>> (24 - bits) : this.#high * 2 ** (bits - 24) + (this.#low >>> (48 - bits))
  }

  /** In [0, bound). */
  int(bound) {
    let bits = this.#next(INT_BITS)
    if ((bound & -bound) === bound) return Math.floor((bound * bits) / 2 ** INT_BITS)
    let value = bits % bound
    // The last, incomplete stretch of the range would favour small values.
    while (bits - value + bound - 1 > MAX_INT) {
      bits = this.#next(INT_BITS)
      value = bits % bound
    }
    return value
  }

  /** In [0, 1). */
  double() {
    return (this.#next(26) * 2 ** 27 + this.#next(27)) / 2 ** 53
  }
}
