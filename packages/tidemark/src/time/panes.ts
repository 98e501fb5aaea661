/**
 * How sliding windows are cut into panes that they share.
 *
 * Called by the pane window operator. Each slide is cut where a window starts and where one ends, so into
 * one pane if the size is a multiple of the slide, else into two; a finer grid (the greatest common
 * divisor) would cut a size of 10 s and a slide of 3.333 s into milliseconds.
 *
 *   PE-1  Panes cover all time without overlap, and every window is a union of whole panes.
 *   PE-2  A slide has at most two panes.
 *
 * Source: Krishnamurthy, Wu, Franklin, "On-the-fly sharing for streamed aggregation" (SIGMOD 2006), paired
 * windows; Li et al., "No pane, no gain" (2005).
 */
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'
import { windowStart } from './window-assigner.ts'

export class PaneGrid {
  readonly sizeMs: number
  readonly slideMs: number
  readonly #offsetMs: number
  /** Length of the first pane of a slide; 0: there is only one. */
  readonly #firstMs: number

  constructor(sizeMs: number, slideMs: number, offsetMs: number) {
    this.sizeMs = sizeMs
    this.slideMs = slideMs
    this.#offsetMs = offsetMs
    this.#firstMs = sizeMs % slideMs
  }

  /** Start of the pane that contains the timestamp. */
  startOf(timestamp: number): number {
    const slide = windowStart(timestamp, this.#offsetMs, this.slideMs)
    return this.#firstMs > 0 && timestamp >= slide + this.#firstMs ? slide + this.#firstMs : slide
  }

  /** End (exclusive) of the pane that starts there. */
  endOf(paneStart: number): number {
    const slide = windowStart(paneStart, this.#offsetMs, this.slideMs)
    return this.#firstMs > 0 && paneStart === slide ? slide + this.#firstMs : slide + this.slideMs
  }

  /** Start of the earliest window with that timestamp in it. */
  firstWindowOf(timestamp: number): number {
    return this.lastWindowOf(timestamp - this.sizeMs) + this.slideMs
  }

  /** Start of the latest one. */
  lastWindowOf(timestamp: number): number {
    return windowStart(timestamp, this.#offsetMs, this.slideMs)
  }

  /** Start of the earliest window whose end the watermark has not reached; -Infinity: of all there are. */
  firstOpenAt(watermark: number): number {
    if (watermark <= MIN_TIMESTAMP + this.sizeMs + this.slideMs) return -Infinity
    return watermark === MAX_TIMESTAMP ? MAX_TIMESTAMP : this.firstWindowOf(watermark + 1)
  }
}
