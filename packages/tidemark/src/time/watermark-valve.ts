/**
 * Merges the watermarks and the idleness of several input channels into one of each.
 *
 * Owned by an input gate; one instance per gate. Called for every watermark, idleness change and
 * end of a channel; answers what has to go on.
 *
 *   WV-1  The merged watermark never decreases. It is the minimum over the aligned channels: active
 *         ones whose own watermark is not behind what was already put out.
 *   WV-2  Idle channels hold nothing back. When the last active one becomes idle and it was the one
 *         that held the others back, the largest watermark of all is put out, then "idle".
 *   WV-3  A channel that comes back with a watermark behind the merged one counts again only when it
 *         has caught up. Watermarks of an idle channel are not looked at.
 *   WV-4  A finished channel (watermark MAX_TIMESTAMP, or `onFinished`) holds nothing back either, but
 *         it is not idle, and its MAX moves the others only when all have finished: otherwise one input
 *         that ends while the others rest would end event time for all (FLINK-38477).
 *   WV-5  The holder is the aligned channel with the smallest watermark: until it moves, goes idle or
 *         finishes, the merged watermark cannot rise. Only if there is none, one that has yet to catch up.
 *
 * Source: Flink StatusWatermarkValve.
 */
import { assert } from '../base/assert.ts'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'

/**
 * What changed. `idle: false` is forwarded before the watermark, `idle: true` after it.
 * Undefined fields did not change.
 */
export interface ValveChange {
  readonly watermark: number | undefined
  readonly idle: boolean | undefined
}

export const NO_CHANGE: ValveChange = Object.freeze({ watermark: undefined, idle: undefined })

/** Why the watermark is what it is: for whoever asks why a window does not fire. */
export interface WatermarkHolder {
  readonly watermark: number
  /** Name of the sender (or split) that is furthest behind; undefined: all are idle or have finished. */
  readonly heldBy: string | undefined
  readonly idle: boolean
}

interface Channel {
  readonly name: string
  watermark: number
  active: boolean
  aligned: boolean
  finished: boolean
}

export class WatermarkValve {
  readonly #channels: Channel[] = []
  #watermark = MIN_TIMESTAMP
  #idle = false

  /** `names`: of the senders, for `holder`. */
  constructor(channels: number, names: readonly string[] = []) {
    assert(channels >= 1, 'a watermark valve has at least one channel')
    for (let i = 0; i < channels; i++) {
      const name = names[i] ?? `channel ${i}`
      this.#channels.push({ name, watermark: MIN_TIMESTAMP, active: true, aligned: true, finished: false })
    }
  }

  /** Last watermark put out. */
  get watermark(): number {
    return this.#watermark
  }

  get idle(): boolean {
    return this.#idle
  }

  /** WV-5. */
  holder(): WatermarkHolder {
    let slowest: Channel | undefined
    for (const channel of this.#channels) {
      if (!channel.active) continue
      if (slowest !== undefined && slowest.aligned && !channel.aligned) continue
      const better = slowest === undefined || (channel.aligned && !slowest.aligned)
      if (better || channel.watermark < (slowest as Channel).watermark) slowest = channel
    }
    return { watermark: this.#watermark, heldBy: slowest?.name, idle: this.#idle }
  }

  onWatermark(index: number, watermark: number): ValveChange {
    const channel = this.#channel(index)
    if (channel.finished) return NO_CHANGE
    if (watermark >= MAX_TIMESTAMP) return this.#finish(channel)
    if (!channel.active || watermark <= channel.watermark) return NO_CHANGE
    channel.watermark = watermark
    if (!channel.aligned && watermark >= this.#watermark) channel.aligned = true
    return changed(this.#riseToMinimum(), undefined)
  }

  onIdle(index: number, idle: boolean): ValveChange {
    const channel = this.#channel(index)
    if (channel.finished || channel.active === !idle) return NO_CHANGE
    channel.active = !idle
    if (idle) return this.#withdrawn(channel)
    channel.aligned = channel.watermark >= this.#watermark
    return changed(undefined, this.#setIdle(false))
  }

  onFinished(index: number): ValveChange {
    const channel = this.#channel(index)
    return channel.finished ? NO_CHANGE : this.#finish(channel)
  }

  #finish(channel: Channel): ValveChange {
    const wasActive = channel.active
    channel.finished = true
    channel.active = false
    if (this.#channels.every((c) => c.finished)) {
      const idle = this.#setIdle(false)
      return changed(this.#riseTo(MAX_TIMESTAMP), idle)
    }
    return wasActive ? this.#withdrawn(channel) : NO_CHANGE
  }

  /** `channel` no longer takes part in the minimum. */
  #withdrawn(channel: Channel): ValveChange {
    channel.aligned = false
    const held = channel.watermark === this.#watermark
    if (this.#channels.some((c) => c.active)) {
      return changed(held ? this.#riseToMinimum() : undefined, undefined)
    }
    const watermark = held ? this.#riseToMaximum() : undefined
    return changed(watermark, this.#setIdle(true))
  }

  #riseToMinimum(): number | undefined {
    let minimum = MAX_TIMESTAMP
    let any = false
    for (const channel of this.#channels) {
      if (!channel.aligned) continue
      any = true
      if (channel.watermark < minimum) minimum = channel.watermark
    }
    return any ? this.#riseTo(minimum) : undefined
  }

  #riseToMaximum(): number | undefined {
    let maximum = MIN_TIMESTAMP
    for (const channel of this.#channels) if (channel.watermark > maximum) maximum = channel.watermark
    return this.#riseTo(maximum)
  }

  #riseTo(watermark: number): number | undefined {
    if (watermark <= this.#watermark) return undefined
    this.#watermark = watermark
    return watermark
  }

  #setIdle(idle: boolean): boolean | undefined {
    if (this.#idle === idle) return undefined
    this.#idle = idle
    return idle
  }

  #channel(index: number): Channel {
    const channel = this.#channels[index]
    assert(channel !== undefined, 'a watermark comes from a known channel')
    return channel
  }
}

function changed(watermark: number | undefined, idle: boolean | undefined): ValveChange {
  return watermark === undefined && idle === undefined ? NO_CHANGE : { watermark, idle }
}
