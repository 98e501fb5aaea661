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
 *   CX-6  What has left a part of the job took its state with it, for good: from then on the part is judged when all
 *         have left, by its output. Sources may leave: they keep no state by key.
 */
import { MIN_TIMESTAMP } from '../../base/time.ts'
import { DECLARED, END, type Branch, type Moment } from './branch.ts'
import type { Cut } from './cut.ts'
import type { Gate } from './gate.ts'
import { givenOf, prefixOf, type Input, type Row } from './inputs.ts'
import { addLines, compareLines, CoveredLines, type Lines, type Part as OutputPart } from './output.ts'
import type { SimulatedDisk } from './storage.ts'
import { operatorIn, stateIn, versionOf, type Version } from './versions.ts'

/** Inputs and what reads them: nothing leads from one part of a job to another. */
export interface Part {
  /** What the names of its vertices and output files begin with, and no others. */
  readonly names: RegExp
  readonly inputs: readonly Input[]
  readonly branches: readonly Branch[]
}

export class CutCheck {
  readonly #parts: readonly Part[]
  readonly #gate: Gate
  /** By part. */
  readonly #covered: readonly CoveredLines[]
  readonly #left: Left[]
  /** The same as each checkpoint found it. */
  readonly #leftAt = new Map<number, readonly Left[]>()
  #checked = 0
  /** Records that the newest of them has read. */
  read = 0

  constructor(parts: readonly Part[], gate: Gate) {
    this.#parts = parts
    this.#gate = gate
    this.#left = parts.map(() => 'nobody')
    this.#covered = parts.map(({ branches }) => new CoveredLines(branches.flatMap(({ directories }) => directories)))
  }

  /** What is wrong; undefined: nothing. A number that is complete names one checkpoint for ever. */
  check(cut: Cut, disk: SimulatedDisk): string | undefined {
    if (cut.manifest.checkpoint === this.#checked) return undefined
    this.#checked = cut.manifest.checkpoint
    this.#gate.checkpoints += 1
    const rows = this.#parts.map((part) => rowsRead(cut, part))
    this.#pass(cut)
    for (const [i, part] of this.#parts.entries()) {
      if (this.#left[i] !== 'all') this.#left[i] = leaving(part, cut) ?? this.#left[i] ?? 'nobody'
    }
    this.#leftAt.set(this.#checked, [...this.#left])
    this.read = rows.flat().length
    const moment = momentOf(cut)
    try {
      if (cut.overtaken.length > 0) return this.#cover(cut, disk) ?? checkInFlight(cut, rows.flat()) ?? this.#checkEmitted(cut)
      return this.#checkEmitted(cut) ?? this.#checkSilence() ?? this.#checkState(rows, moment, this.#left) ?? this.#checkOutput(rows, moment, cut, disk)
    } catch (error) {
      if (error instanceof TornCut) return error.message
      throw error
    }
  }

  /** CX-1 alone, of an aligned cut that may be older than the last one that was checked. */
  checkAgain(cut: Cut): string | undefined {
    try {
      const rows = this.#parts.map((part) => rowsRead(cut, part))
      return this.#checkState(rows, momentOf(cut), this.#leftAt.get(cut.manifest.checkpoint) ?? this.#left)
    } catch (error) {
      if (error instanceof TornCut) return error.message
      throw error
    }
  }

  /** Tells the gate how far the job has come. */
  #pass(cut: Cut): void {
    const gate = this.#gate
    const version = versionIn(cut)
    for (const input of this.#parts.flatMap(({ inputs }) => inputs)) {
      const { name, kind, splits } = input.plan
      if (kind !== 'generator') continue
      const unread = cut.unread(operatorIn(version, name))
      if (unread === undefined) continue
      const left = new Map([...unread.values()].map(({ split, position }) => {
        const span = input.spanOf(split)
        return [span.first, givenOf(span, position)]
      }))
      for (let i = 0; i < splits; i++) gate.setDurable(name, i, left.get(i) ?? Number.POSITIVE_INFINITY)
    }
    const { clock } = this.#parts[0]?.branches[0] ?? {}
    const { silence } = gate
    if (clock === undefined || silence === undefined) return
    if (leastWatermark(cut, operatorIn(version, clock)) >= silence.fromMs) gate.wentOn = true
  }

  #checkEmitted(cut: Cut): string | undefined {
    const version = versionIn(cut)
    const emitted = this.#parts.flatMap(({ inputs }) => inputs)
      .flatMap(({ plan }) => cut.list(operatorIn(version, plan.name), 'records') as readonly number[])
      .reduce((sum, n) => sum + n, 0)
    // A subtask that has left is in no later checkpoint, nor is its count.
    return emitted <= this.read ? undefined : `sources count ${emitted} records where positions say ${this.read}`
  }

