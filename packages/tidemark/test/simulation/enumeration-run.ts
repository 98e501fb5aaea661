/**
 * Crash at every storage operation of a small world, in every state the disk may then be in.
 *
 * A world runs once. Before each of its storage operations, and after the last, all states that a power cut
 * could leave at that moment are taken (the end of the process alone is one of them); states that read the
 * same and of which the same is known are judged once. The judgement: start again, finish, compare.
 */
import { assert } from '../../src/base/assert.ts'
import { crc32 } from '../../src/base/crc32.ts'
import { checkpointId } from '../../src/base/ids.ts'
import { parseManifest, type Manifest } from '../../src/checkpoint/manifest.ts'
import { SimulatedDirectory, SimulatedFile } from '../../src/host/simulator/inodes.ts'
import { OK, SimulatedDisk, type Fate, type OperationInfo } from '../../src/host/simulator/storage.ts'
import { directoriesOf, expectedLines, graphOf, SmallProcess, STATE, type Plan } from './enumeration-process.ts'
import { diskOf, imageOf, legalStates } from './enumeration-states.ts'

export interface CrashWorld {
  readonly name: string
  readonly plan: Plan
  /** What an operation comes to; the default is that it succeeds. */
  readonly fate?: (info: OperationInfo) => Fate
  /** Nothing is appended while crashes are enumerated: there is no last write that could be torn. */
  readonly writesNothing?: true
  /** Calls `lab.enumerate()` where crashes begin to be enumerated. */
  live(lab: Lab): void
}

/** What was seen from outside before the crash, and must hold after it. */
interface Known {
  readonly completed: number
  readonly fresh: boolean
}

export interface Enumeration {
  readonly world: string
  readonly crashPoints: number
  readonly states: number
  readonly distinct: number
  /** Points at which the last write was not synced, so that it was torn; those with too many states for all files. */
  readonly torn: number
  readonly lastOnly: number
  readonly problems: readonly string[]
}

export class Lab {
  readonly disk = new SimulatedDisk()
  readonly plan: Plan
  /** The user asked for --fresh and has not seen the job start. */
  fresh = false
  /** The newest checkpoint that some process reported as complete, of the line that counts. */
  completed = (): number => 0
  enumerate: () => void

  constructor(plan: Plan, enumerate: () => void) {
    this.plan = plan
    this.enumerate = enumerate
  }

  process(init: Partial<ConstructorParameters<typeof SmallProcess>[1]> = {}): SmallProcess {
    const process = new SmallProcess(this.disk, { graph: graphOf(this.plan), ...init })
    const before = this.completed
    this.completed = () => Math.max(before(), process.completed.at(-1) ?? 0)
    return process
  }
}

const MOST_PROBLEMS = 5

/**
 * Of the unsynced bytes parts survive too: of the file that was written last, or, with `every`, of every file, as
 * far as that are not too many states.
 */
export function enumerateCrashes(world: CrashWorld, every: boolean): Enumeration {
  const problems: string[] = []
  const judged = new Set<string>()
  let enumerating = false
  let crashPoints = 0
  let states = 0
  let torn = 0
  let lastOnly = 0
  let written: string | undefined
  const { poison: _poison, ...calm } = world.plan
  // Nothing but the final checkpoint: the job goes on in as few steps as possible.
  const graph = graphOf({ ...calm, every: 1_000_000 })
  const lab = new Lab(world.plan, () => {
    enumerating = true
  })
  const statesNow = (): readonly SimulatedDirectory[] => {
    const file = written === undefined ? undefined : lab.disk.lookup(written)
    const only = file instanceof SimulatedFile && !file.durable ? file : undefined
    if (only !== undefined) torn += 1
    const all = every ? legalStates(lab.disk, 'every') : undefined
    if (all !== undefined) return all
    if (every) lastOnly += 1
    const last = legalStates(lab.disk, { only })
    assert(last !== undefined, 'too many states of a disk even with one torn file')
    return last
  }
  const crash = (where: string): void => {
    crashPoints += 1
    const possible = statesNow()
    states += possible.length
    const known: Known = { completed: lab.completed(), fresh: lab.fresh }
    for (const root of possible) {
      const id = `${known.completed} ${known.fresh} ${imageOf(root)}`
      if (judged.has(id)) continue
      judged.add(id)
      if (problems.length >= MOST_PROBLEMS) continue
      const problem = judge(diskOf(root), calm, graph, known)
      if (problem !== undefined) problems.push(`crash ${where}: ${problem}\n${imageOf(root)}`)
    }
  }
  lab.disk.onOperation = (info) => {
    if (enumerating) crash(`before ${info.operation} ${info.path} (operation ${info.index})`)
    if (info.operation === 'append') written = info.path
    return world.fate?.(info) ?? OK
  }
  world.live(lab)
  if (enumerating) crash('after the last operation')
  return { world: world.name, crashPoints, states, distinct: judged.size, torn, lastOnly, problems }
}

