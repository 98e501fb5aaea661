/** Signals that ask, and readers that go away. */
import { demand } from '../engine.mjs'

function polite(signal) {
  return {
    name: `signal.${signal.slice(3).toLowerCase()}`,
    rows: signal === 'SIGTERM' ? ['F24'] : ['F25'],
    async run(world) {
      const seen = []
      const stops = world.random.between(1, 3)
      for (let n = 0; n < stops; n++) {
        const engine = world.start()
        await engine.untilStarted()
        await world.someTime(1000)
        engine.child.kill(signal)
        const end = await engine.outcome()
        engine.must(end === 'exit 0', `${signal} ended it with ${end}`)
        const { kind, checkpoint } = engine.last
        engine.must(kind === 'stopped' || kind === 'finished', `the last line after ${signal} is ${kind}`)
        if (kind === 'finished') break
        // All that was counted so far is committed: the final checkpoint awaits its commits.
        world.examine({ stagedAllowed: false })
        if (seen.at(-1) !== undefined) {
          const { restoredFrom } = engine
          demand(restoredFrom === seen.at(-1), `stopped with #${seen.at(-1)}, went on from #${restoredFrom}`)
        }
        seen.push(checkpoint)
      }
      return seen.length === 0 ? 'finished first' : 'stopped, exit 0, went on from there'
    },
  }
}

/** The second one ends it at once; no later than that. */
const impatient = {
  name: 'signal.twice',
  rows: ['F24'],
  async run(world) {
    const signal = world.pick(['SIGTERM', 'SIGINT'])
    const engine = world.start()
    await engine.untilCheckpoints(1)
    await world.someTime(500)
    engine.child.kill(signal)
    const again = setInterval(() => engine.child.kill(signal), 205)
    const { code } = await engine.ended
    clearInterval(again)
    const expected = signal === 'SIGTERM' ? 143 : 130
    engine.must(code === 0 || code === expected, `two ${signal} ended it with ${code}`)
    world.examine()
    return code === 0 ? 'stopped before the second' : `exit ${code}, went on`
  },
}

/** A signal at any moment, the first milliseconds included: there the kernel's default may still hold. */
const early = {
  name: 'signal.any-moment',
  rows: ['F24', 'F25'],
  async run(world) {
    const signal = world.pick(['SIGTERM', 'SIGINT', 'SIGHUP'])
    const engine = world.start()
    await world.someTime(1500)
    engine.child.kill(signal)
    const { code, signal: died } = await engine.ended
    demand(!engine.hung, `hung after ${signal}`)
    engine.must(code === 0 || died === signal, `${signal} ended it with ${code ?? died}`)
    world.examine()
    return died === null ? 'exit 0, went on' : `died of ${signal}, went on`
  },
}

/** F25: the terminal is closed. Nobody asked for a stop, so it is a death like any other. */
const hangUp = {
  name: 'signal.hup',
  rows: ['F25'],
  async run(world) {
    const engine = world.start()
    await engine.untilCheckpoints(world.random.between(1, 3))
    await world.someTime(300)
    const { code, signal } = await engine.kill('SIGHUP')
    engine.must(signal === 'SIGHUP' || code === 0, `SIGHUP ended it with ${code ?? signal}`)
    world.examine()
    return signal === null ? 'exit 0, went on' : 'died, went on'
  },
}

/** F25: nobody reads any more; the job goes on to its end. */
const brokenPipe = {
  name: 'signal.broken-pipe',
  rows: ['F25'],
  async run(world) {
    const engine = world.start()
    await engine.untilStarted()
    const which = world.pick(['stdout', 'stderr', 'both'])
    if (which !== 'stderr') engine.child.stdout.destroy()
    if (which !== 'stdout') engine.child.stderr.destroy()
    const end = await engine.outcome()
    engine.must(end === 'exit 0', `with ${which} closed it ended with ${end}`)
    return `${which} closed, exit 0`
  },
}

export const signalFaults = [polite('SIGTERM'), polite('SIGINT'), impatient, early, hangUp, brokenPipe]
