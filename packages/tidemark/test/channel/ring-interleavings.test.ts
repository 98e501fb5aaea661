/**
 * Every interleaving of small programs of the two ends of a ring, run on the ring itself.
 *
 * The methods of RingWriter and RingReader hold at most one synchronising access each, so a schedule of
 * method calls is a schedule of accesses. Assumed is what the language promises: `Atomics.load` and
 * `Atomics.store` are sequentially consistent and order the plain accesses before a store and after the load
 * that saw it. Whether two plain accesses ever meet unordered shows as wrong bytes, since payloads are written
 * and read in two steps each and free memory is filled with rubbish. An end that finds no room or no frame is
 * not run again until the other end changed its position: asking again would not change anything.
 */
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { InvariantViolation } from '../../src/base/assert.ts'
import { RingReader, ringMemory, RingWriter } from '../../src/channel/ring-memory.ts'

const CAPACITY = 64
const PAYLOAD = 8
const KIND = 3

const RUBBISH = 0xee

/** 0: the writer's, 1: the reader's. */
type Turn = 0 | 1
type Step = 'did' | 'changed position' | 'waits'

interface World {
  readonly writer: RingWriter
  readonly reader: RingReader
  /** Another reader at the same place: sees what a reader sees that gave its frame away too early. */
  readonly late: RingReader
}

/** How the two ends behave; the last three are defects, to see that the enumeration finds them. */
interface Order {
  /** Payloads are written and read in two steps. */
  readonly halves?: boolean
  readonly publishEarly?: boolean
  readonly releaseEarly?: boolean
  readonly neverAsk?: boolean
}

/** Byte `i` of frame `n`: different from every other byte of a test, and from rubbish. */
const payloadOf = (n: number): number[] => Array.from({ length: PAYLOAD }, (_, i) => 1 + n * PAYLOAD + i)

function* writing({ writer }: World, first: number, frames: number, order: Order): Generator<Step, Step> {
  for (let n = first; n < first + frames; n++) {
    const bytes = Uint8Array.from(payloadOf(n))
    const middle = order.halves === true ? 5 : PAYLOAD
    if (order.neverAsk !== true) {
      while (!writer.fits(PAYLOAD)) yield 'waits'
      yield 'did'
    }
    writer.begin(KIND, PAYLOAD)
    if (order.publishEarly === true) {
      writer.publish()
      yield 'changed position'
    }
    writer.append(bytes, 0, middle)
    yield 'did'
    if (middle < PAYLOAD) {
      writer.append(bytes, middle, PAYLOAD)
      yield 'did'
    }
    if (order.publishEarly !== true) writer.publish()
    if (n === first + frames - 1) return 'changed position'
    yield 'changed position'
  }
  return 'did'
}

function* reading(world: World, frames: number, order: Order, got: number[]): Generator<Step, Step> {
  const early = order.releaseEarly === true
  const reader = early ? world.late : world.reader
  for (let n = 0; n < frames; n++) {
    const target = new Uint8Array(PAYLOAD)
    while (!reader.next()) yield 'waits'
    got.push(reader.kind, reader.payload)
    yield 'did'
    if (early) {
      world.reader.next()
      world.reader.release()
      yield 'changed position'
    }
    const middle = order.halves === true ? 3 : PAYLOAD
    reader.copy(target, 0, 0, middle)
    yield 'did'
    if (middle < PAYLOAD) {
      reader.copy(target, middle, middle, PAYLOAD)
      yield 'did'
    }
    got.push(...target)
    reader.release()
    if (n === frames - 1) return 'changed position'
    yield 'changed position'
  }
  return 'did'
}

interface Case {
  /** Where the positions begin: near the end of the ring, near the end of int32. */
  readonly start: number
  /** Frames that are in the ring before; the ring holds four. */
  readonly before: number
  readonly frames: number
  /** Frames that are read while they are written; the rest is read afterwards. */
  readonly reads: number
  readonly order: Order
}

interface Findings {
  schedules: number
  waits: number
  /** Schedules after which the reader had anything else than what was written, or nobody could go on. */
  wrong: number
}

/** One schedule: takes the given turns, then prefers the writer. Gives all turns, and those that had a choice. */
function run(
  { start, before, frames, reads, order }: Case, given: readonly Turn[], findings: Findings,
): { turns: Turn[]; open: boolean[] } {
  const memory = ringMemory(CAPACITY)
  new Uint8Array(memory).fill(RUBBISH)
  const words = new Int32Array(memory)
  words[0] = start
  words[32] = start
  const world = { writer: new RingWriter(memory), reader: new RingReader(memory), late: new RingReader(memory) }
  for (const _ of writing(world, 0, before, {}));
  const got: number[] = []
  const ends = [writing(world, before, frames, order), reading(world, reads, order, got)] as const
  const may = [true, true]
  const done = [false, false]
  const turns: Turn[] = []
  const open: boolean[] = []
  try {
    while (may[0] === true || may[1] === true) {
      const turn = given[turns.length] ?? (may[0] === true ? 0 : 1)
      open.push(may[0] === true && may[1] === true)
      turns.push(turn)
      const { value, done: ended } = ends[turn].next()
      if (ended === true) done[turn] = true
      if (ended === true || value === 'waits') may[turn] = false
      if (value === 'waits') findings.waits += 1
      if (value === 'changed position') may[1 - turn] = done[1 - turn] !== true
    }
    for (const _ of reading(world, before + frames - reads, {}, got));
  } catch (error) {
    // The reader asserts that a frame lies within what was published.
    if (!(error instanceof InvariantViolation)) throw error
  }
  const expected: number[] = []
  for (let n = 0; n < before + frames; n++) expected.push(KIND, PAYLOAD, ...payloadOf(n))
  findings.schedules += 1
  if (!isDeepStrictEqual(got, expected)) findings.wrong += 1
  return { turns, open }
}

function enumerate(what: Case): Findings {
  const findings = { schedules: 0, waits: 0, wrong: 0 }
  let given: Turn[] = []
  for (;;) {
    const { turns, open } = run(what, given, findings)
    // The last place where the writer went first and the reader could have gone.
    let at = turns.length - 1
    while (at >= 0 && !(turns[at] === 0 && open[at] === true)) at -= 1
    if (at < 0) return findings
    given = [...turns.slice(0, at), 1]
  }
}

const STARTS = [0, -16, 2 ** 31 - 16]

test('RM-1, RM-2, RM-3: in every interleaving all frames arrive whole, in order, once, and nobody is stuck', () => {
  const cases: Omit<Case, 'start'>[] = [
    { before: 0, frames: 3, reads: 2, order: { halves: true } },
    { before: 3, frames: 3, reads: 3, order: {} },
    { before: 4, frames: 2, reads: 2, order: { halves: true } },
  ]
  for (const [i, what] of cases.entries()) {
    const { schedules, waits, wrong } = enumerate({ ...what, start: STARTS[i] as number })
    expect(wrong).toBe(0)
    expect(schedules).toBeGreaterThan(500)
    expect(waits).toBeGreaterThan(100)
  }
})

test('the enumeration finds frames published early, room given away early, and a writer that does not look', () => {
  const full = { start: 0, before: 4, frames: 1, reads: 2 }
  expect(enumerate({ ...full, before: 0, reads: 1, order: { publishEarly: true } }).wrong).toBeGreaterThan(0)
  expect(enumerate({ ...full, order: { releaseEarly: true } }).wrong).toBeGreaterThan(0)
  expect(enumerate({ ...full, order: { neverAsk: true } }).wrong).toBeGreaterThan(0)
})
