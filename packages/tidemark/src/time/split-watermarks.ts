/**
 * The watermarks of several splits inside one source reader, combined into one.
 *
 * Owned by the source operator. A split is added before its first record and removed at its end.
 *
 *   SW-1  The combined watermark is the minimum over the splits that are not idle, and never decreases.
 *   SW-2  A split that sends a watermark is no longer idle. All idle: the combination is idle and its
 *         watermark stays.
 *   SW-3  With no split at all nothing rises: the minimum over nothing is not "the end of time".
 *   SW-4  The watermark of one split never decreases.
 *
 * Source: Flink WatermarkOutputMultiplexer, CombinedWatermarkStatus.
 */
import { assert } from '../base/assert.ts'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'

interface Part {
  watermark: number
  idle: boolean
}

export class SplitWatermarks {
  readonly #parts = new Map<string, Part>()
  #watermark: number
  #idle = false

  /** `floor`: the combined watermark at a restored checkpoint. */
  constructor(floor: number = MIN_TIMESTAMP) {
    this.#watermark = floor
  }

  get watermark(): number {
    return this.#watermark
  }

  get idle(): boolean {
    return this.#idle
  }

  /** The split that is furthest behind; undefined: there is none, or all are idle. */
  get holder(): string | undefined {
    let slowest: { readonly split: string; readonly watermark: number } | undefined
    for (const [split, { watermark, idle }] of this.#parts) {
      if (!idle && (slowest === undefined || watermark < slowest.watermark)) slowest = { split, watermark }
    }
    return slowest?.split
  }

  get size(): number {
    return this.#parts.size
  }

  add(split: string, watermark: number = MIN_TIMESTAMP): void {
    assert(!this.#parts.has(split), 'a split is added to the watermarks once')
    this.#parts.set(split, { watermark, idle: false })
    this.#idle = false
  }

  /** Returns whether `watermark` or `idle` of the combination changed; so do the others. */
  remove(split: string): boolean {
    assert(this.#parts.delete(split), 'a split that is removed was there')
    return this.#combine()
  }

  onWatermark(split: string, watermark: number): boolean {
    const part = this.#part(split)
    const wasIdle = part.idle
    part.idle = false
    if (watermark <= part.watermark) return wasIdle ? this.#combine() : false
    part.watermark = watermark
    return this.#combine()
  }

  onIdle(split: string, idle: boolean): boolean {
    const part = this.#part(split)
    if (part.idle === idle) return false
    part.idle = idle
    return this.#combine()
  }

  #combine(): boolean {
    if (this.#parts.size === 0) return false
    let minimum = MAX_TIMESTAMP
    let allIdle = true
    for (const part of this.#parts.values()) {
      if (part.idle) continue
      allIdle = false
      if (part.watermark < minimum) minimum = part.watermark
    }
    const rises = !allIdle && minimum > this.#watermark
    const turned = this.#idle !== allIdle
    if (rises) this.#watermark = minimum
    this.#idle = allIdle
    return rises || turned
  }

  #part(split: string): Part {
    const part = this.#parts.get(split)
    assert(part !== undefined, 'a watermark comes from a known split')
    return part
  }
}
