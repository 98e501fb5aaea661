/**
 * A world to run in the simulator: input, job and faults, all drawn from one seed, and the answer.
 *
 * Called by simulator.ts. The plan is plain data, so that a failing seed can be shown.
 */
import { buildGraph } from '../../api/build.ts'
import { job, type RestartSettings } from '../../api/job.ts'
import type { Stream } from '../../api/streams.ts'
import { Prng } from '../../base/prng.ts'
import type { LogicalGraph, LogicalOperator } from '../../graph/logical-graph.ts'
import type { TaskOptions } from '../../task/options.ts'
import { drawApart } from './apart.ts'
import { drawBranches } from './branches.ts'
import { CutCheck, linesOf } from './cut-check.ts'
import type { Cut } from './cut.ts'
import { drawFaults, drawMoreFaults, drawOvertaking, type Faults, type Scale } from './faults.ts'
import { Gate } from './gate.ts'
import { drawInput, drawLateInput, drawSilentInput, type Input, type InputKind, type Row } from './inputs.ts'
import { compareOutput, readOutput, type Comparison } from './output.ts'
import { POLICIES, type Policy } from './scheduler.ts'
import type { SimulatedDisk } from './storage.ts'
import { drawStory, type StoryPlan } from './story-plan.ts'
import { operatorIn, operatorInFirst, renamed, type Version } from './versions.ts'

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
  /** What people do to the job; undefined: nothing. */
  readonly story?: StoryPlan
  graphOf(version: Version): LogicalGraph
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
  /** Most records that one step of `sender`, 'vertex[subtask]', puts into one channel. */
  recordsAStep(process: ProcessPlan, sender: string): number
  /** Most records that operators hold back until a barrier or watermark. */
  readonly recordsHeld: number
  compare(disk: SimulatedDisk): Comparison
  outputSize(disk: SimulatedDisk): { readonly lines: number; readonly staged: number }
  /** Id of a committable, as `onVisible` tells it. */
  committableId(committable: unknown): string
  /** What is wrong with a completed checkpoint; undefined: nothing. Told of each before the job goes on. */
  checkCut(cut: Cut, disk: SimulatedDisk): string | undefined
  /** The same of an aligned checkpoint that may be an old one, but for its output. */
  checkAgain(cut: Cut): string | undefined
  /** Checkpoints that were completed, the records that the newest of them has read, whether user code threw. */
  reached(): { readonly records: number; readonly checkpoints: number; readonly threw: boolean }
  /** A checkpoint was completed with so many subtasks a vertex. */
  onCompleted(parallelism: number): void
  /** Told of each committable before it becomes visible; for sinks that write no files. */
  onVisible(tell: (id: string) => void): void
  heal(): void
}

/** What an injected failure of a user function says. */
export const POISONED = 'poisoned record'

const LIMITS = { safetySteps: 5_000, livenessSteps: 150_000 }
const LEAST_RECORDS = 505
/** Of the smallest windows so many may be open at once: in the furthest disorder that is drawn, and where one input is far behind the other. */
const MOST_PANES = 256
const SCALE: Scale = {
  steps: 1200, operations: 300, times: 8, crashes: 3, poisonOneIn: 2, ioErrorOneIn: [200, 500, 1500],
}

