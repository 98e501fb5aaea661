/** Stopping, draining and beginning elsewhere, of a whole small job, cut off at every operation of the disk. */
import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { readSavepoint, verifySavepoint } from '../../src/checkpoint/savepoint.ts'
import { OK, SimulatedDisk, type Fate } from '../../src/host/simulator/storage.ts'
import type { StopOutcome } from '../../src/job/stop.ts'
import { outcomeOf, run } from '../checkpoint/world.ts'
import { expectedLines, graphOf, SmallProcess, STATE, type Plan } from '../simulation/enumeration-process.ts'

const PLAN: Plan = { records: 14, every: 6, retain: 1, sinks: 1 }
/** Longer than any stop takes. */
const LONG: Plan = { ...PLAN, records: 1_000 }
const MANY = 100_000
const NEXT = '/next'
const PATH = '/backup/one'

interface Line {
  readonly colour: number
  readonly value: number
}

/** What the world sees; a hidden name is nobody's business. */
function lines(disk: SimulatedDisk, directory = '/out/nth'): string[] {
  const storage = disk.mount()
  const names = (run(storage.list(directory)) ?? []).filter((name) => !name.startsWith('.'))
  return names
    .flatMap((name) => new TextDecoder().decode(run(storage.readWhole(`${directory}/${name}`))).split('\n'))
    .filter((line) => line !== '')
    .toSorted()
}

/** Every total of a colour exactly once, from 1 on. */
function areTotals(found: readonly string[]): boolean {
  const byColour = new Map<number, number[]>()
  for (const { colour, value } of found.map((line) => JSON.parse(line) as Line)) {
    byColour.set(colour, [...(byColour.get(colour) ?? []), value])
  }
  return [...byColour.values()].every((values) => values.toSorted((a, b) => a - b).every((value, i) => value === i + 1))
}

type Init = Partial<ConstructorParameters<typeof SmallProcess>[1]>
const processOn = (disk: SimulatedDisk, init: Init = {}): SmallProcess =>
  new SmallProcess(disk, { graph: graphOf(PLAN), ...init }).start()

const underWay = (process: SmallProcess) => (): boolean => process.completed.length >= 1

/** Runs what `live` gives once for every operation it makes, cut off after that one; `judge` looks at what is left. */
function cutOffEverywhere(
  live: (disk: SimulatedDisk) => () => void, judge: (disk: SimulatedDisk, label: string) => void,
): void {
  for (let at = 1; ; at++) {
    const disk = new SimulatedDisk()
    const act = live(disk)
    const base = disk.operations
    disk.onOperation = ({ index }): Fate => (index === base + at ? { kind: 'crash-after' } : OK)
    act()
    disk.onOperation = () => OK
    const over = disk.operations - base < at
    // The end of the process is one of the states that a power cut may leave.
    if (at % 3 === 0) disk.killAll()
    else disk.powerCut(new Prng(at), 'some')
    judge(disk, `cut off at ${at}`)
    if (over) break
  }
}

describe('a stop', () => {
  test('CC-8 behind the barrier of the last checkpoint the source says nothing', () => {
    const disk = new SimulatedDisk()
    // Storage takes time, so that there is plenty of it to say something in.
    const stopped = processOn(disk, { graph: graphOf(LONG), storageMs: 3 })
    stopped.run(underWay(stopped), MANY)
    stopped.stop()
    stopped.run(undefined, MANY)
    expect(stopped.end).toMatchObject({ kind: 'stopped' })
    const last = stopped.probes.slice(stopped.probes.lastIndexOf('cp.trigger.before'))
    const behind = last.slice(last.indexOf('task.snapshot.sync'))
    expect(behind.filter((step) => step.startsWith('commit')).length).toBeGreaterThan(0)
    expect(behind.filter((step) => step === 'src.poll')).toEqual([])
  })

  test('JS-4 asked for by somebody, it is given up with its checkpoint, and the job goes on to its end', () => {
    const disk = new SimulatedDisk()
    const answers: StopOutcome[] = []
    const process = processOn(disk, { graph: graphOf(LONG) })
    process.run(underWay(process))
    const failed = failNextManifest(disk)
    process.stop({ answer: (outcome) => answers.push(outcome) })
    process.run(undefined, MANY)
    expect(failed()).toBe(true)
    expect(answers).toMatchObject([{ kind: 'failed', error: { code: 'E155' } }])
    expect(process.end?.kind).toBe('finished')
    expect(lines(disk)).toEqual(expectedLines(LONG))
  })

  test('JS-4 asked for by a signal, it is tried again', () => {
    const disk = new SimulatedDisk()
    const process = processOn(disk, { graph: graphOf(LONG) })
    process.run(underWay(process))
    const failed = failNextManifest(disk)
    process.stop()
    process.run(undefined, MANY)
    expect(failed()).toBe(true)
    expect(process.end?.kind).toBe('stopped')
    expect(areTotals(lines(disk))).toBe(true)
  })

  test('JS-4 a second one meanwhile is refused, and the first is answered once', () => {
    const disk = new SimulatedDisk()
    const answers: StopOutcome[] = []
    const process = processOn(disk, { paced: true })
    process.run(underWay(process))
    for (let i = 0; i < 2; i++) process.stop({ answer: (outcome) => answers.push(outcome) })
    process.run(undefined, 20_000)
    expect(answers.map(({ kind }) => kind)).toEqual(['failed', 'stopped'])
  })

  test('with a savepoint, cut off anywhere: the job goes on exactly, and there is a whole savepoint or none', () => {
    const seen = new Set<string>()
    cutOffEverywhere((disk) => {
      const process = processOn(disk)
      process.run(underWay(process))
      return () => {
        process.stop({ savepoint: PATH, answer: () => {} })
        process.run()
      }
    }, (disk, label) => {
      const storage = disk.mount()
      const whole = outcomeOf(readSavepoint(storage, PATH))?.ok === true
      seen.add(whole ? 'whole' : 'none')
      if (whole) expect(run(verifySavepoint(storage, PATH)).problems, label).toEqual([])
      processOn(disk, { number: 2 }).run()
      expect(lines(disk), label).toEqual(expectedLines(PLAN))
    })
    expect([...seen].toSorted()).toEqual(['none', 'whole'])
  })
})

