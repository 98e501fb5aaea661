/**
 * Writes the results of Tidemark, Flink and the loop on the same events, and compares them.
 *
 *   node bench/nexmark/outputs.mjs [--events N] [--queries q0,q5] [--flink PATH | --no-flink] [--keep DIRECTORY]
 *
 * All lines must be equal, those of changelogs result for result. At parallelism 2 the order of records of
 * different parts is open, so of changelogs only the last result of each key is compared. Of q12, which goes by
 * the clock, the totals per bidder.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { runSide } from '../lib/pairs.mjs'
import { prepareFlink, runFlink, SETTINGS } from './flink.mjs'
import { comparable, LINES } from './lines.mjs'

const SIDE = fileURLToPath(new URL('./side.mjs', import.meta.url))
const HEAP_MB = 2048

const SIDES = {
  loop: { finals: false, write: (query, events, file) => runSide(SIDE, ['loop', query, events, '--lines', file]) },
  tidemark: {
    finals: false, write: (query, events, file) => runSide(SIDE, ['tidemark', query, events, '--lines', file]),
  },
  'tidemark-2': {
    finals: true,
    write: (query, events, file) => runSide(SIDE, ['tidemark', query, events, '--workers', '2', '--lines', file]),
  },
}

const flinkSide = (flink, setting) => ({
  finals: setting === 'two',
  write: (query, events, file) =>
    runFlink(flink, query, events, { heapMb: HEAP_MB, options: [`settings=${setting}`, `lines=${file}`] }),
})

/** Throws if results differ; gives how many there are. `flink`: of prepareFlink, or undefined. */
export async function compareOutputs(query, events, { flink, keep } = {}) {
  const directory = keep ?? mkdtempSync(join(tmpdir(), 'tidemark-nexmark-'))
  const sides = {
    ...SIDES,
    ...Object.fromEntries(
      (flink === undefined ? [] : SETTINGS).map((setting) => [`flink-${setting}`, flinkSide(flink, setting)]),
    ),
  }
  try {
    mkdirSync(directory, { recursive: true })
    let expected
    for (const [name, { finals, write }] of Object.entries(sides)) {
      const file = join(directory, `${query}-${name}`)
      await write(query, String(events), file)
      const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
      expected ??= { all: comparable(query, lines), last: comparable(query, lines, { finals: true }) }
      mustEqual(query, name, comparable(query, lines, { finals }), finals ? expected.last : expected.all)
    }
    return { events, results: expected.all.length, sides: Object.keys(sides) }
  } finally {
    if (keep === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

function mustEqual(query, name, lines, expected) {
  const at = lines.findIndex((line, i) => line !== expected[i])
  if (at < 0 && lines.length === expected.length) return
  const where = at < 0 ? lines.length : at
  throw new Error(
    `${query}: ${name} has ${lines.length} results, the loop ${expected.length}; in order of their text the first ` +
    `that differs is "${lines[where] ?? 'none'}", not "${expected[where] ?? 'none'}"`,
  )
}

async function main() {
  const { values } = parseArgs({
    options: {
      events: { type: 'string', default: '200000' },
      queries: { type: 'string', default: Object.keys(LINES).join() },
      flink: { type: 'string' },
      'no-flink': { type: 'boolean', default: false },
      keep: { type: 'string' },
    },
  })
  const flink = values['no-flink'] ? { missing: 'it was left out' } : prepareFlink(values.flink)
  if (flink.missing !== undefined) console.log(`WITHOUT FLINK: ${flink.missing}`)
  for (const query of values.queries.split(',')) {
    const { results, sides } = await compareOutputs(query, Number(values.events), {
      ...(flink.missing === undefined ? { flink } : {}), keep: values.keep,
    })
    console.log(`${query}: ${results} results, equal in ${sides.join(', ')}`)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