export function drawWorld(seed: number): World {
  const random = new Prng(seed)
  const kind = random.pick(['plain', 'plain', 'plain', 'plain', 'late', 'silent'] as const)
  const gate = new Gate()
  const inputs = drawInputs(random, kind, gate)
  const records = inputs.reduce((sum, { rows }) => sum + rows.length, 0)
  const branches = drawBranches(seed, random, random.pick([1, 1, 1, 2]), kind)
  const apart = drawApart(seed, gate)
  const parts = [{ names: /^[^x]/, inputs, branches }, ...apart]
  const drawn = atLeastTwo(random, {
    ...drawFaults(random, records, SCALE), ...drawMoreFaults(new Prng(seed ^ 0x6d6f7265), 'full'),
  }, records)
  const faults = { ...drawn, poison: [...drawn.poison, ...apart.flatMap(({ poison }) => poison)] }
  const plan = {
    kind,
    inputs: parts.flatMap((part) => part.inputs.map((input) => input.plan)),
    branches: parts.flatMap((part) => part.branches.map((branch) => branch.plan)),
    checkpointEveryMs: random.pick([10, 30, 80]),
    retain: 1 + random.below(3),
    restart: drawRestart(random),
    maxParallelism: random.pick([4, 16, 128]),
    ...drawOvertaking(seed, [0, 0, 5, 20]),
    faults,
    ...drawStory(seed),
  }
  const { unalignedAfterMs } = plan
  const poison = new Map(faults.poison)
  let threw = false
  const bite = (id: number): void => {
    const left = poison.get(id) ?? 0
    if (left === 0) return
    poison.set(id, left - 1)
    threw = true
    throw new Error(`${POISONED} ${id}`)
  }
  const checkpoint = {
    every: plan.checkpointEveryMs, retain: plan.retain,
    timeout: faults.slowSyncMs > 0 ? random.pick([400, 60_000]) : 60_000,
    minPause: random.pick([0, 10, 60]),
    tolerableFailures: random.pick([0, 2, 20]),
    unaligned: unalignedAfterMs === undefined ? false as const : { after: unalignedAfterMs },
  }
  const options = { checkpoint, restart: plan.restart, maxParallelism: plan.maxParallelism }
  const simulated = (version: Version) => job('simulated', options, (j) => {
    for (const part of parts) {
      let rows: Stream<Row, 'exactly-once'> | undefined
      for (const { plan: input, source } of part.inputs) {
        const idle = input.idleAfterMs === 0 ? {} : { idleAfter: input.idleAfterMs }
        const from = j.from<Row>(operatorIn(version, input.name), source, {
          eventTime: (row) => row.at, outOfOrder: input.outOfOrderMs, ...idle,
        })
        const read = renamed(from, version, input.name).map((row) => {
          // The others make a function of a branch throw.
          if (row.id % 2 === 0) bite(row.id)
          return row
        })
        rows = rows === undefined ? read : rows.union(read)
      }
      for (const branch of part.branches) {
        branch.build(rows as Stream<Row, 'exactly-once'>, (id) => {
          if (id % 2 === 1) bite(id)
        }, version)
      }
    }
  })
  // Of the seed itself, so that it decides nothing that is drawn.
  const aggregateAhead = seed % 4 !== 0
  const pruneColumns = seed % 8 !== 0
  const graphs = new Map<Version, LogicalGraph>()
  const graphOf = (version: Version): LogicalGraph => {
    const known = graphs.get(version)
    if (known !== undefined) return known
    const { graph } = buildGraph(simulated(version))
    const made = { ...(kind === 'late' ? oneSource(graph) : graph), aggregateAhead, pruneColumns }
    graphs.set(version, made)
    return made
  }
  const rowsOf = parts.map((part) => part.inputs.flatMap((input) => input.rows))
  const expected = new Map(parts.flatMap((part, i) => [...linesOf(part.branches, rowsOf[i] ?? [])]))
  const directories = parts.flatMap((part) => part.branches.flatMap((branch) => branch.directories))
  const { maxParallelism } = plan
  const check = new CutCheck(parts, gate)
  let wide = false
  // A barrier or watermark may send on what was added up ahead of a shuffle: a part a key and open pane.
  const recordsHeld = aggregateAhead ? MOST_PANES * new Set(rowsOf.flat().map(({ key }) => key)).size : 0
  return {
    kind: 'full', seed, plan, faults, poison, random, records, maxParallelism, directories, limits: LIMITS, graphOf,
    ...(plan.story === undefined ? {} : { story: plan.story }),
    files: parts.flatMap((part) => part.inputs).flatMap((input) => (input.file === undefined ? [] : [input.file])),
    drawProcess: (fork) => drawProcess(fork, maxParallelism, wide ? 1 : 2),
    recordsHeld,
    recordsAStep: ({ options: { sourceBatchRecords, batchRecords } }, sender) => {
      const vertex = operatorInFirst(sender.slice(0, sender.lastIndexOf('[')))
      const atOnce = Math.max(0, ...parts.flatMap((part, i) =>
        part.branches.map((branch) => branch.mostAtOnce?.(rowsOf[i] ?? [], vertex) ?? 0)))
      return Math.max(sourceBatchRecords, batchRecords, atOnce) + recordsHeld
    },
    compare: (disk) => compareOutput(readOutput(disk, directories), expected),
    outputSize: (disk) => {
      const { lines, staged } = readOutput(disk, directories)
      return { lines: lines.length, staged: staged.length }
    },
    committableId: (committable) => (committable as { readonly final: string }).final,
    checkCut: (cut, disk) => check.check(cut, disk),
    checkAgain: (cut) => check.checkAgain(cut),
    reached: () => ({ records: check.read, checkpoints: gate.checkpoints, threw }),
    onCompleted: (parallelism) => {
      if (parallelism > 1) wide = true
    },
    onVisible: () => {},
    heal: () => poison.clear(),
  }
}