/** The next checkpoint gets no manifest: all its barriers have passed by then. */
function failNextManifest(disk: SimulatedDisk): () => boolean {
  let failed = false
  disk.onOperation = ({ operation, path }): Fate => {
    if (failed || operation !== 'create' || !path.includes('manifest')) return OK
    failed = true
    return { kind: 'fail', errno: 'EIO' }
  }
  return () => failed
}

describe('a drain', () => {
  test('JS-5 cut off anywhere: it drains on or was never asked for, every total comes once', () => {
    const seen = new Set<string>()
    cutOffEverywhere((disk) => {
      const process = processOn(disk)
      process.run(underWay(process))
      return () => {
        process.stop({ drain: true, answer: () => {} })
        process.run()
      }
    }, (disk, label) => {
      const again = processOn(disk, { number: 2 }).run()
      const { end } = again
      if (end?.kind !== 'finished' && end?.kind !== 'already-finished') throw new Error(`${label}: ${JSON.stringify(end)}`)
      seen.add(`${end.kind}, ${end.drained ? 'drained' : 'to the end'}`)
      const found = lines(disk)
      expect(areTotals(found), label).toBe(true)
      if (end.drained) expect(found.length, label).toBeLessThan(PLAN.records)
      else expect(found, label).toEqual(expectedLines(PLAN))
      // What it came to it stays.
      expect(processOn(disk, { number: 3 }).run().end, label).toMatchObject({ kind: 'already-finished', drained: end.drained })
    })
    expect([...seen].toSorted()).toEqual(['already-finished, drained', 'finished, drained', 'finished, to the end'])
  })
})

describe('a line begun from a dead job that may owe commits', () => {
  test('OB-2 cut off anywhere, begun again: every total of both lines comes once', () => {
    cutOffEverywhere((disk) => {
      const old = processOn(disk)
      // Complete, and the first commit has just begun.
      old.run(() => old.probes.includes('commit.begin') && old.completed.length >= 2)
      disk.killAll()
      return () => {
        const next = processOn(disk, { number: 2, directory: NEXT, from: STATE })
        next.run(() => next.completed.length >= 1)
      }
    }, (disk, label) => {
      const again = processOn(disk, { number: 3, directory: NEXT, from: STATE }).run()
      expect(['finished', 'already-finished'], label).toContain(again.end?.kind)
      expect(lines(disk), label).toEqual(expectedLines(PLAN))
    })
  })

  test('OB-2 the old line may run once more, after the new one has begun: its commit is recognised', () => {
    const disk = new SimulatedDisk()
    const old = processOn(disk)
    old.run(() => old.completed.length >= 2)
    disk.killAll()
    const next = processOn(disk, { number: 2, directory: NEXT, from: STATE })
    next.run(() => next.started)
    disk.killAll()
    const woken = processOn(disk, { number: 3 })
    woken.run(() => woken.started)
    disk.killAll()
    expect(processOn(disk, { number: 4, directory: NEXT, from: STATE }).run().end?.kind).toBe('finished')
    expect(lines(disk)).toEqual(expectedLines(PLAN))
  })

  test('OB-3 where the sink writes elsewhere it is refused', () => {
    const disk = new SimulatedDisk()
    const old = processOn(disk)
    old.run(() => old.completed.length >= 2)
    disk.killAll()
    const graph = graphOf({ ...PLAN, out: '/elsewhere' })
    const next = processOn(disk, { number: 2, graph, directory: NEXT, from: STATE }).run()
    expect(next.end).toMatchObject({ kind: 'failed', error: { code: 'E159' } })
  })
})
