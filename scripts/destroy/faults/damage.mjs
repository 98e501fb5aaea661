/**
 * Files damaged between two runs: the start is refused with a code and the file, or it goes on exactly.
 *
 * After a refusal the file is put back as it was, and the job goes on. Which kinds must be refused and
 * which may be survived is said with each kind: what nothing depends on may be damaged.
 */
import {
  appendFileSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { demand } from '../engine.mjs'

const HOWS = ['flip', 'truncate', 'empty', 'longer', 'missing']

function damage(path, how, random) {
  const bytes = readFileSync(path)
  if (how === 'missing') rmSync(path)
  else if (how === 'empty') writeFileSync(path, '')
  else if (how === 'truncate') writeFileSync(path, bytes.subarray(0, random.between(0, bytes.length - 1)))
  else if (how === 'longer') appendFileSync(path, Buffer.alloc(random.between(1, 100), how))
  else {
    const at = random.between(0, bytes.length - 1)
    const flipped = Buffer.from(bytes)
    flipped[at] ^= 1 << random.between(0, 7)
    writeFileSync(path, flipped)
  }
  return () => writeFileSync(path, bytes)
}

/** Names below a directory but those of the lock, the metrics and the pid, which every start touches. */
const namesBelow = (directory) => readdirSync(directory, { recursive: true })
  .map(String).filter((name) => !/^(\.?lock-|metrics-|control|tidemark\.pid)/.test(name)).sort()

/** One damaged start: true if it was refused and the file is whole again, false if the job went on. */
async function damagedStart(world, path, how, mustRefuse, seen) {
  const before = namesBelow(world.state)
  const restore = damage(path, how, world.random)
  const engine = world.start({ fast: true })
  const end = await engine.outcome()
  const label = `${basename(path)} ${how}`
  if (end === 'exit 0') {
    engine.must(!mustRefuse, `started with ${label} as if nothing were wrong`)
    seen.push(`${how}: went on`)
    return false
  }
  const text = JSON.stringify(engine.error ?? {})
  engine.must(/^exit [345] E\d+$/.test(end), `${label}: ended with ${end}`)
  demand(text.includes(basename(path)), `${label}: the refusal does not name the file: ${text.slice(0, 800)}`)
  restore()
  const after = new Set(namesBelow(world.state))
  const gone = before.filter((name) => !after.has(name))
  // What a start only learns after it has claimed its term may come after a collection of old ones.
  demand(gone.length === 0 || path.startsWith(world.out), `${label}: a refused start has removed ${gone.join(', ')}`)
  world.examine()
  seen.push(`${how}: ${end.split(' ')[2]}`)
  return true
}

function damaged(name, { rows = ['F34', 'F35'], begin, file, must, hows = HOWS }) {
  return {
    name: `damage.${name}`,
    rows,
    async run(world) {
      await (begin ?? ((w) => w.killedMidway(3)))(world)
      const seen = []
      const path = file(world)
      if (path === undefined) return 'there was no such file'
      const first = world.random.between(0, hows.length - 1)
      for (let i = 0; i < hows.length; i++) {
        const how = hows[(first + i) % hows.length]
        if (!existsSync(path)) break
        if (!(await damagedStart(world, path, how, must.includes(how), seen))) break
      }
      return seen.sort().join(', ')
    },
  }
}

const newestManifest = (world) => join(world.state, `checkpoints/${world.checkpoints().at(-1)}.manifest`)
const newestState = (world) => {
  const directory = join(world.state, `checkpoints/${world.checkpoints().at(-1)}`)
  const name = readdirSync(directory).find((entry) => entry.endsWith('.state'))
  return name === undefined ? undefined : join(directory, name)
}
const newestEpochFile = (world, ending) => join(world.state, `epochs/${world.epochs().at(-1)}${ending}`)

/** Killed after the manifest is durable and before any commit: staged output that the next start commits. */
const killedBeforeCommits = (world) => world.start({ failpoint: 'commit.begin=kill9@3' }).ended

/** A staged file that the newest manifest names, not one that the next checkpoint would have taken. */
function stagedFile(world) {
  const state = readFileSync(newestState(world), 'latin1') + readFileSync(newestManifest(world), 'latin1')
  const named = readdirSync(world.out).filter((name) => name.startsWith('.tidemark~') && state.includes(name))
  const waiting = named.filter((name) => statSync(join(world.out, name)).nlink === 1)
  return waiting.length === 0 ? undefined : join(world.out, world.pick(waiting))
}

const finished = async (world) => {
  const engine = world.start({ fast: true })
  engine.must((await engine.outcome()) === 'exit 0', `undisturbed`)
}

const WHOLE = ['flip', 'truncate', 'empty', 'longer']

/** F27: all checkpoints are gone, although the job has completed some. */
const checkpointsGone = {
  name: 'damage.checkpoints-removed',
  rows: ['F27'],
  async run(world) {
    await world.killedMidway(2)
    const directory = join(world.state, 'checkpoints')
    renameSync(directory, `${directory}.away`)
    const engine = world.start({ fast: true })
    const end = await engine.outcome()
    engine.must(end === 'exit 4 E044', `with no checkpoints left it ended with ${end}`)
    if (existsSync(directory)) rmSync(directory, { recursive: true })
    renameSync(`${directory}.away`, directory)
    return 'exit 4 E044, went on'
  },
}

/**
 * F45: the output is ahead of the state. The start is refused and names the files; every further start as
 * well. With these files moved away the job writes their rows again, and goes on exactly.
 */
async function refusedForOutput(world) {
  const ahead = () => {
    const newest = world.checkpoints().at(-1)
    return readdirSync(world.out).filter((name) => Number(/-(\d+)-\d+\.jsonl$/.exec(name)?.[1] ?? 0) > newest)
  }
  const files = ahead()
  if (files.length === 0) return 'nothing was committed since, went on'
  for (let n = 0; n < 2; n++) {
    const engine = world.start({ fast: true })
    const end = await engine.outcome()
    engine.must(end === 'exit 4 E113', `with output that is ahead of its state it ended with ${end}`)
    demand(files.some((name) => JSON.stringify(engine.error).includes(name)), 'the refusal names none of the files')
    demand(ahead().length === files.length, 'a refused start has changed the output')
  }
  for (const name of files) rmSync(join(world.out, name))
  return 'exit 4 E113 twice, went on'
}

/** A second life that ends right after commits; of four subtasks nine are those of two checkpoints and more. */
const goneOn = (world) => world.start({ failpoint: 'commit.all=kill9@9' }).ended

/** As if it had never been: nothing in the state directory tells that it was completed. */
const manifestGone = {
  name: 'damage.manifest-removed',
  rows: ['F35', 'F45'],
  async run(world) {
    await world.killedMidway(2)
    await goneOn(world)
    rmSync(newestManifest(world))
    return await refusedForOutput(world)
  },
}

const olderCopy = {
  name: 'damage.older-copy',
  rows: ['F45'],
  async run(world) {
    await world.killedMidway(2)
    const copy = `${world.state}.copy`
    cpSync(world.state, copy, { recursive: true, filter: (path) => !/^(\.?lock|metrics)-/.test(basename(path)) })
    await goneOn(world)
    rmSync(world.state, { recursive: true })
    renameSync(copy, world.state)
    return await refusedForOutput(world)
  },
}

export const damageFaults = [
  damaged('manifest', { rows: ['F33', 'F34', 'F35', 'F36'], file: newestManifest, must: WHOLE, hows: WHOLE }),
  damaged('state', { rows: ['F33', 'F34', 'F35'], file: newestState, must: HOWS }),
  damaged('epoch-start', { file: (world) => newestEpochFile(world, '.start.json'), must: HOWS }),
  damaged('epoch-start-of-second', {
    begin: async (world) => {
      await world.killedMidway(2)
      await world.killedAgain()
    },
    file: (world) => newestEpochFile(world, '.start.json'), must: HOWS,
  }),
  damaged('epoch', { file: (world) => newestEpochFile(world, '.json'), must: [] }),
  damaged('job', { rows: ['F27', 'F34', 'F35'], file: (world) => join(world.state, 'job.json'), must: HOWS }),
  damaged('mark', { rows: ['F27', 'F34'], file: (world) => join(world.state, 'completed-1'), must: [] }),
  damaged('older-manifest', {
    file: (world) => join(world.state, `checkpoints/${world.checkpoints()[0]}.manifest`), must: [],
  }),
  damaged('trace', { file: (world) => {
    const paths = world.checkpoints().map((id) => join(world.state, `checkpoints/${id}/trace.jsonl`))
    return paths.findLast((path) => existsSync(path))
  }, must: [] }),
  damaged('staged-output', { begin: killedBeforeCommits, file: stagedFile, must: HOWS }),
  damaged('manifest-of-finished', { begin: finished, file: newestManifest, must: HOWS }),
  damaged('finished-mark', { begin: finished, file: (world) => {
    const name = readdirSync(world.state).find((entry) => entry.startsWith('finished-'))
    return join(world.state, name)
  }, must: [] }),
  checkpointsGone,
  manifestGone,
  olderCopy,
]
