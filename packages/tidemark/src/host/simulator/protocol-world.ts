/**
 * A small world for the checkpoint protocol alone: counting source, sums per key, ledger.
 *
 * Two or more subtasks a vertex, some dozens of records, and the real coordinator, alignment, sink operator,
 * checkpoint storage and recovery around them. A seed takes milliseconds, so many can be run. Called by the
 * simulator.
 *
 *   PW-1  The answer is computed from the plan alone: per key the numbers from 1 on, each once, in order.
 *   PW-2  The state of a checkpoint, with what it has in flight, is the fold over the records that its
 *         positions say were read: what a barrier overtook is in it once.
 */
import { Prng } from '../../base/prng.ts'
import type { LogicalGraph, LogicalOperator, RestartStrategy } from '../../graph/logical-graph.ts'
import { MAIN, type KeySelector, type OperatorSpec } from '../../graph/operator-spec.ts'
import { counted, countingSource, type Counted, type CountingPlan } from './counting-source.ts'
import type { Cut } from './cut.ts'
import { drawFaults, drawMoreFaults, drawOvertaking, type Scale } from './faults.ts'
import { Ledger, ledgerSink, type Entry } from './ledger.ts'
import { NOTHING_WRONG, type Comparison } from './output.ts'
import { POLICIES } from './scheduler.ts'
import { rollingSums, sumsInOneMap, type Sum, type Sums } from './sums.ts'
import { POISONED, type ProcessPlan, type World } from './world.ts'

const LIMITS = { safetySteps: 2_500, livenessSteps: 40_000 }

export function drawProtocolWorld(seed: number): World {
  const random = new Prng(seed ^ 0x70726f74)
  const plan: CountingPlan = {
    splits: Array.from({ length: 2 + random.below(2) }, () => 3 + random.below(5)),
    // Many keys for few records: most rest between two checkpoints, whose snapshots are increments.
    keys: (1 + random.below(4)) * (seed % 3 === 0 ? 4 : 1),
    assignment: random.pick(['pull', 'spread'] as const),
    pauseEvery: random.pick([0, 3, 4]),
    pauseMs: random.pick([2, 10]),
  }
  const records = plan.splits.reduce((sum, length) => sum + length, 0)
  const maxParallelism = random.pick([3, 8])
  const scale: Scale = { steps: 250, operations: 90, times: 3, crashes: 1, poisonOneIn: 6, ioErrorOneIn: [300, 1000] }
  const faults = { ...drawFaults(random, records, scale), ...drawMoreFaults(random.fork(), 'protocol') }
  const values = plan.splits.flatMap((length, split) => Array.from({ length }, (_, i) => counted(plan, split, i).value))
  const poison = new Map(faults.poison.map(([id, times]) => [values[id] as number, times]))
  const ledger = new Ledger(random.fork())
  ledger.faults = { failOneIn: faults.commitFailsOneIn, hangOneIn: faults.hangOneIn, hangMs: faults.hangMs }
  const checkpoint = {
    everyMs: random.pick([8, 20]), timeoutMs: faults.hangOneIn > 0 || faults.slowSyncMs > 0 ? 60 : 60_000,
    minPauseMs: 0, retain: random.pick([1, 1, 1, 2]), tolerableFailures: random.pick([0, 2, 20]),
    ...drawOvertaking(seed, [0, 1, 4]),
  }
  const restart: RestartStrategy = random.chance(1, 4)
    ? { kind: 'none' }
    : { kind: 'fixed-delay', delayMs: random.pick([0, 5]), attempts: 6 }
  // Of seeds with many keys every other one has them in one map.
  const sums = (seed % 6 === 3 ? sumsInOneMap : rollingSums)(addUnless(poison))
  const graph: LogicalGraph = {
    job: 'protocol', guarantee: 'exactly-once', operators: operators(plan, sums.spec, sums.keyOf, ledger), maxParallelism,
    checkpoint, restart,
  }
  return {
    kind: 'protocol', seed, graphOf: () => graph, records, poison, random, maxParallelism, limits: LIMITS,
    plan: { counting: plan, checkpoint, restart, faults },
    faults, files: [], directories: [],
    drawProcess: (fork) => drawProtocolProcess(fork, maxParallelism),
    recordsHeld: 0,
    recordsAStep: ({ options }) => Math.max(options.sourceBatchRecords, options.batchRecords),
    compare: () => compareLedger(ledger, plan),
    outputSize: () => ({ lines: ledger.entries.size, staged: 0 }),
    committableId: (committable) => (committable as Entry).id,
    checkCut: (cut) => checkSums(cut, plan, sums, ledger),
    checkAgain: () => undefined,
    reached: () => ({ records, checkpoints: 0, threw: false }),
    onCompleted: () => {},
    onVisible: (tell) => {
      ledger.onCommit = tell
    },
    heal: () => {
      poison.clear()
      ledger.faults = { failOneIn: 0, hangOneIn: 0, hangMs: 0 }
    },
  }
}

