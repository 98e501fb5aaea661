/**
 * Checked reading of parsed JSON: a document on disk is untrusted even if its checksum holds.
 *
 * Called by the parsers of manifest, epoch record and identity. Every failure is an E050 that names
 * the field, never a TypeError later on.
 */
import { E050_DOCUMENT_DAMAGED } from './errors.ts'

export class Shape {
  readonly #value: Readonly<Record<string, unknown>>
  readonly #file: string
  readonly #path: string

  constructor(value: unknown, file: string, path = '') {
    this.#file = file
    this.#path = path
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.#fail('', 'is no object')
    this.#value = value as Readonly<Record<string, unknown>>
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#value, key)
  }

  raw(key: string): unknown {
    return this.has(key) ? this.#value[key] : undefined
  }

  string(key: string): string {
    const value = this.raw(key)
    return typeof value === 'string' ? value : this.#fail(key, 'is no string')
  }

  oneOf<T extends string>(key: string, values: readonly T[]): T {
    const value = values.find((known) => known === this.raw(key))
    return value ?? this.#fail(key, `is none of ${values.join(', ')}`)
  }

  boolean(key: string): boolean {
    const value = this.raw(key)
    return typeof value === 'boolean' ? value : this.#fail(key, 'is neither true nor false')
  }

  number(key: string): number {
    const value = this.raw(key)
    return typeof value === 'number' ? value : this.#fail(key, 'is no number')
  }

  integer(key: string, min = 0): number {
    const value = this.raw(key)
    return Number.isSafeInteger(value) && (value as number) >= min
      ? (value as number)
      : this.#fail(key, `is no whole number from ${min}`)
  }

  list<T>(key: string, read: (item: Shape) => T): T[] {
    return this.#array(key).map((item, i) => read(new Shape(item, this.#file, `${this.#path}${key}[${i}].`)))
  }

  integers(key: string): number[] {
    return this.#array(key).map((item) =>
      Number.isSafeInteger(item) ? (item as number) : this.#fail(key, 'holds something else than whole numbers'),
    )
  }

  strings(key: string): string[] {
    return this.#array(key).map((item) =>
      typeof item === 'string' ? item : this.#fail(key, 'holds something else than strings'),
    )
  }

  object(key: string): Shape {
    return new Shape(this.raw(key), this.#file, `${this.#path}${key}.`)
  }

  fail(key: string, problem: string): never {
    return this.#fail(key, problem)
  }

  #array(key: string): readonly unknown[] {
    const value = this.raw(key)
    return Array.isArray(value) ? (value as readonly unknown[]) : this.#fail(key, 'is no list')
  }

  #fail(key: string, problem: string): never {
    const field = `${this.#path}${key}` || 'the document'
    throw E050_DOCUMENT_DAMAGED(
      { file: this.#file, offset: 0, problem: `"${field}" ${problem}` },
      { place: { file: this.#file } },
    )
  }
}
