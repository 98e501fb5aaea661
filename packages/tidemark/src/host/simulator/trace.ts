/**
 * What happened in a simulated run: a rolling hash of every step and, on request, lines to read.
 *
 * Owned by the simulator, written to by everything in it. The hash is how two runs are compared.
 *
 *   SX-1  Writing to the trace decides nothing: a recorded run and an unrecorded one have one hash.
 */
const MAX_LINES = 200_000

export class Trace {
  readonly #lines: string[] | undefined
  readonly #reached = new Map<string, number>()
  #hash = 0x811c9dc5
  #entries = 0
  /** Prefix of each line: where we are. */
  where: () => string = () => ''

  constructor(recording: boolean) {
    this.#lines = recording ? [] : undefined
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  get entries(): number {
    return this.#entries
  }

  get lines(): readonly string[] {
    return this.#lines ?? []
  }

  /** How often each named step was reached. */
  get reached(): ReadonlyMap<string, number> {
    return this.#reached
  }

  note(kind: string, text: string | number): void {
    this.#entries += 1
    this.#mix(kind)
    if (typeof text === 'number') this.#number(text)
    else this.#mix(text)
    if (this.#lines !== undefined && this.#lines.length < MAX_LINES) {
      this.#lines.push(`${this.where()} ${kind.padEnd(9)} ${text}`)
    }
  }

  /** Number of times `step` has now been reached. */
  step(step: string): number {
    const times = (this.#reached.get(step) ?? 0) + 1
    this.#reached.set(step, times)
    this.note('probe', step)
    return times
  }

  #mix(text: string): void {
    let hash = this.#hash
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    this.#hash = Math.imul(hash ^ 0xff, 0x01000193)
  }

  #number(value: number): void {
    const whole = Math.floor(value)
    const fraction = Math.floor((value - whole) * 4294967296)
    this.#hash = Math.imul(Math.imul(this.#hash ^ whole, 0x01000193) ^ fraction, 0x01000193)
  }
}
