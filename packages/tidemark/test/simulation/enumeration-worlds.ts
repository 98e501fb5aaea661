/** The small worlds whose crashes are enumerated; each does one thing that must survive a crash anywhere. */
import { assert } from '../../src/base/assert.ts'
import { Prng } from '../../src/base/prng.ts'
import { OK, type Fate, type OperationInfo } from '../../src/host/simulator/storage.ts'
import { graphOf, type Plan, type SmallProcess } from './enumeration-process.ts'
import type { CrashWorld, Lab } from './enumeration-run.ts'

const PLAN: Plan = { records: 8, every: 4, retain: 1, sinks: 1 }
const LATER = 1_000_000

const completions = (process: SmallProcess, howMany: number) => (): boolean =>
  process.completed.length >= howMany && process.settled

/** The end of all processes; what was not synced is gone, or all of it is durable. */
function powerCut(lab: Lab, survival: 'none' | 'all' = 'none'): void {
  lab.disk.powerCut(new Prng(1), survival)
}

/** The n-th operation of that kind on such a path fails, once. */
function failing(operation: string, ending: string, nth: number): (info: OperationInfo) => Fate {
  let left = nth
  return (info) => {
    if (info.operation !== operation || !info.path.endsWith(ending)) return OK
    left -= 1
    return left === 0 ? { kind: 'fail', errno: 'EIO' } : OK
  }
}

/** From the first commit on; the part of an aborted checkpoint is the other one of two. */
function commitOf(parts: 1 | 2): CrashWorld {
  return {
    name: `the commit of ${parts} part${parts === 1 ? '' : 's'}`,
    plan: { ...PLAN, records: 4, ...(parts === 1 ? { every: LATER } : {}) },
    ...(parts === 1 ? {} : { fate: failing('sync', '.state', 1) }),
    live(lab) {
      const process = lab.process({
        onProbe: (step) => {
          if (step === `commit.${parts}.before`) lab.enumerate()
        },
      })
      process.start().run(() => process.probes.includes('commit.all') && process.settled)
    },
  }
}

/** Every world again and again gives the same: fates count, so each call makes new ones. */
export const crashWorlds = (): readonly CrashWorld[] => [
  {
    name: 'the first checkpoint ever',
    plan: PLAN,
    live(lab) {
      const process = lab.process()
      lab.enumerate()
      process.start().run(completions(process, 1))
    },
  },
  {
    name: 'the second checkpoint, of which one is retained',
    plan: PLAN,
    live(lab) {
      const process = lab.process()
      process.start().run(completions(process, 1))
      lab.enumerate()
      process.run(completions(process, 2))
    },
  },
  {
    name: 'the final checkpoint',
    plan: { ...PLAN, every: LATER },
    live(lab) {
      const process = lab.process()
      lab.enumerate()
      process.start().run()
    },
  },
  commitOf(1),
  commitOf(2),
  {
    name: 'restore and commit again',
    plan: PLAN,
    live(lab) {
      const first = lab.process()
      first.start().run(() => first.probes.includes('commit.begin'))
      powerCut(lab)
      const second = lab.process({ number: 2 })
      lab.enumerate()
      second.start().run(() => second.probes.includes('commit.all'))
    },
  },
  {
    name: 'two sinks',
    plan: { ...PLAN, records: 6, sinks: 2 },
    live(lab) {
      const process = lab.process()
      process.start().run(() => process.probes.includes('cp.trigger.before'))
      lab.enumerate()
      process.run(completions(process, 1))
    },
  },
  {
    name: 'an aborted checkpoint is carried into the next',
    plan: { ...PLAN, records: 10 },
    fate: failing('sync', '.state', 1),
    live(lab) {
      const process = lab.process()
      process.start().run(() => process.aborted.length > 0)
      lab.enumerate()
      process.run(completions(process, 1))
    },
  },
  {
    name: 'collection of two checkpoints',
    plan: { ...PLAN, records: 16 },
    writesNothing: true,
    live(lab) {
      const first = lab.process({ graph: graphOf({ ...lab.plan, retain: 3 }) })
      first.start().run(completions(first, 3))
      powerCut(lab, 'all')
      const second = lab.process({
        number: 2,
        onProbe: (step) => {
          if (step === 'gc.before') lab.enumerate()
        },
      })
      second.start().run(() => second.probes.includes('gc.2'))
    },
  },
  {
    name: 'two starters race for the epoch after a crash',
    plan: PLAN,
    live(lab) {
      const first = lab.process()
      first.start().run(completions(first, 1))
      powerCut(lab)
      const racers = [2, 4].map((number) => lab.process({ number, paced: true }).start())
      lab.enumerate()
      for (let i = 0; i < 20_000 && racers.some((racer) => racer.running); i++) {
        const racer = racers[i % 2] as SmallProcess
        if (racer.running) racer.step()
        if (racers.some((one) => one.started)) break
      }
    },
  },
  {
    name: 'a restart within a process',
    plan: { ...PLAN, poison: 4 },
    live(lab) {
      const process = lab.process()
      process.start().run(() => process.restarts === 1)
      assert(process.completed.length > 0, 'there is nothing to go back to')
      lab.enumerate()
      const resumed = (): number => process.probes.filter((step) => step === 'run.resume').length
      const before = resumed()
      process.run(() => resumed() > before)
    },
  },
  {
    name: 'a stop',
    plan: { ...PLAN, records: 20 },
    live(lab) {
      const process = lab.process()
      process.start().run(completions(process, 1))
      process.stop()
      lab.enumerate()
      process.run()
    },
  },
  {
    name: 'a fresh start over an old directory',
    plan: { ...PLAN, out: '/other' },
    live(lab) {
      const old = lab.process({ graph: graphOf({ ...lab.plan, out: '/out' }) })
      old.start().run(completions(old, 2))
      powerCut(lab, 'all')
      const process = lab.process({ number: 2, fresh: true })
      lab.completed = () => process.completed.at(-1) ?? 0
      lab.fresh = true
      lab.enumerate()
      process.start().run(() => {
        if (process.started) lab.fresh = false
        return completions(process, 1)()
      })
    },
  },
]
