/**
 * Where a command writes: data to stdout, talk to stderr, and one line that is written over.
 *
 * Called by every command; made once by main.ts from the process, and by tests from two arrays.
 *
 * Invariants
 *   TT-1  stdout carries data only: what a script asked for, nothing else.
 *   TT-2  A reader that went away (EPIPE) ends the writing, never the process.
 *   TT-3  Off a terminal nothing is coloured and no line is written over.
 */
export interface Sink {
  write(text: string): void
}

export interface TerminalOptions {
  readonly color: boolean
  /** stderr is a terminal that a person looks at: lines may be written over. */
  readonly interactive: boolean
  readonly columns: number
  readonly quiet: boolean
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const SGR: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39],
}

export class Terminal {
  readonly options: TerminalOptions
  readonly #stdout: Sink
  readonly #stderr: Sink
  #status = ''

  constructor(stdout: Sink, stderr: Sink, options: TerminalOptions) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.options = options
  }

  /** A line of data. */
  data(line: string): void {
    this.#hideStatus()
    this.#stdout.write(`${line}\n`)
    this.#showStatus()
  }

  /** A line of talk; `--quiet` leaves it out. */
  note(line: string): void {
    if (!this.options.quiet) this.problem(line)
  }

  /** A line that `--quiet` does not silence. */
  problem(line: string): void {
    this.#hideStatus()
    this.#stderr.write(`${line}\n`)
    this.#showStatus()
  }

  /** The line at the bottom; '' removes it. Does nothing off a terminal. */
  status(line: string): void {
    if (!this.options.interactive || this.options.quiet) return
    this.#hideStatus()
    this.#status = line
    this.#showStatus()
  }

  style(style: Style, text: string): string {
    if (!this.options.color) return text
    const [on, off] = SGR[style]
    return `\u001b[${on}m${text}\u001b[${off}m`
  }

  #hideStatus(): void {
    if (this.#status !== '') this.#stderr.write('\r\u001b[K')
  }

  #showStatus(): void {
    if (this.#status !== '') this.#stderr.write(this.#status)
  }
}

/** Swallows EPIPE and what would be written after it. */
export function pipeSafe(stream: NodeJS.WriteStream): Sink {
  let open = true
  stream.on('error', (error: NodeJS.ErrnoException) => {
    open = false
    if (error.code !== 'EPIPE') throw error
  })
  return {
    write(text) {
      if (open) stream.write(text)
    },
  }
}

/** NO_COLOR (any value) and --no-color win; FORCE_COLOR turns colours on off a terminal. */
export function wantsColor(
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
  noColorFlag: boolean,
): boolean {
  if (noColorFlag || (env['NO_COLOR'] ?? '') !== '') return false
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0'
  return isTerminal && env['TERM'] !== 'dumb'
}
