/** kill -9: at random moments, at every named step, at the n-th call of the kernel, in a row; no memory. */
import { demand, pause, Violation } from '../engine.mjs'
import { straced } from '../machine.mjs'

const DEATHS = 20
const STEP_TRIES = 3
/** Steps that a process passes once; of the others a later passing is as good. */
const ONCE = /^(restore\.|run\.|stop\.)/

const randomMoments = {
  name: 'kill.random',
  rows: ['F01', 'F02', 'F03', 'F04', 'F05', 'F06', 'F09', 'F10'],
  async run(world) {
    const kills = world.random.between(2, 4)
    for (let n = 1; n <= kills; n++) {
      const engine = world.start()
      if (world.random.between(0, 5) > 0) await engine.untilStarted()
      await world.someTime(1200)
      const { signal } = await engine.kill()
      if (signal === null) return `finished before kill ${n}`
      world.examine()
    }
    return 'killed, went on'
  },
}

/** A step that only a restart reaches needs commits that are not confirmed. */
async function prepare(world, step) {
  if (!step.startsWith('restore.')) return
  await world.start({ failpoint: 'cp.manifest.linked=kill9@2' }).ended
}

const ROWS_OF_STEP = {
  'cp.trigger.before': ['F01'], 'cp.barrier.injected': ['F02'],
  'task.barrier.first': ['F03'], 'task.aligned': ['F03'],
  'task.snapshot.write': ['F04'], 'task.snapshot.fsync': ['F04'],
  'task.ack.sent': ['F05'], 'cp.ack.recv.k': ['F05'], 'cp.acks.all': ['F06'],
  'cp.manifest.tmp': ['F07'], 'cp.manifest.fsynced': ['F07'], 'cp.manifest.linked': ['F08'],
  'cp.manifest.dirsynced': ['F09'], 'commit.begin': ['F09'],
  'commit.k.before': ['F10'], 'commit.k.after': ['F10', 'F11'], 'commit.all': ['F11'],
  'gc.before': ['F13'], 'gc.k': ['F13'], 'stop.final': ['F26'],
}

function namedStep(step) {
  return {
    name: `step.${step}`,
    rows: ROWS_OF_STEP[step] ?? (step.startsWith('restore.') ? ['F12'] : []),
    async run(world) {
      await prepare(world, step)
      for (let tries = 1; tries <= STEP_TRIES; tries++) {
        const later = tries === 1 && !ONCE.test(step)
        const count = later ? world.random.between(1, step === 'src.poll' ? 20 : 3) : 1
        const engine = world.start({ failpoint: `${step}=kill9@${count}` })
        if (step === 'stop.final') {
          await engine.untilCheckpoints(1)
          engine.child.kill('SIGTERM')
        }
        const { code, signal } = await engine.ended
        if (signal === 'SIGKILL') {
          demand(!engine.hung, 'hung instead of reaching the step')
          world.examine()
          return 'killed there'
        }
        engine.must(code === 0, `exit ${code} instead of reaching ${step}`)
        demand(engine.last?.kind === 'stopped', `finished without passing ${step}`)
      }
      throw new Violation(`${step} was not reached in ${STEP_TRIES} runs`)
    },
  }
}

/** F12: every start dies in its restore, each a step further on; the first that may live ends well. */
const twiceInRestore = {
  name: 'kill.restore-in-a-row',
  rows: ['F12', 'F14'],
  async run(world) {
    await world.start({ failpoint: 'cp.manifest.linked=kill9@2' }).ended
    const steps = ['list', 'read', 'abort-foreign', 'apply', 'recommit'].map((step) => `restore.${step}`)
    const kills = world.random.between(3, 8)
    for (let n = 0; n < kills; n++) {
      const engine = world.start({ failpoint: `${world.pick(steps)}=kill9` })
      const { code, signal } = await engine.ended
      engine.must(signal === 'SIGKILL' || code === 0, `exit ${code}`)
      world.examine()
    }
    return 'died while restoring, went on'
  },
}

/** About how often a thread makes the call in a run. */
const CALLS = {
  fsync: 30, 'link,linkat': 10, 'unlink,unlinkat': 12, 'mkdir,mkdirat': 6, 'pwrite64,write': 200,
}

const callOfKernel = {
  name: 'kill.syscall',
  rows: ['F04', 'F07', 'F08', 'F10'],
  needs: 'strace',
  async run(world) {
    const calls = world.pick(Object.keys(CALLS))
    const inject = `signal=SIGKILL:when=${world.random.between(1, CALLS[calls])}`
    for (let n = 0; n < 2; n++) {
      const engine = world.start({ wrap: straced({ log: world.straceLog, calls, inject }) })
      const { code, signal } = await engine.ended
      engine.must(signal === 'SIGKILL' || code === 0, `exit ${code} ${signal}`)
      world.examine()
      if (signal === null) return `finished before that ${calls.split(',')[0]}`
    }
    return `killed in ${calls.split(',')[0]}`
  },
}

/** F18: too small a heap is a death like any other. */
const heapLimit = {
  name: 'kill.heap-limit',
  rows: ['F18'],
  async run(world) {
    const size = world.random.between(10, 14)
    const env = { NODE_OPTIONS: `--max-old-space-size=${size} --max-semi-space-size=1` }
    const engine = world.start({ env })
    const { code, signal } = await engine.ended
    demand(!engine.hung, 'hung with a small heap')
    const out = signal === 'SIGABRT' || signal === 'SIGTRAP' || code === 134 || code === 133
    engine.must(out || code === 0, `exit ${code} ${signal} with a small heap`)
    world.examine()
    return out ? 'out of memory, went on' : 'was enough'
  },
}

/** F14: starts that all die within a second do no harm, however many there are. */
const crashLoop = {
  name: 'kill.crash-loop',
  rows: ['F14'],
  async run(world) {
    for (let n = 0; n < DEATHS; n++) {
      const engine = world.start()
      await pause(world.random.between(50, 900))
      await engine.kill()
    }
    world.examine()
    return `${DEATHS} deaths within a second each`
  },
}

export const killFaults = (steps) =>
  [randomMoments, twiceInRestore, callOfKernel, heapLimit, crashLoop, ...steps.map(namedStep)]
