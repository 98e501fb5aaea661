/**
 * A screen that is written over in place, and the keys that leave it.
 *
 * Owned by top.ts while it shows a job live. It stays in the ordinary flow of the terminal, so that the last
 * picture is still there afterwards.
 *
 *   TP-1  Whatever way it is left, the cursor is seen again and the keyboard is as it was.
 *   TP-2  A picture is never taller than the terminal: what does not fit is counted in its last line.
 */
import type { ReadStream } from 'node:tty'
import type { Sink } from './terminal.ts'

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_BELOW = '\u001b[J'
const CLEAR_REST_OF_LINE = '\u001b[K'
/** q, Q, Ctrl-C and Ctrl-D. */
const LEAVING_KEYS = [0x71, 0x51, 0x03, 0x04]
const up = (lines: number): string => (lines === 0 ? '\r' : `\u001b[${lines}A\r`)

export class Screen {
  readonly #sink: Sink
  readonly #rows: () => number
  #shown = 0

  /** `rows` of the terminal, asked each time: people resize it. */
  constructor(sink: Sink, rows: () => number) {
    this.#sink = sink
    this.#rows = rows
  }

  show(lines: readonly string[]): void {
    const fits = Math.max(1, this.#rows() - 1)
    const picture = lines.length <= fits
      ? lines
      : [...lines.slice(0, fits - 1), `… ${lines.length - fits + 1} more lines`]
    const text = picture.map((line) => `${line}${CLEAR_REST_OF_LINE}\n`).join('')
    this.#sink.write(`${HIDE_CURSOR}${up(this.#shown)}${text}${CLEAR_BELOW}`)
    this.#shown = picture.length
  }

  close(): void {
    this.#sink.write(SHOW_CURSOR)
  }
}

/** Calls `leave` on q, Ctrl-C, Ctrl-D, SIGINT and SIGTERM; the result gives keyboard and signals back. */
export function onLeave(keyboard: ReadStream | undefined, leave: () => void): () => void {
  const onKeys = (keys: Buffer): void => {
    if (keys.some((key) => LEAVING_KEYS.includes(key))) leave()
  }
  const wasRaw = keyboard?.isRaw ?? false
  keyboard?.setRawMode(true)
  keyboard?.on('data', onKeys)
  keyboard?.resume()
  process.on('SIGINT', leave)
  process.on('SIGTERM', leave)
  return () => {
    keyboard?.off('data', onKeys)
    keyboard?.setRawMode(wasRaw)
    keyboard?.pause()
    process.off('SIGINT', leave)
    process.off('SIGTERM', leave)
  }
}
