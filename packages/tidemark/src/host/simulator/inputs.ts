/**
 * Records and sources of a simulated world, drawn from its seed.
 *
 * Called by world.ts. Three kinds of world: 'plain', where records are out of order by a bound that the
 * source is told, so that nothing is late; 'late', where some come too late; 'silent', where one of two
 * splits has nothing for a while and event time goes on without it.
 *
 *   IP-1  Which records are late does not depend on the schedule: a 'late' world has one split, whose polls
 *         end before each record that is behind; in a 'silent' one each split waits until a completed
 *         checkpoint shows that the other has given all that is earlier.
 *   IP-2  All timestamps of a world are even or all are odd, so that two sessions never touch.
 */
import type { Prng } from '../../base/prng.ts'
import { collection } from '../../connector/collection.ts'
import { generator } from '../../connector/generator.ts'
import { jsonl } from '../../connector/jsonl.ts'
import type { RewindableSource } from '../../connector/text-source.ts'
import type { Split } from '../../graph/source.ts'
import type { Gate } from './gate.ts'
import { paced, type Span, type Stop } from './paced-source.ts'

export interface Row {
  /** Unique in the world. */
  readonly id: number
  readonly key: number
  readonly at: number
  readonly value: number
}

export type InputKind = 'plain' | 'late' | 'silent'

/** Plain data: printed with a failing seed. */
export interface InputPlan {
  readonly name: string
  readonly kind: 'collection' | 'jsonl' | 'generator'
  readonly records: number
  readonly outOfOrderMs: number
  /** Number of splits; bytes a split for jsonl. */
  readonly splits: number
  /** A split that is silent for so long holds nothing back; 0: never. */
  readonly idleAfterMs: number
}

export interface Input {
  readonly plan: InputPlan
  readonly rows: readonly Row[]
  readonly source: RewindableSource<Row, Split>
  readonly spanOf: (split: Split) => Span
  /** File on the disk, for jsonl. */
  readonly file?: { readonly path: string; readonly text: string }
}

export interface InputDraw {
  readonly name: string
  readonly records: number
  /** Ids begin here. */
  readonly firstId: number
  readonly keys: number
  readonly gate: Gate
  /** 0 or 1: whether timestamps are even or odd. */
  readonly parity: number
}

/** Event time begins here, within a window of every size. */
export const BEGIN_MS = 1_000_002

/** Of its splits, which are small, one checkpoint has to see each part. */
const PARTS: readonly number[] = [0.4, 0.8]

export function drawInput(random: Prng, draw: InputDraw): Input {
  const { name, records, gate } = draw
  const kind = random.pick(['collection', 'jsonl', 'generator'] as const)
  const outOfOrderMs = random.pick([0, 0, 40, 400])
  const splits = kind === 'jsonl' ? 3000 + random.below(15_000) : 1 + random.below(5)
  const plan: InputPlan = { name, kind, records, outOfOrderMs, splits, idleAfterMs: 0 }
  const stepMs = random.pick([2, 7, 30])
  let at = BEGIN_MS + draw.parity
  const rows = Array.from({ length: records }, (_, i): Row => {
    at += 2 * random.below(stepMs)
    // Each may come earlier in time than its place, by less than the bound.
    const early = outOfOrderMs === 0 ? 0 : 2 * random.below(outOfOrderMs / 2)
    return drawRow(random, draw, i, at - early)
  })
  const stops = PARTS.map((part, i): Stop => ({
    at: Math.floor(records * part), passed: () => gate.checkpoints > i,
  }))
  return makeInput(plan, rows, stops)
}

/** One split; some records are so far behind the watermark that their windows may be closed. */
export function drawLateInput(random: Prng, draw: InputDraw): Input {
  const { name, records, gate, parity } = draw
  const plan: InputPlan = { name, kind: 'collection', records, outOfOrderMs: 0, splits: 1, idleAfterMs: 0 }
  const stepMs = random.pick([2, 7, 20])
  const stops = PARTS.map((part, i): Stop => ({
    at: Math.floor(records * part), passed: () => gate.checkpoints > i,
  }))
  let most = BEGIN_MS + parity
  let behind = 0
  const rows = Array.from({ length: records }, (_, i): Row => {
    if (behind === 0 && i > records / 8 && random.chance(1, 20)) behind = 1 + random.below(4)
    if (behind === 0) {
      most += 2 * random.below(stepMs)
      return drawRow(random, draw, i, most)
    }
    behind -= 1
    stops.push({ at: i, passed: () => true })
    return drawRow(random, draw, i, most - 2 * (1 + random.below(300)))
  })
  return makeInput(plan, rows, stops)
}

/**
 * Two splits that take turns in event time: the first gives half of its records and falls silent, the
 * second gives half of its own, which must not wait for the first; then the first comes back, then the
 * second.
 */
