/**
 * The metrics of one attempt: a row of numbers a subtask, in memory that all threads of the job share.
 *
 * Made by the host for each attempt and given to every thread. The thread of a subtask writes its row, through
 * SubtaskCells; anybody reads any row at any time, through `read`. Nothing waits for anything.
 *
 * Time is not sampled but measured: a row says how long the subtask waited for input and for room, and what is
 * neither is busy (Flink's definition: a subtask that waits for its turn on a shared thread, with work to do, is
 * busy). A wait that goes on is stored as the total before it minus the instant it began, in one number below
 * zero, so that a reader adds the present and has the total up to now, whatever the writer does meanwhile.
 *
 *   MT-1  One writer a cell: the thread of the subtask. Each attempt has a table of its own, so that a thread of
 *         one that is over writes where nobody looks.
 *   MT-2  busy + idle + back-pressured is the time since the row was made, at every instant and for every row;
 *         all three stop when the subtask ends.
 *   MT-3  A step that does not change what the subtask waits for writes nothing and asks no clock.
 *
 * Source: Flink TaskIOMetricGroup, TimerGauge.
 */
import { assert } from '../base/assert.ts'
import type { SubtaskMeter, WaitsFor } from '../base/metrics.ts'
import type { Clock } from '../base/ports.ts'

/** Float64 cells of a row. */
const IDLE = 0
const BACK_PRESSURED = 1
const STARTED = 2
const ENDED = 3
const FIRST_GAUGE = 4
const CELLS = 13
/** Below zero even for a wait that began with the row. */
const OPEN = 1
/**
 * UTF-16 units of a row: length of the holder's name, then the name, cut if it is longer. A row fills four cache
 * lines, so that two threads do not disturb one another.
 */
const UNITS = 76
const ROW_BYTES = CELLS * Float64Array.BYTES_PER_ELEMENT + UNITS * Uint16Array.BYTES_PER_ELEMENT

/** Counters since the attempt began, and gauges. */
export interface SubtaskNumbers {
  /** Records that came through channels; of a source, those read from its splits. */
  readonly recordsIn: number
  /** Records that left through channels (once for each edge) or were written to sinks. */
  readonly recordsOut: number
  /** Bytes that came from other threads; undefined if no input does. */
  readonly bytesIn: number | undefined
  readonly bytesOut: number | undefined
  /** Of the fullest channel: 0 is empty, from 1 on its sender waits. Undefined without channels. */
  readonly inputFill: number | undefined
  readonly outputFill: number | undefined
  /** Event time, epoch ms; undefined before the first. */
  readonly inputWatermark: number | undefined
  readonly outputWatermark: number | undefined
  /** True: it counts as idle in event time and holds nobody back. */
  readonly eventTimeIdle: boolean
}

/** Times in ms since the row was made, which is when the subtask was deployed. */
export interface SubtaskReading extends SubtaskNumbers {
  readonly elapsedMs: number
  readonly busyMs: number
  readonly idleMs: number
  readonly backPressuredMs: number
  /** What it waits for now; undefined: it works, or could. */
  readonly waitsFor: WaitsFor | undefined
  readonly ended: boolean
  /** Split or sender that the watermark waits for. */
  readonly watermarkHolder: string | undefined
}

export class MetricsTable {
  readonly memory: SharedArrayBuffer
  /** Row of subtask 0 of each vertex; after the last one, the number of rows. */
  readonly #first: readonly number[]

  /** `parallelism` of each vertex; with `memory`, another thread's view of a table of the same graph. */
  constructor(parallelism: readonly number[], memory?: SharedArrayBuffer) {
    const first = [0]
    for (const subtasks of parallelism) first.push((first.at(-1) as number) + subtasks)
    this.#first = first
    const bytes = (first.at(-1) as number) * ROW_BYTES
    assert(memory === undefined || memory.byteLength === bytes, 'a table is seen with the graph it was made for')
    this.memory = memory ?? new SharedArrayBuffer(bytes)
    if (memory === undefined) new Float64Array(this.memory).fill(Number.NaN)
  }

  /**
   * The writing end of a row; the subtask waits for input from now on. `zeroMs` leads from this thread's clock
   * to the one that readers use; 0 if it is the same.
   */
  write(vertex: number, subtask: number, clock: Clock, zeroMs: number): SubtaskCells {
    const at = this.#rowAt(vertex, subtask)
    return new SubtaskCells(floatsOf(this.memory, at), unitsOf(this.memory, at), clock, zeroMs)
  }

