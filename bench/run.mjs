/**
 * Measures the engine beside the least that could do the same work.
 *
 *   npm run bench -- [flights|words|chain|windows|sessions|joins|cep|operators|timers|metrics|exchange|startup|all] [--json] [--pairs N] [--no-save]
 *   npm run bench -- state|tables|rolling [--keys N] [--json]
 *   npm run bench -- large [--keys N] [--memory BYTES] [--json]
 *   npm run bench -- recovery|latency|checkpoints|scaling [--pairs N] [--quick] [--json]
 *   npm run bench -- memory|idle [--seconds N] [--quick] [--json]
 *
 * README.md says what is measured and what is not.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from '../scripts/build.mjs'
import { checkpoints, shownCheckpoints } from './checkpoints/run.mjs'
import { latency, shownLatency } from './latency/run.mjs'
import { buildStamp, commit, load, machine, quietLoad } from './lib/machine.mjs'
import { interleave, ratio, runSide, series, waitedShare } from './lib/pairs.mjs'
import { startUp } from './lib/startup.mjs'
import { summary } from './lib/stats.mjs'
import { idle, memory, shownIdle, shownMemory } from './limits/run.mjs'
import { nexmark, shownNexmark } from './nexmark/run.mjs'
import { recovery, shownRecovery } from './recovery/run.mjs'
import { scaling, shownScaling } from './scaling/run.mjs'
import { largeBench } from './state/large.mjs'
import { rollingBench, shownRolling } from './state/rolling.mjs'
import { stateBench } from './state/run.mjs'
import { shownTables, tablesBench } from './state/tables.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const HISTORY = fileURLToPath(new URL('./history.jsonl', import.meta.url))
const WORD_LINES = 1_500_000
const CHAIN_RECORDS = 8_000_000
const WINDOW_RECORDS = 4_000_000
const SESSION_RECORDS = 16_000_000
/** Of each side. */
const JOIN_RECORDS = 3_000_000
const PATTERN_RECORDS = 16_000_000
const TIMERS = 200_000
const METRICS_RECORDS = 8_000_000
/** By kind of record; multiples of the batch sizes in sides/exchange.mjs. */
const EXCHANGE_RECORDS = { small: 6_000_000, bid: 1_200_000 }
/** With fewer rounds the quartiles say nothing. */
const LEAST_ROUNDS = 5
const DEFAULT_PAIRS = {
  flights: 7, words: 7, chain: 9, windows: 7, sessions: 7, joins: 7, cep: 7, timers: 7, metrics: 9, exchange: 7, startup: 11,
}
/** Names that stand for several. */
const GROUPS = { operators: ['windows', 'sessions', 'joins', 'cep', 'timers'] }

const side = (name) => fileURLToPath(new URL(`./sides/${name}.mjs`, import.meta.url))

