/** Two and more processes on one state directory: races, stopped holders, take-overs. */
import { demand, pause } from '../engine.mjs'

/** A start that was refused because somebody else holds the directory. */
async function refusedFor(engine, holder) {
  const outcome = await engine.outcome()
  engine.must(outcome === 'exit 8 E051', `a second process was not refused with E051 but: ${outcome}`)
  const text = engine.error.what
  demand(text.includes(`process ${holder.pid}`), `the refusal does not name process ${holder.pid}: ${text}`)
}

/** F43: started at the same instant, exactly one may run; it is killed, and its lock goes with it. */
const race = {
  name: 'rivals.race',
  rows: ['F43'],
  async run(world) {
    // Slow, or on a busy machine the first could be done before the last has come.
    const engines = [1, 2, 3].map(() => world.start({ slow: true }))
    await Promise.all(engines.map((engine) => engine.untilStarted()))
    await pause(100)
    const winners = engines.filter((engine) => engine.started)
    demand(winners.length <= 1, `${winners.length} processes run on one state directory`)
    demand(winners.length === 1, `nobody won\n${engines.map((engine) => engine.told()).join('\n')}`)
    for (const engine of engines) {
      if (engine === winners[0]) continue
      const outcome = await engine.outcome()
      engine.must(['exit 8 E051', 'exit 8 E046'].includes(outcome), `the loser ended with ${outcome}`)
    }
    await world.someTime(800)
    await winners[0].kill()
    world.examine()
    return 'one won, the others refused'
  },
}

function second(name, wrap, needs) {
  return {
    name,
    rows: ['F43'],
    ...(needs === undefined ? {} : { needs }),
    async run(world) {
      const first = world.start({ slow: true })
      if (!(await first.untilCheckpoints(1))) return 'first finished too early'
      await world.someTime(500)
      await refusedFor(world.start({ wrap: wrap(world) }), first)
      first.must(first.result === undefined || first.result.code === 0, `the first was disturbed`)
      await first.kill()
      return 'second refused, naming the first'
    },
  }
}

const MOMENTS = ['at once', 'while the other starts', 'while the other runs', 'after the other ended']

/** F21: stopped, succeeded, woken: it must write nothing that counts, and end itself as fenced. */
const zombie = {
  name: 'rivals.zombie',
  rows: ['F21'],
  async run(world) {
    const old = world.start()
    if (!(await old.untilCheckpoints(world.random.between(1, 3)))) return 'finished too early'
    await world.someTime(300)
    old.child.kill('SIGSTOP')
    if (old.result !== undefined) return 'finished too early'
    if (world.random.between(0, 1) === 0) await refusedFor(world.start(), old)
    const young = world.start({ flags: ['--take-over'], fast: world.random.between(0, 3) === 0 })
    const moment = world.pick(MOMENTS)
    if (moment === 'while the other starts') await pause(world.random.between(100, 800))
    if (moment === 'while the other runs') await young.untilCheckpoints(1)
    if (moment === 'after the other ended') await young.ended
    old.child.kill('SIGCONT')
    const end = await old.outcome()
    const youngEnd = await young.outcome()
    // Woken before the other one came, it is a holder that lives, and is shut out all the same.
    old.must(end === 'exit 8 E046', `the zombie (woken ${moment}) ended with ${end}, not fenced`)
    young.must(youngEnd === 'exit 0', `the successor (zombie woken ${moment}) ended with ${youngEnd}`)
    // What it staged after the other one ended is nobody's; the next start removes it.
    world.examine()
    return `fenced, woken ${moment}`
  },
}

/** Two take-overs of one stopped holder: the later term wins, everybody else is shut out. */
const takeOvers = {
  name: 'rivals.two-take-overs',
  rows: ['F21', 'F43', 'F44'],
  async run(world) {
    const old = world.start()
    if (!(await old.untilCheckpoints(1))) return 'finished too early'
    old.child.kill('SIGSTOP')
    const first = world.start({ flags: ['--take-over'] })
    if (world.random.between(0, 1) === 0) await world.someTime(700)
    const other = world.start({ flags: ['--take-over'] })
    await world.someTime(1500)
    old.child.kill('SIGCONT')
    const ends = [await first.outcome(), await other.outcome()]
    const oldEnd = await old.outcome()
    old.must(oldEnd === 'exit 8 E046' || oldEnd === 'exit 0', `the stopped holder ended with ${oldEnd}`)
    const told = `${first.told()}\n${other.told()}`
    demand(ends.includes('exit 0'), `neither take-over went through: ${ends.join(', ')}\n${told}`)
    for (const [i, end] of ends.entries()) {
      const fine = ['exit 0', 'exit 8 E046', 'exit 8 E051'].includes(end)
      demand(fine, `a take-over ended with ${end}\n${[first, other][i].told()}`)
    }
    world.examine()
    const through = ends.filter((end) => end === 'exit 0').length
    return through === 1 ? 'one went on, others fenced' : 'one after the other'
  },
}

/** Stopped and woken with nobody else there: as if nothing had been. */
const frozen = {
  name: 'rivals.frozen',
  rows: ['F21'],
  async run(world) {
    const engine = world.start()
    await engine.untilStarted()
    for (let n = 0; n < 3; n++) {
      await world.someTime(500)
      engine.child.kill('SIGSTOP')
      await world.someTime(700)
      engine.child.kill('SIGCONT')
    }
    const end = await engine.outcome()
    engine.must(end === 'exit 0', `stopped and woken it ended with ${end}`)
    return 'went on'
  },
}

export const rivalFaults = [
  race,
  second('rivals.second', () => []),
  second(
    'rivals.second-other-network',
    (world) => ['unshare', ...world.machine.namespaces.unshare, '-n'],
    'networks',
  ),
  zombie,
  takeOvers,
  frozen,
]