  /** `nowMs` as readers count; undefined if the subtask was not deployed yet. */
  read(vertex: number, subtask: number, nowMs: number): SubtaskReading | undefined {
    const at = this.#rowAt(vertex, subtask)
    const cells = floatsOf(this.memory, at)
    const cell = (index: number): number => cells[index] as number
    if (Number.isNaN(cell(STARTED))) return undefined
    const ended = !Number.isNaN(cell(ENDED))
    const elapsedMs = Math.max(0, (ended ? cell(ENDED) : nowMs) - cell(STARTED))
    const idle = cell(IDLE)
    const backPressured = cell(BACK_PRESSURED)
    const idleMs = total(idle, elapsedMs)
    const backPressuredMs = total(backPressured, elapsedMs)
    const known = (index: number): number | undefined => (Number.isNaN(cell(index)) ? undefined : cell(index))
    return {
      elapsedMs, idleMs, backPressuredMs,
      // Between two reads of a row that another thread writes, a wait may end and another begin.
      busyMs: Math.max(0, elapsedMs - idleMs - backPressuredMs),
      waitsFor: idle < 0 ? 'input' : backPressured < 0 ? 'output' : undefined,
      ended,
      recordsIn: known(FIRST_GAUGE) ?? 0,
      recordsOut: known(FIRST_GAUGE + 1) ?? 0,
      bytesIn: known(FIRST_GAUGE + 2),
      bytesOut: known(FIRST_GAUGE + 3),
      inputFill: known(FIRST_GAUGE + 4),
      outputFill: known(FIRST_GAUGE + 5),
      inputWatermark: known(FIRST_GAUGE + 6),
      outputWatermark: known(FIRST_GAUGE + 7),
      eventTimeIdle: cell(FIRST_GAUGE + 8) === 1,
      watermarkHolder: nameIn(unitsOf(this.memory, at)),
    }
  }

  #rowAt(vertex: number, subtask: number): number {
    const row = (this.#first[vertex] ?? Number.NaN) + subtask
    assert(row < (this.#first[vertex + 1] ?? 0), 'a row belongs to a subtask of the graph')
    return row * ROW_BYTES
  }
}

/** The writing end of one row. */
export class SubtaskCells implements SubtaskMeter {
  readonly #cells: Float64Array
  readonly #units: Uint16Array
  readonly #clock: Clock
  readonly #startedMs: number
  #waitsFor: WaitsFor | undefined
  #holder: string | undefined

  constructor(cells: Float64Array, units: Uint16Array, clock: Clock, zeroMs: number) {
    this.#cells = cells
    this.#units = units
    this.#clock = clock
    this.#startedMs = clock.monotonicMs()
    cells.fill(Number.NaN)
    units.fill(0)
    cells[IDLE] = 0
    cells[BACK_PRESSURED] = 0
    cells[STARTED] = this.#startedMs + zeroMs
    this.rests('input')
  }

  works(): void {
    if (this.#waitsFor !== undefined) this.#turnTo(undefined)
  }

  rests(waitsFor: WaitsFor | undefined): void {
    if (waitsFor !== this.#waitsFor) this.#turnTo(waitsFor)
  }

  ends(): void {
    this.#turnTo(undefined)
    const cells = this.#cells
    cells[ENDED] = (cells[STARTED] as number) + this.#sinceStartMs()
  }

  publish(numbers: SubtaskNumbers, watermarkHolder: string | undefined): void {
    const cells = this.#cells
    cells[FIRST_GAUGE] = numbers.recordsIn
    cells[FIRST_GAUGE + 1] = numbers.recordsOut
    cells[FIRST_GAUGE + 2] = numbers.bytesIn ?? Number.NaN
    cells[FIRST_GAUGE + 3] = numbers.bytesOut ?? Number.NaN
    cells[FIRST_GAUGE + 4] = numbers.inputFill ?? Number.NaN
    cells[FIRST_GAUGE + 5] = numbers.outputFill ?? Number.NaN
    cells[FIRST_GAUGE + 6] = numbers.inputWatermark ?? Number.NaN
    cells[FIRST_GAUGE + 7] = numbers.outputWatermark ?? Number.NaN
    cells[FIRST_GAUGE + 8] = numbers.eventTimeIdle ? 1 : 0
    if (watermarkHolder === this.#holder) return
    this.#holder = watermarkHolder
    writeName(this.#units, watermarkHolder ?? '')
  }

  #sinceStartMs(): number {
    return this.#clock.monotonicMs() - this.#startedMs
  }

  #turnTo(next: WaitsFor | undefined): void {
    const cells = this.#cells
    const now = this.#sinceStartMs()
    const before = this.#waitsFor
    if (before !== undefined) cells[cellOf(before)] = total(cells[cellOf(before)] as number, now)
    if (next !== undefined) cells[cellOf(next)] = (cells[cellOf(next)] as number) - now - OPEN
    this.#waitsFor = next
  }
}

const cellOf = (waitsFor: WaitsFor): number => (waitsFor === 'input' ? IDLE : BACK_PRESSURED)

/** Of a cell, `sinceStartMs` after the row was made. */
function total(cell: number, sinceStartMs: number): number {
  return cell < 0 ? Math.max(0, cell + sinceStartMs + OPEN) : cell
}

const floatsOf = (memory: SharedArrayBuffer, at: number): Float64Array => new Float64Array(memory, at, CELLS)
const unitsOf = (memory: SharedArrayBuffer, at: number): Uint16Array =>
  new Uint16Array(memory, at + CELLS * Float64Array.BYTES_PER_ELEMENT, UNITS)

function writeName(units: Uint16Array, name: string): void {
  const length = Math.min(name.length, UNITS - 1)
  for (let i = 0; i < length; i++) units[i + 1] = name.charCodeAt(i)
  units[0] = length
}

function nameIn(units: Uint16Array): string | undefined {
  const length = units[0] as number
  return length === 0 || length >= UNITS ? undefined : String.fromCharCode(...units.subarray(1, length + 1))
}
