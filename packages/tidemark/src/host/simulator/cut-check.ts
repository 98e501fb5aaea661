/**
 * Whether a completed checkpoint is one cut through the job: state, timers and output are those of exactly
 * the records that its source positions say were read.
 *
 * Owned by a full world, told of every checkpoint that completes or is restored.
 *
 *   CX-1  Keyed state and timers of every branch equal a fold over the prefix of every source.
 *   CX-2  The parts that checkpoints up to this one have named hold the output of that prefix, each line once.
 *   CX-3  All subtasks of an operator have the same watermark in one cut: the watermarks before a barrier are
 *         the same in every channel of a sender.
 *   CX-4  A split that is silent does not hold event time back.
 *   CX-5  A checkpoint whose barriers overtook something is cut at another moment in each subtask, so CX-1 to
 *         3 are put off to the next that is not: what was restored of it must have come to the same. Of itself
 *         it says that each record in flight to an operator was read, and is there once.
 */
import { MIN_TIMESTAMP } from '../../base/time.ts'
import { END, type Branch, type Moment } from './branch.ts'
import type { Cut } from './cut.ts'
import type { Gate } from './gate.ts'
import { givenOf, prefixOf, type Input, type Row } from './inputs.ts'
import { addLines, compareLines, CoveredLines, type Lines, type Part } from './output.ts'
import type { SimulatedDisk } from './storage.ts'

export class CutCheck {
  readonly #inputs: readonly Input[]
  readonly #branches: readonly Branch[]
  readonly #gate: Gate
  readonly #covered: CoveredLines
  #checked = 0
  /** Records that the newest of them has read. */
  read = 0

  constructor(inputs: readonly Input[], branches: readonly Branch[], gate: Gate) {
    this.#inputs = inputs
    this.#branches = branches
    this.#gate = gate
    this.#covered = new CoveredLines(branches.flatMap(({ directories }) => directories))
  }

  /** What is wrong; undefined: nothing. A number that is complete names one checkpoint for ever. */
  check(cut: Cut, disk: SimulatedDisk): string | undefined {
    if (cut.manifest.checkpoint === this.#checked) return undefined
    this.#checked = cut.manifest.checkpoint
    const rows = this.#rowsRead(cut)
    this.read = rows.length
    const moment: Moment = {
      watermark: (operator) => this.#watermark(cut, operator),
      entries: (operator, name) => cut.entries(operator, name),
    }
    try {
      if (cut.overtaken.length > 0) return this.#cover(cut, disk) ?? checkInFlight(cut, rows) ?? this.#checkEmitted(cut)
      return this.#checkEmitted(cut) ?? this.#checkSilence() ?? this.#checkState(rows, moment) ?? this.#checkOutput(rows, moment, cut, disk)
    } catch (error) {
      if (error instanceof TornCut) return error.message
      throw error
    }
  }

  #rowsRead(cut: Cut): Row[] {
    const gate = this.#gate
    gate.checkpoints += 1
    const rows: Row[] = []
    for (const input of this.#inputs) {
      const { name, kind, splits } = input.plan
      const unread = cut.unread(name)
      for (const row of prefixOf(input, unread)) rows.push(row)
      if (kind !== 'generator' || unread === undefined) continue
      const left = new Map([...unread.values()].map(({ split, position }) => {
        const span = input.spanOf(split)
        return [span.first, givenOf(span, position)]
      }))
      for (let i = 0; i < splits; i++) gate.setDurable(name, i, left.get(i) ?? Number.POSITIVE_INFINITY)
    }
    const { clock } = this.#branches[0] ?? {}
    const { silence } = gate
    if (clock !== undefined && silence !== undefined && leastWatermark(cut, clock) >= silence.fromMs) gate.wentOn = true
    return rows
  }

  #watermark(cut: Cut, operator: string): number {
    const watermarks = cut.list(operator, 'watermark') as readonly number[]
    const [first = MIN_TIMESTAMP] = watermarks
    if (watermarks.every((watermark) => watermark === first)) return first
    throw new TornCut(`the subtasks of ${operator} have watermarks ${watermarks.join(', ')} in one cut`)
  }

  #checkEmitted(cut: Cut): string | undefined {
    const emitted = this.#inputs.flatMap(({ plan }) => cut.list(plan.name, 'records') as readonly number[])
      .reduce((sum, n) => sum + n, 0)
    // A subtask that has left is in no later checkpoint, nor is its count.
    return emitted <= this.read ? undefined : `sources count ${emitted} records where positions say ${this.read}`
  }

  #checkSilence(): string | undefined {
    const { silence, wentOn } = this.#gate
    if (silence === undefined || wentOn || this.#gate.durable(silence.source, silence.split) <= silence.after) return undefined
    return `event time did not go on without split ${silence.split} of ${silence.source}, which was silent`
  }

  #checkState(rows: readonly Row[], moment: Moment): string | undefined {
    for (const branch of this.#branches) {
      const wrong = branch.checkState?.(rows, moment)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  #cover(cut: Cut, disk: SimulatedDisk): string | undefined {
    const missing = this.#covered.cover(disk, cut.committables as readonly Part[])
    return missing === undefined ? undefined : `${missing}, which it names, is not there`
  }

  #checkOutput(rows: readonly Row[], moment: Moment, cut: Cut, disk: SimulatedDisk): string | undefined {
    const missing = this.#cover(cut, disk)
    if (missing !== undefined) return missing
    const expected = linesOf(this.#branches, rows, moment)
    const { lost, duplicate, corrupt, examples } = compareLines(this.#covered.lines, expected)
    if (lost + duplicate + corrupt === 0) return undefined
    const which = examples.join('; ')
    return `of the output it covers ${lost} lines are lost, ${duplicate} twice, ${corrupt} corrupt: ${which}`
  }
}

function leastWatermark(cut: Cut, operator: string): number {
  const watermarks = cut.list(operator, 'watermark') as readonly number[]
  return watermarks.length === 0 ? MIN_TIMESTAMP : Math.min(...watermarks)
}

function checkInFlight(cut: Cut, rows: readonly Row[]): string | undefined {
  const read = new Set(rows.map(({ id }) => id))
  for (const operator of cut.overtaken) {
    const found = new Set<number>()
    for (const record of cut.recordsInFlight(operator)) {
      const { id, at } = record as Partial<Row>
      // Others are results on their way between two operators of a branch.
      if (id === undefined || at === undefined) continue
      if (!read.has(id)) return `record ${id} is in flight to ${operator} and was not read`
      if (found.has(id)) return `record ${id} is in flight to ${operator} twice`
      found.add(id)
    }
  }
  return undefined
}

class TornCut extends Error {}

/** What the branches put out, as lines of their files. */
export function linesOf(branches: readonly Branch[], rows: readonly Row[], moment: Moment = END): Lines {
  const lines: Lines = new Map()
  for (const branch of branches) {
    addLines(lines, branch.lines(rows, moment).map((value) => JSON.stringify(value)))
  }
  return lines
}