  #checkSilence(): string | undefined {
    const { silence, wentOn } = this.#gate
    if (silence === undefined || wentOn || this.#gate.durable(silence.source, silence.split) <= silence.after) return undefined
    return `event time did not go on without split ${silence.split} of ${silence.source}, which was silent`
  }

  #checkState(rows: readonly (readonly Row[])[], moment: Moment, left: readonly Left[]): string | undefined {
    for (const [i, part] of this.#parts.entries()) {
      if (left[i] !== 'nobody') continue
      for (const branch of part.branches) {
        const wrong = branch.checkState?.(rows[i] ?? [], moment)
        if (wrong !== undefined) return wrong
      }
    }
    return undefined
  }

  #cover(cut: Cut, disk: SimulatedDisk): string | undefined {
    for (const [i, { names }] of this.#parts.entries()) {
      const mine = (cut.committables as readonly OutputPart[]).filter(({ final }) => names.test(final))
      const missing = this.#covered[i]?.cover(disk, mine)
      if (missing !== undefined) return `${missing}, which it names, is not there`
    }
    return undefined
  }

  #checkOutput(rows: readonly (readonly Row[])[], moment: Moment, cut: Cut, disk: SimulatedDisk): string | undefined {
    const missing = this.#cover(cut, disk)
    if (missing !== undefined) return missing
    for (const [i, part] of this.#parts.entries()) {
      const left = this.#left[i]
      if (left === 'some') continue
      const expected = linesOf(part.branches, rows[i] ?? [], left === 'all' ? END : moment)
      const { lost, duplicate, corrupt, examples } = compareLines(this.#covered[i]?.lines ?? new Map(), expected)
      if (lost + duplicate + corrupt === 0) continue
      const which = examples.join('; ')
      return `of the output it covers ${lost} lines are lost, ${duplicate} twice, ${corrupt} corrupt: ${which}`
    }
    return undefined
  }
}

const versionIn = (cut: Cut): Version => versionOf(cut.manifest.engine)

function rowsRead(cut: Cut, { inputs }: Part): Row[] {
  const version = versionIn(cut)
  return inputs.flatMap((input) => [...prefixOf(input, cut.unread(operatorIn(version, input.plan.name)))])
}

function momentOf(cut: Cut): Moment {
  const version = versionIn(cut)
  return {
    version,
    watermark: (operator) => oneWatermark(cut, operatorIn(version, operator)),
    entries: (operator, name) => {
      const isDeclared = DECLARED.has(name)
      return cut.entries(operatorIn(version, operator), isDeclared ? stateIn(version, name) : name)
    },
  }
}

/** CX-3. */
function oneWatermark(cut: Cut, operator: string): number {
  const watermarks = cut.list(operator, 'watermark') as readonly number[]
  const [first = MIN_TIMESTAMP] = watermarks
  if (watermarks.every((watermark) => watermark === first)) return first
  throw new TornCut(`the subtasks of ${operator} have watermarks ${watermarks.join(', ')} in one cut`)
}

/** How many subtasks of a part had left before a cut; some: not those of sources alone. */
type Left = 'nobody' | 'some' | 'all'

/** CX-6; undefined: as many as before. */
function leaving({ names }: Part, { manifest }: Cut): Exclude<Left, 'nobody'> | undefined {
  const mine = manifest.vertices.filter(({ name }) => names.test(name))
  const gone = mine.filter(({ index }) => manifest.finishedVertices.includes(index))
  if (mine.length > 0 && gone.length === mine.length) return 'all'
  const some = mine.filter(({ operators }) => operators.every(({ kind }) => kind !== 'source'))
    .some(({ index }) => manifest.finishedSubtasks.some(({ vertex }) => vertex === index))
  return some ? 'some' : undefined
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
