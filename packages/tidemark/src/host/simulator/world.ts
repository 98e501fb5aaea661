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
import { drawBranches, type Branch } from './branches.ts'
import type { Cut } from './cut.ts'
import { drawFaults, drawMoreFaults, type Faults } from './faults.ts'
import { drawInput, prefixOf, type Input, type Row } from './inputs.ts'
import { compareOutput, readOutput, type Comparison } from './output.ts'
import { POLICIES, type Policy } from './scheduler.ts'
import type { SimulatedDisk } from './storage.ts'

/** What is drawn anew for every process of the world. */
export interface ProcessPlan {
  readonly parallelism: number
  readonly policy: Policy
  readonly options: TaskOptions
  /** Of eight storage operations so many end at once, without a turn of the loop in between. */
  readonly eager: number
}

/** What the simulator needs to know of a world; protocol-world.ts makes small ones. */
export interface World {
  readonly kind: 'protocol' | 'full'
  readonly seed: number
  /** Plain data: printed with a failing seed. */
  readonly plan: Readonly<Record<string, unknown>>
  readonly faults: Faults
  readonly graph: LogicalGraph
  readonly records: number
  readonly maxParallelism: number
  readonly files: readonly { readonly path: string; readonly text: string }[]
  /** Where file sinks write. */
  readonly directories: readonly string[]
  /** Record id to how often a user function will throw on it. */
  readonly poison: Map<number, number>
  readonly random: Prng
  readonly limits: { readonly safetySteps: number; readonly livenessSteps: number }
  drawProcess(random: Prng): ProcessPlan
  /** Most batches that one step of a subtask puts into a channel: the bound of a channel does not count these. */
  mostOutputs(process: ProcessPlan): number
  compare(disk: SimulatedDisk): Comparison
  outputSize(disk: SimulatedDisk): { readonly lines: number; readonly staged: number }
  /** Id of a committable, as `onVisible` tells it. */
  committableId(committable: unknown): string
  /** What is wrong with the state in a completed checkpoint; undefined: nothing. */
  checkCut(cut: Cut): string | undefined
  /** Told of each committable before it becomes visible; for sinks that write no files. */
  onVisible(tell: (id: string) => void): void
  heal(): void
}

/** What an injected failure of a user function says. */
export const POISONED = 'poisoned record'

const LIMITS = { safetySteps: 8_000, livenessSteps: 150_000 }

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
  const faults: Faults = {
    ...drawFaults(random, Math.max(1, records)), ...drawMoreFaults(new Prng(seed ^ 0x6d6f7265), 'full'),
  }
  const plan = {
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
  const directories = branches.flatMap((branch) => branch.directories)
  const { maxParallelism } = plan
  return {
    kind: 'full', seed, plan, faults, poison, random, records, maxParallelism, directories, limits: LIMITS,
    graph: buildGraph(simulated).graph,
    files: inputs.flatMap((input) => (input.file === undefined ? [] : [input.file])),
    drawProcess: (fork) => drawProcess(fork, maxParallelism),
    // One watermark may end every window there is.
    mostOutputs: () => 4 * records + 100,
    compare: (disk) => compareOutput(disk, directories, expected),
    outputSize: (disk) => {
      const { lines, staged } = readOutput(disk, directories)
      return { lines: lines.length, staged: staged.length }
    },
    committableId: (committable) => (committable as { readonly final: string }).final,
    checkCut: (cut) => checkState(cut, inputs, branches),
    onVisible: () => {},
    heal: () => poison.clear(),
  }
}

/** The state of every branch that has a fold of its own, against the records its sources have read. */
function checkState(cut: Cut, inputs: readonly Input[], branches: readonly Branch[]): string | undefined {
  const rows: Row[] = []
  for (const input of inputs) {
    const prefix = prefixOf(input, cut.unread(input.plan.name))
    if (prefix === undefined) return undefined
    rows.push(...prefix)
  }
  for (const branch of branches) {
    const wrong = branch.checkState?.(rows, (operator, name) => cut.keyed(operator, name))
    if (wrong !== undefined) return wrong
  }
  return undefined
}

export function drawProcess(random: Prng, maxParallelism: number): ProcessPlan {
  return {
    parallelism: 1 + random.below(Math.min(4, maxParallelism)),
    eager: 0,
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