function drawProtocolProcess(random: Prng, maxParallelism: number): ProcessPlan {
  return {
    parallelism: random.chance(1, 8) ? Math.min(3, maxParallelism) : 2,
    policy: random.pick(POLICIES),
    eager: random.pick([0, 6, 7, 7]),
    options: {
      batchRecords: random.pick([1, 2, 10]), sourceBatchRecords: random.pick([1, 3, 8]),
      channelBatches: random.pick([1, 2]), freeze: false, pick: 'random', sliceEntries: 1, segmentBytes: 1,
    },
  }
}

function addUnless(poison: Map<number, number>): (sum: Sum, record: Counted) => Sum {
  return (sum, { value }) => {
    const left = poison.get(value) ?? 0
    if (left > 0) {
      poison.set(value, left - 1)
      throw new Error(`${POISONED} ${value}`)
    }
    return { n: sum.n + 1, sum: sum.sum + value }
  }
}

function operators(plan: CountingPlan, sums: OperatorSpec, keyOf: KeySelector, ledger: Ledger): LogicalOperator[] {
  const source: OperatorSpec = {
    kind: 'source', source: countingSource(plan), eventTime: ({ at }: Counted) => at, outOfOrderMs: 0, onInvalid: 'fail',
  }
  const common = { named: true, was: [] }
  return [
    { ...common, index: 0, name: 'count', spec: source, inputs: [] },
    { ...common, index: 1, name: 'sum', spec: sums, inputs: [{ from: 0, output: MAIN, ship: { kind: 'hash', keyOf } }] },
    {
      ...common, index: 2, name: 'ledger', spec: { kind: 'sink', sink: ledgerSink(ledger) },
      inputs: [{ from: 1, output: MAIN, ship: { kind: 'forward' } }],
    },
  ]
}

interface Told { readonly key: number; readonly n: number }

/** Per key how many records there are, and their sum; `prefix` says how far each split is read. */
function fold(plan: CountingPlan, prefix: (split: number, length: number) => number): Map<number, Sum> {
  const sums = new Map<number, Sum>()
  for (const [split, length] of plan.splits.entries()) {
    for (let i = 0, end = prefix(split, length); i < end; i++) {
      const { key, value } = counted(plan, split, i)
      const { n, sum } = sums.get(key) ?? { n: 0, sum: 0 }
      sums.set(key, { n: n + 1, sum: sum + value })
    }
  }
  return sums
}

function compareLedger(ledger: Ledger, plan: CountingPlan): Comparison {
  const wanted = fold(plan, (_split, length) => length)
  const seen = new Map<number, Set<number>>()
  const last = new Map<number, number>()
  const wrong = { lost: 0, duplicate: 0, corrupt: 0, outOfOrder: 0 }
  for (const { records } of [...ledger.entries.values()].toSorted((a, b) => a.checkpoint - b.checkpoint)) {
    for (const { key, n } of records as readonly Told[]) {
      const numbers = seen.get(key) ?? new Set()
      seen.set(key, numbers)
      if (n < 1 || n > (wanted.get(key)?.n ?? 0)) wrong.corrupt += 1
      else if (numbers.has(n)) wrong.duplicate += 1
      else if (n < (last.get(key) ?? 0)) wrong.outOfOrder += 1
      numbers.add(n)
      last.set(key, n)
    }
  }
  for (const [key, { n }] of wanted) {
    for (let i = 1; i <= n; i++) if (seen.get(key)?.has(i) !== true) wrong.lost += 1
  }
  return { ...NOTHING_WRONG, ...wrong }
}

/** The sums in a checkpoint are those of exactly what its source positions say was read. */
function checkSums(cut: Cut, plan: CountingPlan, sums: Sums, ledger: Ledger): string | undefined {
  const unread = cut.unread('count')
  const wanted = fold(plan, (split, length) => {
    if (unread === undefined) return 0
    const active = unread.get(`s${split}`)
    if (active === undefined) return length
    return typeof active.position === 'number' ? active.position : 0
  })
  const held = sums.in(cut, 'sum')
  if (typeof held === 'string') return held
  const state = new Map(held)
  const inFlight = cut.recordsInFlight('sum') as readonly Counted[]
  for (const { key, value } of inFlight) {
    const sum = state.get(key) ?? { n: 0, sum: 0 }
    state.set(key, { n: sum.n + 1, sum: sum.sum + value })
  }
  let prefix = 0
  for (const [key, { n, sum }] of wanted) {
    prefix += n
    const found = state.get(key)
    if (found?.n === n && found.sum === sum) continue
    const had = `${JSON.stringify(found)} with ${inFlight.length} records in flight`
    return `key ${key} has ${had} where the positions say ${JSON.stringify({ n, sum })}`
  }
  if (state.size !== wanted.size) return `${state.size} keys have state, ${wanted.size} were read`
  const covered = new Map<string, number>()
  for (const { id, checkpoint, records } of ledger.entries.values()) {
    if (checkpoint <= cut.manifest.checkpoint) covered.set(id, records.length)
  }
  for (const entry of cut.committables as readonly Entry[]) covered.set(entry.id, entry.records.length)
  const told = [...covered.values()].reduce((total, count) => total + count, 0)
  const taken = prefix - inFlight.length
  return told === taken ? undefined : `${told} results are committed or carried where ${taken} records were taken`
}
