/** A disk that is full, small, read-only or slow, and files that may not grow. */
import { mkdirSync } from 'node:fs'
import { demand, pause } from '../engine.mjs'
import { PrivateMount, straced } from '../machine.mjs'

/** Puts one directory of the world on a mount of its own; both are looked at through it. */
async function mounted(world, directory, command) {
  mkdirSync(directory, { recursive: true })
  const mount = await PrivateMount.open(world.machine, directory, command)
  world.onEnd(() => mount.close())
  world.view = mount.view
  world.wrap = mount.wrap
  return mount
}

/** The error must say which path and what was tried. */
function named(engine, directory) {
  const text = JSON.stringify(engine.error ?? {})
  demand(text.includes(directory), `the error does not name a path below ${directory}: ${text.slice(0, 800)}`)
}

function full(name, directoryOf, sizes) {
  return {
    name,
    rows: ['F29', ...(name.endsWith('out') ? ['F42'] : [])],
    needs: 'mounts',
    async run(world) {
      const directory = directoryOf(world)
      const size = world.random.between(...sizes)
      const mount = await mounted(world, directory, `mount -t tmpfs -o size=${size}k tmpfs "$0"`)
      const engine = world.start()
      const end = await engine.outcome()
      if (end !== 'exit 0') named(engine, directory)
      demand(end !== 'exit 0' || engine.last.kind === 'finished', `full disk: ${engine.told()}`)
      world.examine()
      demand(mount.inside('mount -o remount,size=200m "$0"'), 'the disk could not be made larger')
      return end === 'exit 0' ? 'was large enough' : `${end}, went on`
    },
  }
}

/** Full while it runs, and free again before it gives up or after. */
const filled = {
  name: 'disk.full-for-a-while',
  rows: ['F29'],
  needs: 'mounts',
  async run(world) {
    const directory = world.pick([world.state, world.out])
    const mount = await mounted(world, directory, 'mount -t tmpfs -o size=2m tmpfs "$0"')
    const engine = world.start()
    await engine.untilCheckpoints(1)
    mount.inside('dd if=/dev/zero of="$0/filler" bs=64k; true')
    await pause(world.random.between(100, 1500))
    demand(mount.inside('rm "$0/filler"'), 'the filler could not be removed')
    const end = await engine.outcome()
    if (end !== 'exit 0') named(engine, directory)
    const failed = engine.events.some((event) => event.kind === 'checkpoint-failed')
    const restarted = engine.events.some((event) => event.kind === 'restarting')
    return `${end}${failed ? ', checkpoints failed' : ''}${restarted ? ', restarted' : ''}`
  },
}

/** F30: EFBIG is what a quota looks like to a process. */
const fileSize = {
  name: 'disk.file-size-limit',
  rows: ['F30'],
  needs: 'limits',
  async run(world) {
    const limit = world.pick([0, 100, 600, 2000, 4000, 8000, 20_000, 60_000])
    const engine = world.start({ wrap: ['prlimit', `--fsize=${limit}`] })
    const end = await engine.outcome()
    if (end !== 'exit 0') named(engine, world.directory)
    world.examine()
    return end === 'exit 0' ? 'was enough' : `${end}, went on`
  },
}

/** F40: too few descriptors. Node itself may not come up with so few; then nothing was touched. */
const descriptors = {
  name: 'disk.few-descriptors',
  rows: ['F40'],
  needs: 'limits',
  async run(world) {
    const engine = world.start({ wrap: ['prlimit', `--nofile=${world.random.between(38, 56)}`] })
    const { code, signal } = await engine.ended
    if (!engine.started && !engine.events.some((event) => event.kind === 'failed')) {
      demand(!engine.hung, 'hung with few descriptors')
      return `Node did not come up (${signal ?? code})`
    }
    const end = await engine.outcome()
    world.examine()
    return end === 'exit 0' ? 'was enough' : `${end}, went on`
  },
}

const readOnlyAtStart = {
  name: 'disk.read-only-at-start',
  rows: ['F41'],
  needs: 'mounts',
  async run(world) {
    if (world.random.between(0, 1) === 0) await world.killedMidway(1)
    const directory = world.pick([world.state, world.out])
    const mount = await mounted(world, directory, 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"')
    const engine = world.start()
    const end = await engine.outcome()
    // Without a term nothing can be written down, so a read-only state directory ends it before it begins.
    engine.must(end !== 'exit 0', `ran to its end although ${directory} is read-only`)
    named(engine, directory)
    demand(mount.inside('mount -o remount,bind,rw "$0"'), 'it could not be made writable again')
    return `${end}, went on`
  },
}

const readOnlyMeanwhile = {
  name: 'disk.read-only-meanwhile',
  rows: ['F41'],
  needs: 'mounts',
  async run(world) {
    const directory = world.pick([world.state, world.out])
    const mount = await mounted(world, directory, 'mount --bind "$0" "$0"')
    const engine = world.start()
    await engine.untilCheckpoints(1)
    // Refused while a file below is open for writing; a file is open only for moments.
    for (let tries = 0; tries < 200 && engine.result === undefined; tries++) {
      if (mount.inside('mount -o remount,bind,ro "$0"')) break
      await pause(5)
    }
    const end = await engine.outcome()
    if (end !== 'exit 0') named(engine, directory)
    world.examine()
    demand(mount.inside('mount -o remount,bind,rw "$0"'), 'it could not be made writable again')
    return end === 'exit 0' ? 'finished first' : `${end}, went on`
  },
}

/** F39: late, not wrong. */
const slow = {
  name: 'disk.slow-fsync',
  rows: ['F39', 'F79'],
  needs: 'strace',
  async run(world) {
    const delayUs = world.random.between(50, 400) * 1000
    const wrap = straced({ log: world.straceLog, calls: 'fsync', inject: `delay_enter=${delayUs}` })
    const engine = world.start({ wrap })
    const end = await engine.outcome()
    engine.must(end === 'exit 0', `with a slow fsync it ended with ${end}`)
    return 'exit 0'
  },
}

export const diskFaults = [
  full('disk.full-state', (world) => world.state, [8, 120]),
  full('disk.full-out', (world) => world.out, [40, 500]),
  filled, fileSize, descriptors, readOnlyAtStart, readOnlyMeanwhile, slow,
]
