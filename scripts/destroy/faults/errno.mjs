/**
 * Errors of the kernel, put in with strace: the n-th call of a kind fails.
 *
 * strace counts calls for each thread, so with the four threads of libuv up to four calls fail; with
 * one thread (every other time) exactly one does. Calls that Node itself needs (write, open, read) are
 * failed only on paths of the engine.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { demand } from '../engine.mjs'
import { injected, straced } from '../machine.mjs'

/** Paths that the next process will write, known before it starts: all numbers only grow. */
function pathsToCome(world) {
  const epoch = (world.epochs().at(-1) ?? 0) + 1
  const newest = world.checkpoints().at(-1) ?? 0
  const document = readFileSync(join(world.state, 'job.json'), 'utf8')
  const { jobId } = JSON.parse(document.slice(document.indexOf('{')))
  const state = [1, 2, 3, 4].map((n) => join(world.state, `checkpoints/${newest + n}/e${epoch}-p0.state`))
  const parts = [0, 1, 2, 3].flatMap((subtask) => [1, 2, 3].map((part) =>
    join(world.out, `.tidemark~${jobId}~departures~${epoch}~${subtask}~${part}`)))
  return { state, parts }
}

const directories = (world) =>
  [world.state, join(world.state, 'checkpoints'), join(world.state, 'epochs'), world.out]

function toRead(world) {
  const newest = world.checkpoints().at(-1)
  const epoch = world.epochs().at(-1)
  return [
    join(world.state, 'job.json'), join(world.state, `epochs/${epoch}.start.json`),
    join(world.state, `checkpoints/${newest}.manifest`),
    join(world.state, `checkpoints/${newest}/e${epoch}-p0.state`),
  ]
}

function failing({ name, rows = ['F31'], calls, errors, most, paths }) {
  return {
    name,
    rows,
    needs: 'strace',
    async run(world) {
      await world.killedMidway(2)
      const error = world.pick(errors)
      const one = world.random.between(0, 1) === 0
      const when = world.random.between(1, most)
      const often = world.random.between(0, 3) === 0 ? '+' : ''
      const inject = `error=${error}:when=${when}${often}`
      const engine = world.start({
        wrap: straced({ log: world.straceLog, calls, inject, paths: paths?.(world) ?? [] }),
        env: one ? { UV_THREADPOOL_SIZE: '1' } : {},
      })
      const end = await engine.outcome()
      if (end !== 'exit 0') {
        const text = JSON.stringify(engine.error ?? {})
        const told = text.includes(error) && text.includes(world.directory)
        demand(told, `${error} is not told with its path: ${text.slice(0, 900)}`)
      }
      world.examine()
      const happened = (kind) => engine.events.some((event) => event.kind === kind)
      const seen = `${happened('checkpoint-failed') ? ', checkpoints failed' : ''}` +
        `${happened('restarting') ? ', restarted' : ''}`
      if (end !== 'exit 0') return `${end}${seen}, went on`
      if (!injected(world.straceLog)) return 'not hit'
      return `exit 0${seen === '' ? ', as if nothing had been' : seen}`
    },
  }
}

const stateOrParts = (world) => {
  const { state, parts } = pathsToCome(world)
  return world.pick([state, parts])
}
const anyOfOurs = (world) => {
  const { state, parts } = pathsToCome(world)
  return world.pick([state, parts, directories(world)])
}
const newDirectories = (world) => {
  const newest = world.checkpoints().at(-1) ?? 0
  return [1, 2, 3, 4].map((n) => join(world.state, `checkpoints/${newest + n}`))
}
const oneToRead = (world) => [world.pick(toRead(world))]
const stateFiles = (world) => pathsToCome(world).state
const OPEN = ['EIO', 'EMFILE', 'EACCES', 'ENOSPC']

export const errnoFaults = [
  { name: 'errno.fsync', rows: ['F31', 'F32'], calls: 'fsync', errors: ['EIO', 'ENOSPC'], most: 25 },
  { name: 'errno.link', rows: ['F31', 'F41'], calls: 'link,linkat', errors: ['EIO', 'ENOSPC', 'EACCES'], most: 15 },
  { name: 'errno.unlink', calls: 'unlink,unlinkat', errors: ['EIO', 'EACCES'], most: 12 },
  { name: 'errno.mkdir', calls: 'mkdir,mkdirat', errors: ['EIO', 'ENOSPC'], most: 2, paths: newDirectories },
  { name: 'errno.write', calls: 'write', errors: ['EIO', 'ENOSPC', 'EDQUOT'], most: 2, paths: stateOrParts },
  { name: 'errno.open', rows: ['F31', 'F40'], calls: 'openat', errors: OPEN, most: 3, paths: anyOfOurs },
  { name: 'errno.list', calls: 'getdents64', errors: ['EIO'], most: 8, paths: directories },
  { name: 'errno.read', calls: 'read,pread64', errors: ['EIO'], most: 3, paths: oneToRead },
  { name: 'errno.open-to-read', calls: 'openat', errors: OPEN, most: 3, paths: oneToRead },
  { name: 'errno.close', calls: 'close', errors: ['EIO'], most: 2, paths: stateFiles },
].map(failing)
