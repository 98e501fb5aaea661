import { expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { runConformance } from '../../src/testing/conformance/main.ts'
test('probe', () => {
  const r = runConformance(readFileSync('/work/shared/conformance/flink-cases.json', 'utf8'))
  console.log(r.summary)
  expect(r.summary.failed).toBe(0)
  // variants of operations that are only in operations.json
  const ops = JSON.parse(readFileSync('/work/shared/conformance/operations.json', 'utf8')).operations
  const given = [{ element: ['key1', 1], ts: 10 }, { element: ['key1', 2], ts: 1500 }, { watermark: 3000 }, { processing_time: 5000 }, { watermark: 'MAX' }]
  const res = runConformance(JSON.stringify({ cases: ops.map((operation: any, i: number) => ({ name: `${i} ${operation.kind} ${JSON.stringify(operation.assigner ?? '')} ${operation.function ?? ''}`.slice(0, 110), operation, given: /process function/.test(operation.kind) ? [{ element: 5, ts: 3 }, { watermark: 9 }] : given, expected: [] })) }))
  console.log(res.lines.map((l) => l.slice(0, 330)).join('\n'))
})
