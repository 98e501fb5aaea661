/**
 * Lines of `print`, with those marked that were shown before a failure and come again after it.
 *
 * Lives as long as the process, over all attempts of a job: a print operator numbers its lines, the
 * number is part of its snapshot, and a number seen before is a replay.
 */
export type PrintLine = (operator: string, subtask: number, text: string, replayed: boolean) => void

export class PrintHub {
  readonly #show: PrintLine
  readonly #seen = new Map<string, number>()

  constructor(show: PrintLine) {
    this.#show = show
  }

  print(operator: string, subtask: number, index: number, text: string): void {
    const key = `${operator}/${subtask}`
    const next = this.#seen.get(key) ?? 0
    this.#show(operator, subtask, text, index < next)
    if (index >= next) this.#seen.set(key, index + 1)
  }
}
