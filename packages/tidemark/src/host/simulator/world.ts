/**
 * A world to run in the simulator: input, job and faults, all drawn from one seed, and the answer.
 *
 * Called by simulator.ts. The plan is plain data, so that a failing seed can be shown.
 */
import { buildGraph } from '../../api/build.ts'
import { job, type RestartSettings } from '../../api/job.ts'
import type { Stream } from '../../api/streams.ts'
import { Prng } from '../../base/prng.ts'
import type { LogicalGraph } from '../../graph/logical-graph.ts'
import type { TaskOptions } from '../../task/options.ts'
import { drawBranches } from './branches.ts'
import { drawFaults, type FaultPlan } from './faults.ts'
import { drawInput, type Input, type InputPlan, type Row } from './inputs.ts'
import { POLICIES, type Policy } from './scheduler.ts'

export interface WorldPlan {
  readonly inputs: readonly InputPlan[]
  readonly branches: readonly Readonly<Record<string, unknown>>[]
  readonly checkpointEveryMs: number
  readonly retain: number
  readonly restart: RestartSettings
  readonly maxParallelism: number
  readonly faults: FaultPlan
}

/** What is drawn anew for every process of the world. */
export interface ProcessPlan {
  readonly parallelism: number
  readonly policy: Policy
  readonly options: TaskOptions
}

export interface World {
  readonly seed: number
  readonly plan: WorldPlan
  readonly graph: LogicalGraph
  readonly files: readonly { readonly path: string; readonly text: string }[]
  readonly directories: readonly string[]
  /** Output lines and how often each must be there. */
  readonly expected: ReadonlyMap<string, number>
  /** Record id to how often a user function will throw on it. */
  readonly poison: Map<number, number>
  readonly random: Prng
}

/** What an injected failure of a user function says. */
export const POISONED = 'poisoned record'

export function drawWorld(seed: number): World {
  const random = new Prng(seed)
  const keys = 1 + random.below(12)
  const inputs: Input[] = []
  let records = 0
  for (let i = 0, n = random.pick([1, 1, 2, 3]); i < n; i++) {
    const input = drawInput(random, `s${i}`, records, keys)
    records += input.rows.length
    inputs.push(input)
  }
  const branches = drawBranches(random, random.pick([1, 1, 2]))
  const faults = drawFaults(random, Math.max(1, records))
  const plan: WorldPlan = {
    inputs: inputs.map((input) => input.plan),
    branches: branches.map((branch) => branch.plan),
    checkpointEveryMs: random.pick([5, 20, 60]),
    retain: 1 + random.below(3),
    restart: drawRestart(random),
    maxParallelism: random.pick([4, 16, 128]),
    faults,
  }
  const poison = new Map(faults.poison)
  const checkpoint = {
    every: plan.checkpointEveryMs, retain: plan.retain,
    timeout: faults.slowSyncMs > 0 ? random.pick([400, 60_000]) : 60_000,
    minPause: random.pick([0, 0, 10]),
    tolerableFailures: random.pick([0, 2, 20]),
  }
  const options = { checkpoint, restart: plan.restart, maxParallelism: plan.maxParallelism }
  const simulated = job('simulated', options, (j) => {
    let rows: Stream<Row, 'exactly-once'> | undefined
    for (const { plan: input, source } of inputs) {
      const read = j.from<Row>(input.name, source, { eventTime: (row) => row.at, outOfOrder: input.outOfOrderMs })
        .map((row) => bite(poison, row))
      rows = rows === undefined ? read : rows.union(read)
    }
    for (const branch of branches) branch.build(rows as Stream<Row, 'exactly-once'>)
  })
  const all = inputs.flatMap((input) => input.rows)
  const expected = new Map<string, number>()
  for (const value of branches.flatMap((branch) => branch.expect(all))) {
    const line = JSON.stringify(value)
    expected.set(line, (expected.get(line) ?? 0) + 1)
  }
  return {
    seed, plan, expected, poison, random,
    graph: buildGraph(simulated).graph,
    files: inputs.flatMap((input) => (input.file === undefined ? [] : [input.file])),
    directories: branches.flatMap((branch) => branch.directories),
  }
}

export function drawProcess(random: Prng, maxParallelism: number): ProcessPlan {
  return {
    parallelism: 1 + random.below(Math.min(4, maxParallelism)),
    policy: random.pick(POLICIES),
    options: {
      batchRecords: random.pick([1, 3, 20, 500]),
      sourceBatchRecords: random.pick([2, 10, 50]),
      channelBatches: random.pick([1, 2, 8]),
      freeze: true,
      pick: 'random',
    },
  }
}

function drawRestart(random: Prng): RestartSettings {
  const delay = random.pick([0, 5, 100])
  return random.pick<RestartSettings>([
    'none',
    { kind: 'fixed-delay', delay, attempts: 1 + random.below(6) },
    { kind: 'exponential-delay', initial: 1 + delay, max: 500, attempts: 20 },
  ])
}

function bite(poison: Map<number, number>, row: Row): Row {
  const left = poison.get(row.id) ?? 0
  if (left > 0) {
    poison.set(row.id, left - 1)
    throw new Error(`${POISONED} ${row.id}`)
  }
  return row
}
