/**
 * Records and sources of a simulated world, drawn from its seed.
 *
 * Called by world.ts. Records of a source are in time order, or out of order by a known bound which
 * the source is told, so that nothing is late and one answer is right at every parallelism.
 */
import type { Prng } from '../../base/prng.ts'
import { collection } from '../../connector/collection.ts'
import { generator } from '../../connector/generator.ts'
import { jsonl } from '../../connector/jsonl.ts'
import type { RewindableSource } from '../../connector/text-source.ts'
import type { Split } from '../../graph/source.ts'

export interface Row {
  /** Unique in the world. */
  readonly id: number
  readonly key: number
  readonly at: number
  readonly value: number
}

/** Plain data: printed with a failing seed. */
export interface InputPlan {
  readonly name: string
  readonly kind: 'collection' | 'jsonl' | 'generator'
  readonly records: number
  readonly outOfOrderMs: number
  /** Number of splits; bytes a split for jsonl. */
  readonly splits: number
}

export interface Input {
  readonly plan: InputPlan
  readonly rows: readonly Row[]
  readonly source: RewindableSource<Row, Split>
  /** File on the disk, for jsonl. */
  readonly file?: { readonly path: string; readonly text: string }
}

/** Event time begins here, within a window of every size. */
const BEGIN_MS = 1_000_003

export function drawInput(random: Prng, name: string, firstId: number, keys: number): Input {
  const kind = random.pick(['collection', 'jsonl', 'generator'] as const)
  const records = random.chance(1, 20) ? 0 : 30 + random.below(300)
  const outOfOrderMs = random.pick([0, 0, 40, 400])
  const splits = kind === 'jsonl' ? 150 + random.below(3000) : 1 + random.below(6)
  const plan: InputPlan = { name, kind, records, outOfOrderMs, splits }
  const rows = drawRows(random, plan, firstId, keys)
  if (kind === 'jsonl') {
    const path = `/in/${name}.jsonl`
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
    return { plan, rows, source: jsonl<Row>(path, { splitBytes: splits }), file: { path, text } }
  }
  const source: RewindableSource<Row, any> = kind === 'collection'
    ? collection(rows, { splits })
    : generator<Row>({ count: records, splits, record: (n) => rows[n] as Row })
  return { plan, rows, source }
}

function drawRows(random: Prng, plan: InputPlan, firstId: number, keys: number): Row[] {
  const stepMs = random.pick([1, 7, 30])
  let at = BEGIN_MS
  const rows = Array.from({ length: plan.records }, (_, i): Row => {
    at += random.below(2 * stepMs)
    // Each may come earlier in time than its place, by less than the bound.
    const early = plan.outOfOrderMs === 0 ? 0 : random.below(plan.outOfOrderMs)
    return { id: firstId + i, key: random.below(keys), at: at - early, value: random.below(2000) - 1000 }
  })
  return rows
}

/**
 * The rows that a source has read, by what it says is unread; undefined where that is in bytes of a file.
 */
export function prefixOf(
  { plan, rows }: Input,
  unread: ReadonlyMap<string, { readonly split: { readonly id: string }; readonly position: unknown }> | undefined,
): readonly Row[] | undefined {
  if (plan.kind === 'jsonl') return undefined
  if (unread === undefined) return []
  const missing = new Set<number>()
  for (const { split, position } of unread.values()) {
    const at = typeof position === 'number' ? position : undefined
    if (plan.kind === 'collection') {
      const { start, end } = split as { readonly id: string; readonly start: number; readonly end: number }
      for (let i = at ?? start; i < end; i++) missing.add(i)
    } else {
      const { index } = split as { readonly id: string; readonly index: number }
      for (let i = at ?? index; i < rows.length; i += plan.splits) missing.add(i)
    }
  }
  return rows.filter((_, i) => !missing.has(i))
}