function drawInputs(random: Prng, kind: InputKind, gate: Gate): Input[] {
  const keys = 1 + random.below(12)
  const parity = random.below(2)
  const records = LEAST_RECORDS + random.below(80)
  const draw = { name: 's0', records, firstId: 0, keys, gate, parity }
  if (kind === 'late') return [drawLateInput(random, draw)]
  if (kind === 'silent') return [drawSilentInput(random, draw)]
  const inputs: Input[] = []
  let left = records
  const howMany = random.pick([1, 1, 2, 3])
  for (let i = 1; i <= howMany; i++) {
    const share = i === howMany ? left : random.chance(1, 10) ? 0 : random.below(left)
    inputs.push(drawInput(random, { ...draw, name: `s${i - 1}`, records: share, firstId: records - left }))
    left -= share
  }
  return inputs
}

/** Sources and what is chained to them in one subtask: records and watermarks are then in one order. */
function oneSource(graph: LogicalGraph): LogicalGraph {
  const first = (index: number): boolean => {
    const { spec: { kind }, inputs } = graph.operators[index] as LogicalOperator
    return kind === 'source' || (kind === 'map' && inputs.every(({ from }) => first(from)))
  }
  return {
    ...graph,
    operators: graph.operators.map((operator, i) => (first(i) ? { ...operator, parallelism: 1 } : operator)),
  }
}

/** Kinds of fault that are sure to happen in every run: all the others are a matter of luck. */
function atLeastTwo(random: Prng, drawn: Faults, records: number): Faults {
  // Those that are read soon, before faults end.
  const poisoned = drawn.poison.some(([id]) => id % 2 === 0 && id < records / 4)
  const certain = [drawn.slowSyncMs > 0, drawn.notices === 'late', poisoned]
  let missing = 2 - certain.filter(Boolean).length
  let faults = drawn
  const first = random.below(3)
  for (let i = 0; missing > 0; i++) {
    const which = (first + i) % 3
    if (certain[which] === true) continue
    missing -= 1
    if (which === 0) faults = { ...faults, slowSyncMs: random.pick([20, 300]) }
    else if (which === 1) faults = { ...faults, notices: 'late' }
    else faults = { ...faults, poison: [...faults.poison, [2 * random.below(records / 8), 1]] }
  }
  return faults
}

export function drawProcess(random: Prng, maxParallelism: number, least: number): ProcessPlan {
  const plan = {
    parallelism: Math.min(Math.max(least, random.pick([1, 2, 2, 3, 4])), maxParallelism),
    eager: random.pick([0, 6, 7]),
    policy: random.pick(POLICIES),
    options: {
      batchRecords: random.pick([3, 10, 40, 500]),
      sourceBatchRecords: random.pick([8, 25, 80]),
      channelBatches: random.pick([1, 2, 8]),
      freeze: true,
      pick: 'random' as const,
    },
  }
  // Generated code in most processes, closures in the others: not drawn, so that older seeds stay what they were.
  // So are the slices of a snapshot: one entry a step, some, or all at once.
  const { sourceBatchRecords, channelBatches } = plan.options
  const slices = { sliceEntries: [1, 4, 1000][channelBatches % 3] ?? 1, segmentBytes: sourceBatchRecords === 25 ? 1 : 300 }
  return { ...plan, options: { ...plan.options, ...slices, fuse: sourceBatchRecords !== 25 } }
}

function drawRestart(random: Prng): RestartSettings {
  const delay = random.pick([0, 5, 100])
  return random.pick<RestartSettings>([
    'none',
    { kind: 'fixed-delay', delay, attempts: 1 + random.below(4) },
    { kind: 'exponential-delay', initial: 1 + delay, max: 500, attempts: 8 },
  ])
}