export function drawSilentInput(random: Prng, draw: InputDraw): Input {
  const { name, gate, parity } = draw
  const half = Math.ceil(draw.records / 4)
  const idleAfterMs = 20
  const plan: InputPlan = { name, kind: 'generator', records: 4 * half, outOfOrderMs: 0, splits: 2, idleAfterMs }
  const stepMs = random.pick([2, 7])
  const rows: Row[] = []
  let at = BEGIN_MS + parity
  for (const [turn, split] of [0, 1, 0, 1].entries()) {
    at += 200
    if (turn === 1) gate.silence = { source: name, split: 0, after: half, fromMs: at }
    for (let n = turn < 2 ? 0 : half, end = n + half; n < end; n++) {
      at += 2 * random.below(stepMs)
      const i = 2 * n + split
      rows[i] = drawRow(random, draw, i, at)
    }
  }
  const back = 2 * half
  const stops: Stop[] = [
    { at: 1, split: 1, passed: () => gate.durable(name, 0) >= half },
    // After a while it comes back in any case, and the checkpoint after that shows what is wrong.
    {
      at: back, split: 0,
      passed: (waitedMs) => gate.durable(name, 1) >= half && (gate.wentOn || waitedMs > 1000),
    },
    { at: back + 1, split: 1, passed: () => gate.durable(name, 0) >= 2 * half },
  ]
  // The second is slow, so that the silence of the first is noticed while it is still at it.
  for (let n = 1; n < 6; n++) {
    const place = 2 * Math.floor((half * n) / 6) + 1
    stops.push({ at: place, split: 1, passed: (waitedMs, here) => !here || waitedMs >= idleAfterMs })
  }
  return makeInput(plan, rows, stops)
}

function drawRow(random: Prng, { firstId, keys }: InputDraw, i: number, at: number): Row {
  return { id: firstId + i, key: random.below(keys), at, value: random.below(2000) - 1000 }
}

function makeInput(plan: InputPlan, rows: readonly Row[], stops: readonly Stop[]): Input {
  const { name, kind, splits } = plan
  switch (kind) {
    case 'collection': {
      const spanOf = (split: Split): Span => {
        const { start, end } = split as Split & { readonly start: number; readonly end: number }
        return { first: start, step: 1, count: end - start, readAt: (position) => position - start }
      }
      return { plan, rows, spanOf, source: paced(collection(rows, { splits }), spanOf, stops) }
    }
    case 'generator': {
      const spanOf = (split: Split): Span => {
        const { index } = split as Split & { readonly index: number }
        const count = Math.ceil((rows.length - index) / splits)
        return { first: index, step: splits, count, readAt: (position) => (position - index) / splits }
      }
      const source = generator<Row>({ count: rows.length, splits, record: (n) => rows[n] as Row })
      return { plan, rows, spanOf, source: paced(source, spanOf, stops) }
    }
    case 'jsonl': {
      const path = `/in/${name}.jsonl`
      const lines = rows.map((row) => `${JSON.stringify(row)}\n`)
      let length = 0
      const offsets = lines.map((line) => {
        const offset = length
        length += line.length
        return offset
      })
      const spanOf = (split: Split): Span => {
        const { start, end } = split as Split & { readonly start: number; readonly end: number }
        const first = rowsBefore(offsets, start)
        return {
          first, step: 1, count: rowsBefore(offsets, end) - first,
          readAt: (position) => rowsBefore(offsets, position) - first,
        }
      }
      const source = paced(jsonl<Row>(path, { splitBytes: splits }), spanOf, stops)
      return { plan, rows, spanOf, source, file: { path, text: lines.join('') } }
    }
  }
}

/** Number of `offsets`, which grow, that are below `position`. */
function rowsBefore(offsets: readonly number[], position: number): number {
  let low = 0
  let high = offsets.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((offsets[middle] as number) < position) low = middle + 1
    else high = middle
  }
  return low
}

export type Unread = ReadonlyMap<string, { readonly split: Split; readonly position: unknown }>

/** Rows that a split has given, by its position; undefined: it was never opened. */
export const givenOf = (span: Span, position: unknown): number =>
  (typeof position === 'number' ? span.readAt(position) : 0)

/** The rows that a source has read, by what it says is unread; in their order. */
export function prefixOf({ rows, spanOf }: Input, unread: Unread | undefined): readonly Row[] {
  if (unread === undefined) return []
  const missing = new Uint8Array(rows.length)
  for (const { split, position } of unread.values()) {
    const span = spanOf(split)
    for (let n = givenOf(span, position); n < span.count; n++) missing[span.first + n * span.step] = 1
  }
  return rows.filter((_, i) => missing[i] === 0)
}
