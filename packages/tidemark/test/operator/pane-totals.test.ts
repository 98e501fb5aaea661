import fc from 'fast-check'
import { expect, test } from 'vitest'
import { count, sum } from '../../src/api/aggregates.ts'
import { combine } from '../../src/api/combine.ts'
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import type { Window } from '../../src/graph/window-spec.ts'
import { isInvertible } from '../../src/operator/pane-totals.ts'
import { createGeneralWindow } from '../../src/operator/window-general.ts'
import { createPaneWindow, sharesPanes } from '../../src/operator/window-panes.ts'
import { compareOutputs, runScript } from '../../src/testing/operator-script.ts'
import { aggregateWindow, sliding, type Row } from './specs.ts'
import { lateness, steps } from './window-model.ts'

const { aggregate, fill } = combine({ n: count(), total: sum((row: Row) => row[1], { integers: true }) })

function totalsOver(assigner: WindowSpec['assigner'], latenessMs: number): WindowSpec {
  return aggregateWindow(assigner, {
    latenessMs,
    compute: {
      kind: 'aggregate', aggregate,
      result: (key: string, { start, end }: Window, cells: unknown) => fill({ key, start, end }, cells),
    },
  })
}

const overlapping = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: -4, max: 4 }))
  .filter(([slide, more, offset]) => more > 0 && Math.abs(offset) < slide)
  .map(([slide, more, offset]) => sliding(slide + more, slide, offset))

test('RT-1: totals from which panes are taken back are those of the general operator, for any order and lateness', () => {
  expect(isInvertible(aggregate)).toBe(true)
  fc.assert(fc.property(overlapping, lateness, steps, (assigner, latenessMs, script) => {
    const operator = totalsOver(assigner, latenessMs)
    expect(sharesPanes(operator)).toBe(true)
    const general = runScript({ operator, steps: script, create: createGeneralWindow }, 'plain')
    const panes = runScript({ operator, steps: script, create: createPaneWindow }, 'plain')
    compareOutputs(general, panes, 'panes')
    compareOutputs(general, runScript({ operator, steps: script, create: createPaneWindow }, 'rescaled'), 'rescaled')
  }), { numRuns: 100 })
})

test('only aggregates whose merges can be taken back exactly have totals', () => {
  expect(isInvertible(count())).toBe(true)
  expect(isInvertible(sum((row: Row) => row[1]))).toBe(false)
  expect(isInvertible(combine({ n: count(), total: sum((row: Row) => row[1]) }).aggregate)).toBe(false)
})