async function inDirectory(use) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  try {
    return await use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Within the limit, above it, or not to be told apart from it: the middle half of the runs decides. */
function verdictOf({ p25, p75, n }, limit) {
  if (n < LEAST_ROUNDS) return 'too few rounds'
  if (p75 <= limit) return 'met'
  return p25 > limit ? 'missed' : 'unclear'
}

/** One line of the result: engine compared with `base`, which must be met only if there is a limit. */
function compared(bench, results, base, limit) {
  const wall = ratio(results, 'engine', base, 'wallMs')
  return {
    bench, base, unit: 'ratio',
    ...(limit === undefined ? {} : { limit, verdict: verdictOf(wall, limit) }),
    wall,
    cpu: ratio(results, 'engine', base, 'cpuMs'),
    engineMs: series(results, 'engine', 'wallMs'),
    baseMs: series(results, base, 'wallMs'),
    engineRssMb: series(results, 'engine', 'maxRssMb').median,
    baseRssMb: series(results, base, 'maxRssMb').median,
    waited: waitedShare(results)?.median,
  }
}

async function flights(input, limit, context) {
  const results = await interleave({
    ...context(`flights, ${input}`),
    sides: ['engine', 'loop', 'map'],
    run: (name) => inDirectory((directory) => runSide(side('flights'), [input, name, directory])),
  })
  const bench = `flights-${input}`
  return [compared(bench, results, 'loop', limit), compared(bench, results, 'map', limit)]
}

/** The sides of `lib/beside-loop.mjs`. */
function besideLoop(bench, records, { label = bench, sides = ['engine', 'loop', 'batches'] } = {}) {
  return async (context) => {
    const results = await interleave({ ...context(label), sides, run: (name) => runSide(side(bench), [name, String(records)]) })
    return sides.slice(1).map((base) => compared(bench, results, base, base === 'loop' ? 3 : undefined))
  }
}

const BENCHES = {
  async flights(context) {
    return [...await flights('read', 1.3, context), ...await flights('decoded', 3, context)]
  },
  words: besideLoop('words', WORD_LINES, { label: 'word count' }),
  chain: besideLoop('chain', CHAIN_RECORDS),
  async windows(context) {
    const results = await interleave({
      ...context('windows'),
      sides: ['engine', 'hour'],
      run: (name) => runSide(side('windows'), [name, String(WINDOW_RECORDS)]),
    })
    return [compared('windows', results, 'hour', 3)]
  },
  sessions: besideLoop('sessions', SESSION_RECORDS),
  joins: besideLoop('interval-join', JOIN_RECORDS, { label: 'interval join', sides: ['engine', 'loop'] }),
  cep: besideLoop('cep', PATTERN_RECORDS, { label: 'patterns' }),
  async timers(context) {
    const results = await interleave({
      ...context('timers'),
      sides: ['engine', 'alone', 'nothing'],
      run: (name) => runSide(side('timers'), [name, String(TIMERS)]),
    })
    const row = (base, name, mark, limit) => {
      const wall = series(results, name, mark)
      return {
        bench: 'timers', base, unit: 'ms', wall, ...(limit === undefined ? {} : { limit, verdict: verdictOf(wall, limit) }),
      }
    }
    return [
      row('longest turn', 'alone', 'loopBlockedMs', 20),
      row('longest turn, processor time', 'alone', 'loopRanMs', 20),
      row('longest turn with checkpoints, processor time', 'engine', 'loopRanMs'),
      row('longest turn of an idle process', 'nothing', 'loopBlockedMs'),
      row('trigger to cut', 'engine', 'checkpointMs', 50),
      row('from the first to the last', 'alone', 'firedMs'),
    ]
  },
  async metrics(context) {
    const results = await interleave({
      ...context('metrics'),
      sides: ['engine', 'quiet'],
      run: (name) => runSide(side('metrics'), [name, String(METRICS_RECORDS)]),
    })
    return [
      compared('metrics', results, 'quiet', 1.01),
      { bench: 'metrics', base: 'one sample', unit: 'µs', wall: series(results, 'engine', 'sampleUs') },
    ]
  },
  async exchange(context) {
    const rows = []
    for (const [kind, records] of Object.entries(EXCHANGE_RECORDS)) {
      const results = await interleave({
        ...context(`exchange, ${kind}`),
        sides: ['engine', 'json', 'v8'],
        run: (name) => runSide(side('exchange'), [name, kind, String(records)]),
      })
      const bench = `exchange-${kind}`
      const perRecord = summary(results.get('engine').map(({ times }) => (times.cpuMs * 1e6) / records))
      rows.push(compared(bench, results, 'json', 0.4), compared(bench, results, 'v8', 0.4))
      rows.push({ bench, base: 'processor time a record', unit: 'ns', wall: perRecord })
    }
    return rows
  },
  async startup(context) {
    const results = await interleave({
      ...context('start-up'), sides: ['engine', 'reader', 'node'], run: startUp,
    })
    const row = (name, mark, limit) => {
      const wall = series(results, name, mark)
      return {
        bench: 'startup', base: `${name}: ${mark}`, unit: 'ms', wall,
        ...(limit === undefined ? {} : { limit, verdict: verdictOf(wall, limit) }),
      }
    }
    return [
      row('engine', 'record', 600), row('engine', 'evaluated'), row('engine', 'discover'), row('engine', 'open'),
      row('reader', 'record'), row('node', 'record'),
    ]
  },
}

function shown({ bench, base, unit, limit, verdict, wall, cpu, engineMs, baseMs, waited }) {
  const number = (value) => (unit === 'ratio' ? value.toFixed(2) : String(Math.round(value)))
  const spread = `${number(wall.median)} [${number(wall.p25)} to ${number(wall.p75)}]`
  const name = unit === 'ratio' ? `${bench} / ${base}` : `${bench}, ${base}`
  const target = limit === undefined ? '' : `  limit ${limit}: ${verdict}`
  const more = unit === 'ratio'
    ? `  cpu ${cpu.median.toFixed(2)}  (${Math.round(engineMs.median)} ms / ${Math.round(baseMs.median)} ms` +
      `${waited === undefined ? '' : `, ${Math.round(waited * 100)} % waiting for a core`})`
    : ` ${unit}`
  return `  ${name.padEnd(26)} ${spread.padEnd(24)}${more}${target}`
}

const note = (text) => process.stderr.write(`${text}\n`)

/** Undefined if the option was not given. */
function wholeFrom1(values, name) {
  if (values[name] === undefined) return undefined
  const given = Number(values[name])
  if (Number.isInteger(given) && given >= 1) return given
  throw new Error(`--${name} needs a whole number from 1`)
}

/** Those that are measured alone; each gives one object. */
const ALONE = {
  nexmark: {
    measure: (values, context) => nexmark({
      ...context, queries: values.queries?.split(','), events: wholeFrom1(values, 'events'),
      flinkPath: values.flink, noFlink: values['no-flink'],
    }),
    shown: shownNexmark,
  },
  state: {
    measure: (values, context) => stateBench({ ...context, keys: wholeFrom1(values, 'keys') }),
    shown: (result) => JSON.stringify(result, undefined, 2),
  },
  large: {
    measure: (values, context) => largeBench({ ...context, keys: wholeFrom1(values, 'keys'), memoryBytes: wholeFrom1(values, 'memory') }),
    shown: (result) => JSON.stringify(result, undefined, 2),
  },
  tables: { measure: (values, context) => tablesBench({ ...context, keys: wholeFrom1(values, 'keys') }), shown: shownTables },
  rolling: { measure: (values, context) => rollingBench({ ...context, keys: wholeFrom1(values, 'keys') }), shown: shownRolling },
  recovery: { measure: ({ quick }, context) => recovery({ ...context, quick }), shown: shownRecovery },
  latency: { measure: ({ quick }, context) => latency({ ...context, quick }), shown: shownLatency },
  checkpoints: { measure: ({ quick }, context) => checkpoints({ ...context, quick }), shown: shownCheckpoints },
  scaling: { measure: ({ quick }, context) => scaling({ ...context, quick }), shown: shownScaling },
  memory: { measure: (values, context) => memory({ ...context, ...lengthOf(values) }), shown: shownMemory },
  idle: { measure: (values, context) => idle({ ...context, ...lengthOf(values) }), shown: shownIdle },
}

const lengthOf = (values) => ({ seconds: wholeFrom1(values, 'seconds'), quick: values.quick })

async function alone(name, values) {
  const { measure, shown: linesOf } = ALONE[name]
  const rounds = wholeFrom1(values, 'pairs')
  await build()
  const stamp = buildStamp(ROOT)
  note(`${machine()}\nload ${load()}, commit ${commit(ROOT) ?? 'unknown'}, build ${stamp}`)
  const loads = []
  const result = await measure(values, {
    rounds,
    note: (text) => {
      loads.push(load())
      note(`${text}, load ${loads.at(-1)}`)
    },
  })
  if (buildStamp(ROOT) !== stamp) throw new Error('the build changed while it was measured: the results are void')
  const line = JSON.stringify({ bench: name, ...result, ...aboutRun(stamp, loads) })
  console.log(values.json ? line : linesOf(result))
  if (!values['no-save']) appendFileSync(HISTORY, `${line}\n`)
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      pairs: { type: 'string' },
      'no-save': { type: 'boolean', default: false },
      events: { type: 'string' },
      queries: { type: 'string' },
      keys: { type: 'string' },
      memory: { type: 'string' },
      flink: { type: 'string' },
      'no-flink': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      seconds: { type: 'string' },
    },
  })
  const names = Object.keys(BENCHES)
  const single = positionals.find((name) => Object.hasOwn(ALONE, name))
  if (single !== undefined) {
    if (positionals.length > 1) throw new Error(`${single} is measured alone`)
    return alone(single, values)
  }
  const wanted = positionals.length === 0 || positionals.includes('all')
    ? names
    : [...new Set(positionals.flatMap((name) => GROUPS[name] ?? [name]))]
  const unknown = wanted.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Error(`there is no benchmark "${unknown}"; there are ${[...names, ...Object.keys(GROUPS)].join(', ')}, all, ${Object.keys(ALONE).join(', ')}`)
  const pairs = wholeFrom1(values, 'pairs')

  await build()
  const stamp = buildStamp(ROOT)
  note(`${machine()}\nload ${load()}, commit ${commit(ROOT) ?? 'unknown'}, build ${stamp}`)
  for (const name of wanted) {
    const loads = [load()]
    const rounds = pairs ?? DEFAULT_PAIRS[name]
    const rows = await BENCHES[name]((label) => ({
      rounds,
      onRound: (done, all) => {
        loads.push(load())
        note(`  ${label}: ${done === 0 ? 'warm-up done' : `round ${done} of ${all}`}, load ${loads.at(-1)}`)
      },
    }))
    if (buildStamp(ROOT) !== stamp) throw new Error('the build changed while it was measured: the results are void')
    save(rows, { stamp, loads, values })
  }
}

const aboutRun = (stamp, loads) => ({
  when: new Date().toISOString(), commit: commit(ROOT), build: stamp, machine: machine(), load: summary(loads),
})

function save(rows, { stamp, loads, values }) {
  const about = aboutRun(stamp, loads)
  for (const row of rows) {
    const line = JSON.stringify({ ...row, ...about })
    console.log(values.json ? line : shown(row))
    if (!values['no-save']) appendFileSync(HISTORY, `${line}\n`)
  }
  if (about.load.median > quietLoad() && !values.json) {
    console.log(`  The load was ${about.load.median}: other processes took part of the cores. Trust cpu more than wall.`)
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
