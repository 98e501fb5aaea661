/** Random scripts for window operators, and a model that recomputes every firing from all elements. */
import fc from 'fast-check'
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import type { ScriptStep } from '../../src/testing/operator-script.ts'
import type { HarnessOutput } from '../../src/testing/operator-harness.ts'
import { sliding, tumbling, type Row } from './specs.ts'

const key = fc.constantFrom('a', 'b', 'c')
const step: fc.Arbitrary<ScriptStep> = fc.oneof(
  { weight: 6, arbitrary: fc.record({
    kind: fc.constant('send' as const), timestamp: fc.integer({ min: -20, max: 40 }),
    value: fc.tuple(key, fc.integer({ min: -9, max: 9 })),
  }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('watermark' as const), watermark: fc.integer({ min: -20, max: 45 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), parallelism: fc.constantFrom(1, 2, 3) }) },
)
export const steps = fc.array(step, { minLength: 1, maxLength: 50 })
export const lateness = fc.constantFrom(0, 1, 7, 30)
export const aligned = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: -5, max: 5 }))
    .filter(([size, offset]) => Math.abs(offset) < size).map(([size, offset]) => tumbling(size, offset)),
  fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: -4, max: 4 }))
    .filter(([, slide, offset]) => Math.abs(offset) < slide).map(([size, slide, offset]) => sliding(size, slide, offset)),
)

/** Recomputes every firing from the list of all elements so far: no incremental state at all. */
export function model(spec: WindowSpec, script: readonly ScriptStep[]): string[][] {
  const { assigner, latenessMs } = spec
  if (assigner.kind !== 'tumbling' && assigner.kind !== 'sliding') throw new Error('aligned only')
  const slide = assigner.kind === 'sliding' ? assigner.slideMs : assigner.sizeMs
  const kept: { row: Row; start: number }[] = []
  let watermark = -Infinity
  const result = (key: string, start: number): string => {
    const rows = kept.filter((k) => k.start === start && k.row[0] === key).map((k) => k.row[1])
    const end = start + assigner.sizeMs
    const value = [key, start, end, rows.length, rows.reduce((a, b) => a + b, 0)]
    return JSON.stringify({ kind: 'record', tag: 'main', value, timestamp: end - 1 })
  }
  return script.map((each) => {
    const out: string[] = []
    if (each.kind === 'send') {
      const row = each.value as Row
      const time = each.timestamp as number
      let taken = false
      for (let start = -60; start < 60; start++) {
        if ((((start - assigner.offsetMs) % slide) + slide) % slide !== 0) continue
        if (time < start || time >= start + assigner.sizeMs) continue
        const last = start + assigner.sizeMs - 1
        if (last + latenessMs <= watermark) continue
        taken = true
        kept.push({ row, start })
        if (last <= watermark) out.push(result(row[0], start))
      }
      if (!taken && time + latenessMs <= watermark) {
        out.push(`late ${JSON.stringify(row)} ${time} ${watermark - time}`)
      }
    } else if (each.kind === 'watermark' && each.watermark > watermark) {
      const due = new Map<string, [string, number]>()
      for (const { row, start } of kept) {
        const last = start + assigner.sizeMs - 1
        if (last > watermark && last <= each.watermark) due.set(`${row[0]} ${start}`, [row[0], start])
      }
      for (const [k, start] of due.values()) out.push(result(k, start))
      watermark = each.watermark
    }
    return out.sort()
  })
}

export function comparable(outputs: readonly (readonly HarnessOutput[])[]): string[][] {
  return outputs.map((each) => each.flatMap((output) => {
    if (output.kind !== 'record') return []
    if (output.tag !== 'late') return [JSON.stringify(output)]
    const { record, eventTime, lateByMs } = output.value as { record: Row; eventTime: Date; lateByMs: number }
    return [`late ${JSON.stringify(record)} ${eventTime.getTime()} ${lateByMs}`]
  }).sort())
}