/** Undefined if the job goes on from there to exactly the right output. */
function judge(disk: SimulatedDisk, plan: Plan, graph: ReturnType<typeof graphOf>, known: Known): string | undefined {
  const broken = brokenCheckpoint(disk)
  if (broken !== undefined) return broken
  const next = new SmallProcess(disk, { graph, number: 71, fresh: known.fresh })
  try {
    next.start().run()
  } catch (error) {
    return `the next start: ${String(error)}`
  }
  const end = describeEnd(next)
  if (next.end?.kind !== 'finished' && next.end?.kind !== 'already-finished') return `the next start ended: ${end}`
  if (next.restored !== undefined && next.restored < known.completed && !known.fresh) {
    return `it went on from #${next.restored}, and #${known.completed} was complete`
  }
  const wrong = wrongOutput(disk, plan)
  if (wrong !== undefined) return wrong
  if (next.end.kind === 'finished') {
    const left = unreferenced(disk, plan.retain)
    if (left.length > 0) return `unreferenced after collection: ${left.join(', ')}`
  }
  disk.killAll()
  const again = new SmallProcess(disk, { graph, number: 72 }).start().run()
  if (again.end?.kind !== 'already-finished') return `a start after the end: ${describeEnd(again)}`
  return wrongOutput(disk, plan)
}

function describeEnd({ end }: SmallProcess): string {
  return end?.kind === 'failed' ? `${end.error.code} ${end.error.message}` : String(end?.kind)
}

function namesIn(disk: SimulatedDisk, path: string): string[] {
  const directory = disk.lookup(path)
  return directory instanceof SimulatedDirectory ? [...directory.entries.keys()] : []
}

function manifestsOn(disk: SimulatedDisk): Manifest[] {
  return namesIn(disk, `${STATE}/checkpoints`).filter((name) => name.endsWith('.manifest')).map((name) => {
    const file = disk.lookup(`${STATE}/checkpoints/${name}`) as SimulatedFile
    return parseManifest(file.read(0, file.length), name, checkpointId(Number.parseInt(name, 10)))
  })
}

/** CM-1 and GC-2: a manifest is whole, and every file it names is there and whole, at every instant. */
function brokenCheckpoint(disk: SimulatedDisk): string | undefined {
  try {
    for (const { checkpoint, files } of manifestsOn(disk)) {
      for (const { checkpoint: writer = checkpoint, name, length, crc32: sum } of files) {
        const file = disk.lookup(`${STATE}/checkpoints/${writer}/${name}`)
        if (!(file instanceof SimulatedFile)) return `checkpoint #${checkpoint} names ${name} of #${writer}, which is not there`
        if (file.length !== length || crc32(file.read(0, length)) !== sum) return `#${checkpoint}: ${name} of #${writer} is damaged`
      }
    }
    return undefined
  } catch (error) {
    return String(error)
  }
}

export function wrongOutput(disk: SimulatedDisk, plan: Plan): string | undefined {
  const lines: string[] = []
  for (const path of directoriesOf(plan)) {
    const directory = disk.lookup(path)
    if (!(directory instanceof SimulatedDirectory)) continue
    for (const [name, file] of directory.entries) {
      if (name.startsWith('.')) return `${path}/${name} is staged still`
      if (file instanceof SimulatedDirectory) continue
      lines.push(...new TextDecoder().decode(file.read(0, file.length)).split('\n').slice(0, -1))
    }
  }
  const expected = expectedLines(plan)
  lines.sort()
  if (lines.length === expected.length && lines.every((line, i) => line === expected[i])) return undefined
  return `${lines.length} lines instead of ${expected.length}: ${lines.join(' ')}`
}

/** What collection should have taken: all that no retained manifest names. */
function unreferenced(disk: SimulatedDisk, retain: number): string[] {
  const left: string[] = []
  const newest = Math.max(...namesIn(disk, `${STATE}/epochs`).map((name) => Number.parseInt(name, 10) || 0))
  for (const path of [STATE, `${STATE}/epochs`, `${STATE}/checkpoints`]) {
    for (const name of namesIn(disk, path)) {
      const epoch = Number(/^\.tmp-e(\d+)-/.exec(name)?.[1] ?? Number.NaN)
      // Those of epoch 0 and of the newest one belong to starts that may be at it: collection leaves them alone.
      if (epoch > 0 && epoch < newest) left.push(`${path}/${name}`)
    }
  }
  const manifests = manifestsOn(disk)
  if (manifests.length > retain) left.push(`${manifests.length} manifests`)
  const oldest = Math.min(...manifests.map(({ checkpoint }) => checkpoint))
  const referenced = new Set(manifests.flatMap(({ checkpoint, files }) =>
    files.map((file) => `${file.checkpoint ?? checkpoint}/${file.name}`)))
  for (const name of namesIn(disk, `${STATE}/checkpoints`)) {
    if (!/^\d+$/.test(name)) continue
    for (const file of namesIn(disk, `${STATE}/checkpoints/${name}`)) {
      const trace = file === 'trace.jsonl' && Number(name) >= oldest
      if (!trace && !referenced.has(`${name}/${file}`)) left.push(`${name}/${file}`)
    }
  }
  return left
}
