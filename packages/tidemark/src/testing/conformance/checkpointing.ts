/**
 * "Checkpoint, kill, restore" cases: a keyed window at parallelism 4 loses its process once.
 *
 * On the harness: the cut is taken after the step of the checkpoint, everything sent after it is
 * forgotten, the source goes on from its position. What a sink that commits would show is compared.
 */
import type { WindowCompute, WindowSpec } from '../../graph/operator-spec.ts'
import { MAX_TIMESTAMP } from '../../base/time.ts'
import type { HarnessOutput } from '../operator-harness.ts'
import { ScaledHarness } from '../operator-script.ts'
import { check, checkEqual, list, unsupported, type Case, type Json } from './case.ts'
import { assignerOf, computesOf } from './windows.ts'

interface Source {
  readonly steps: number
  readonly keys: number
  readonly lag: number
  readonly failAfter: number
  readonly checkpointAfter: number
}

const DEFAULT: Source = { steps: 300, keys: 20, lag: 133, failAfter: 150, checkpointAfter: 75 }
const SUM = 'sum of field 1; output [key, start, end, sum]'
const COUNTER = 'state starts at 0; if it is 0 set it to the key; then add 1; output [key,start,end,state]'

type Row = readonly [key: number, start: number, end: number, value: number]

function sourceOf(given: Json): Source {
  const text = String(given['source'])
  if (text.startsWith('as checkpointing/')) return DEFAULT
  const shape = /^for n = 0\.\.(\d+): for key = 0\.\.(\d+): element \[key, n\] with ts n; then watermark n - (\d+)/.exec(text)
  if (shape === null) return unsupported(`source ${text}`)
  const failure = /after (\d+) of the \d+ steps.* after step (\d+)/.exec(String(given['failure'] ?? ''))
  const steps = Number(shape[1]) + 1
  return {
    steps, keys: Number(shape[2]) + 1, lag: Number(shape[3]),
    failAfter: Number(failure?.[1] ?? Math.floor(steps / 2)),
    checkpointAfter: Number(failure?.[2] ?? Math.floor(steps / 4)),
  }
}

const counter: WindowCompute = {
  kind: 'elements',
  state: { counter: { kind: 'value', version: 1 } },
  fn(key, { start, end }, _elements, { state }) {
    const count = state['counter'].update((present = 0) => (present === 0 ? key : present) + 1)
    return [[key, start, end, count]]
  },
}

export function runCheckpointing(test: Case): void {
  const { operation, expected } = test
  const fn = operation['function']
  const computes = fn === COUNTER ? [counter] : computesOf(fn === SUM ? SUM : unsupported(`function ${String(fn)}`))
  const source = sourceOf(test.given as Json)
  const parallelism = Number(/^(\d+)/.exec(String(operation['parallelism'] ?? ''))?.[1] ?? 4)
  const maxima = (Array.isArray(operation['max_parallelism']) ? operation['max_parallelism'] : ['128'])
    .map((text) => (/^\d+$/.test(String(text)) ? Number(text) : parallelism))
  for (const compute of computes) {
    for (const maxParallelism of maxima) {
      const operator: WindowSpec = {
        kind: 'window', keyOf: (row: readonly unknown[]) => row[0] as number, sides: [], latenessMs: 0, compute,
        assigner: assignerOf(operation['assigner'] ?? 'tumbling-100ms'),
      }
      for (const after of new Set([parallelism, 1, Math.min(3, maxParallelism)])) {
        const rows = play(operator, source, { before: parallelism, after, maxParallelism })
        if (fn === COUNTER) checkCounters(rows)
        else checkSums(rows, expected as Json, source)
      }
    }
  }
}

function play(
  operator: WindowSpec, source: Source, scale: { before: number; after: number; maxParallelism: number },
): Row[] {
  const { maxParallelism } = scale
  const harness = new ScaledHarness({ operator, steps: [], parallelism: scale.before, maxParallelism })
  const feed = (from: number, to: number): void => {
    for (let n = from; n < to; n++) {
      for (let key = 0; key < source.keys; key++) harness.play({ kind: 'send', value: [key, n], timestamp: n })
      harness.play({ kind: 'watermark', watermark: n - source.lag })
    }
  }
  feed(0, source.checkpointAfter)
  const committed = harness.take()
  const segments = harness.snapshot()
  feed(source.checkpointAfter, source.failAfter)
  // The failure: what was sent since the checkpoint was never committed.
  harness.take()
  harness.restore(scale.after, segments)
  feed(source.checkpointAfter, source.steps)
  harness.play({ kind: 'watermark', watermark: MAX_TIMESTAMP })
  return [...committed, ...harness.take()].flatMap((each: HarnessOutput) =>
    (each.kind === 'record' && each.tag === 'main' ? [each.value as Row] : []))
}

function checkSums(rows: readonly Row[], expected: Json, source: Source): void {
  for (const [key, start, end, sum] of rows) {
    let want = 0
    for (let n = Math.max(start, 0); n < Math.min(end, source.steps); n++) want += n
    checkEqual(sum, want, `sum of key ${key} in [${start}, ${end})`)
  }
  checkEqual(new Set(rows.map(([key, start]) => `${key} ${start}`)).size, rows.length, 'windows that came twice')
  const { per_key: perKey, windows_per_key: windows, total_rows: total } = expected
  if (total !== undefined) checkEqual(rows.length, total, 'rows')
  for (let key = 0; key < source.keys; key++) {
    const own = rows.filter((row) => row[0] === key).toSorted((a, b) => a[1] - b[1])
    if (windows !== undefined) checkEqual(own.length, windows, `windows of key ${key}`)
    if (perKey === undefined) continue
    checkEqual(own.map(([, start, end, sum]) => ({ start, end, sum })),
      list(perKey, 'per_key').map(({ start, end, sum }) => ({ start, end, sum })), `windows of key ${key}`)
  }
  check(rows.length > 0, () => 'no rows')
}

function checkCounters(rows: readonly Row[]): void {
  const byKey = new Map<number, Row[]>()
  for (const row of rows) byKey.set(row[0], [...(byKey.get(row[0]) ?? []), row])
  check(byKey.size > 0, () => 'no rows')
  for (const [key, own] of byKey) {
    own.sort((a, b) => a[1] - b[1])
    checkEqual(own.map((row) => row[3]), own.map((_, i) => key + i + 1), `counters of key ${key}`)
  }
}
