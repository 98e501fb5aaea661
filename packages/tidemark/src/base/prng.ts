/**
 * Seeded pseudo-random numbers (sfc32 after a splitmix32 seeding): the only chance below a host.
 *
 * Same seed, same sequence, on every machine and Node version. Not for secrets.
 * Source: C. Doty-Humphrey, PractRand (sfc32); G. Steele et al. 2014 (splitmix).
 */
import type { Random } from './ports.ts'

export class Prng implements Random {
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(seed: number) {
    let s = seed | 0
    const next = (): number => {
      s = (s + 0x9e3779b9) | 0
      let z = s
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return z ^ (z >>> 15)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    for (let i = 0; i < 12; i++) this.uint32()
  }

  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return t >>> 0
  }

  below(bound: number): number {
    return Math.floor((this.uint32() / 4294967296) * bound)
  }

  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  /** A generator of its own, so that one consumer's draws do not shift another's. */
  fork(): Prng {
    return new Prng(this.uint32())
  }
}
