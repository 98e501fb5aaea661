/**
 * Settings of a run (`-c key=value`) as the build function sees them.
 *
 * Which keys were asked for is recorded, so that the command line can refuse a misspelt one.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { isStreamError } from '../base/errors.ts'
import { E010_SETTING } from './errors.ts'

/** Typed access to `-c key=value`; without a default, a missing setting ends the start (E010). */
export interface JobConfig {
  string(key: string, fallback?: string): string
  number(key: string, fallback?: number): number
  /** In milliseconds, whatever unit it was written in. */
  duration(key: string, fallback?: Duration): number
  /** 'true' or 'false'. */
  boolean(key: string, fallback?: boolean): boolean
  has(key: string): boolean
}

export class RecordingConfig implements JobConfig {
  readonly #values: Readonly<Record<string, string>>
  readonly #asked: Set<string>

  constructor(values: Readonly<Record<string, string>>, asked: Set<string>) {
    this.#values = values
    this.#asked = asked
  }

  string(key: string, fallback?: string): string {
    return this.#read(key, fallback, 'text', (text) => text)
  }

  number(key: string, fallback?: number): number {
    return this.#read(key, fallback, 'number', (text) => {
      const value = text.trim() === '' ? Number.NaN : Number(text)
      return Number.isFinite(value) ? value : undefined
    })
  }

  duration(key: string, fallback?: Duration): number {
    const otherwise = fallback === undefined ? undefined : durationMs(fallback, `the default of "${key}"`)
    return this.#read(key, otherwise, "duration such as '10s'", (text) => {
      try {
        return durationMs(text as Duration, key)
      } catch (error) {
        if (isStreamError(error)) return undefined
        throw error
      }
    })
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.#read(key, fallback, 'true or false', (text) =>
      text === 'true' ? true : text === 'false' ? false : undefined)
  }

  has(key: string): boolean {
    this.#asked.add(key)
    return Object.hasOwn(this.#values, key)
  }

  #read<T>(key: string, fallback: T | undefined, wanted: string, parse: (text: string) => T | undefined): T {
    if (!this.has(key)) {
      if (fallback === undefined) throw E010_SETTING({ key, given: undefined, wanted })
      return fallback
    }
    const given = this.#values[key] as string
    const value = parse(given)
    if (value === undefined) throw E010_SETTING({ key, given, wanted })
    return value
  }
}
