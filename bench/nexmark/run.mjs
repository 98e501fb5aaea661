/**
 * Nexmark side by side: the loop, Tidemark and Apache Flink on the same events, in turn.
 *
 * Called by ../run.mjs. All clocks go from the first record until the input has ended and the last result is in the
 * sink; that of Tidemark goes on to its last commit beside it (`whole`). ../README.md says why.
 */
import { fileURLToPath } from 'node:url'
import { runSide } from '../lib/pairs.mjs'
import { median, summary } from '../lib/stats.mjs'
import { prepareFlink, runFlink, SETTINGS } from './flink.mjs'
import { countIsOpen } from './lines.mjs'
import { compareOutputs } from './outputs.mjs'

const SIDE = fileURLToPath(new URL('./side.mjs', import.meta.url))
/** The list that is measured unless others are asked for. */
export const LIST = ['q0', 'q1', 'q2', 'q5', 'q7', 'q8', 'q12', 'q15', 'q17']
export const QUERIES = [
  'q0', 'q1', 'q2', 'q3', 'q4', 'q5', 'q6', 'q7', 'q8', 'q9', 'q11', 'q12', 'q15', 'q16', 'q17', 'q18', 'q19', 'q20',
]
export const ROUNDS = 5
/** Fast queries get more, so that every run takes its seconds and some checkpoints. */
const EVENTS = {
  q0: 6e6, q1: 6e6, q2: 6e6, q3: 6e6, q4: 6e6, q7: 6e6, q8: 6e6, q9: 6e6, q20: 6e6,
}
const EVENTS_OTHERWISE = 2e6
/** The generator inside the run is measured for these. */
const WITH_GENERATOR = ['q0']
/** For every process alike: -Xmx of Java, the old space of Node. */
const HEAP_MB = 4096
const COMPARED_EVENTS = 200_000
/** In a process after the warm-up; the better one counts, on all sides. */
const RUNS = 2

const NODE_FLAGS = ['--expose-gc', `--max-old-space-size=${HEAP_MB}`]

const nodeSide = (name, side, ...more) => async (query, { events, made }) => {
  const args = [side, query, String(events), '--runs', String(RUNS), ...more, ...(made ? ['--made'] : [])]
  const { rates, whole, results } = await runSide(SIDE, args, { flags: NODE_FLAGS })
  return { rates: { [name]: Math.max(...rates), [`${name}${WHOLE}`]: Math.max(...whole) }, results }
}

/** Tidemark on one thread and on two; the better one counts, as for Flink. */
const TIDEMARK = { tidemark: '1', 'tidemark-2': '2' }
/** Sides that read the events in more than one part. */
const PARTS_OF = { 'tidemark-2': 2, 'flink-two': 2 }
/** Marks rates up to the last commit instead of the last result. */
const WHOLE = ' whole'

function sidesWith(flink) {
  const sides = { loop: nodeSide('loop', 'loop') }
  for (const [name, workers] of Object.entries(TIDEMARK)) sides[name] = nodeSide(name, 'tidemark', '--workers', workers)
  if (flink === undefined) return sides
  for (const setting of SETTINGS) sides[`flink-${setting}`] = flinkSide(flink, setting)
  return sides
}

/** A JVM for each setting: in a shared one the second would run with the first one's compiled code. */
const flinkSide = (flink, setting) => async (query, { events, made }) => {
  const options = [`settings=${setting}`, `runs=${RUNS}`, ...(made ? ['made'] : [])]
  const { settings, results } = await runFlink(flink, query, events, { heapMb: HEAP_MB, options })
  return { rates: { [`flink-${setting}`]: Math.max(...settings[setting]) }, results }
}

/** Rates of every round by side and setting. In every other round the order is reversed. */
async function measure(query, { sides, rounds, onRound, ...options }) {
  const series = new Map()
  let expected
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? Object.keys(sides) : Object.keys(sides).reverse()
    for (const name of order) {
      const { rates, results } = await sides[name](query, options)
      expected ??= results
      if (!countIsOpen(query, PARTS_OF[name] ?? 1) && results !== expected) {
        throw new Error(`${query}: ${name} gave ${results} results, another side ${expected}`)
      }
      for (const [setting, rate] of Object.entries(rates)) {
        if (!series.has(setting)) series.set(setting, [])
        series.get(setting).push(rate)
      }
    }
    onRound(round + 1)
  }
  return series
}

/** The setting with the highest median, among those whose name begins so. */
function bestOf(series, prefix) {
  const all = [...series].filter(([name]) => name.startsWith(prefix) && !name.endsWith(WHOLE))
  return all.sort(([, a], [, b]) => median(b) - median(a))[0]
}

/** The ratio is taken within a round. */
const ratioOf = (mine, theirs) => summary(mine.map((rate, round) => rate / theirs[round]))

function rowOf(series) {
  const [tidemarkSetting, tidemark] = bestOf(series, 'tidemark')
  const [flinkSetting, flink] = bestOf(series, 'flink') ?? []
  const loop = series.get('loop')
  return {
    tidemark: summary(tidemark).median,
    flink: flink === undefined ? null : summary(flink).median,
    loop: summary(loop).median,
    vsFlink: flink === undefined ? null : ratioOf(tidemark, flink).median,
    vsLoop: ratioOf(tidemark, loop).median,
    tidemarkWhole: summary(series.get(`${tidemarkSetting}${WHOLE}`)).median,
    ...(flink === undefined
      ? {}
      : { vsFlinkWhole: ratioOf(series.get(`${tidemarkSetting}${WHOLE}`), flink).median }),
    workers: Number(TIDEMARK[tidemarkSetting]),
    ...(flinkSetting === undefined ? {} : { flinkSetting: flinkSetting.slice('flink-'.length) }),
    spread: {
      ...(flink === undefined ? {} : { vsFlink: ratioOf(tidemark, flink) }),
      vsLoop: ratioOf(tidemark, loop),
    },
    rates: Object.fromEntries([...series].map(([name, rates]) => [name, summary(rates)])),
  }
}

/**
 * One object a query: `query`, `tidemark`, `flink`, `loop` (records a second, medians), `vsFlink`, `vsLoop`
 * (medians of the ratios within a round), and what they come from. `flink` is null if there is none.
 * `tidemarkWhole` and `vsFlinkWhole` are the same with Tidemark's clock stopped at the last commit.
 */
export async function nexmark({ queries = LIST, events: given, rounds = ROUNDS, flinkPath, noFlink, note }) {
  const unknown = queries.find((query) => !QUERIES.includes(query))
  if (unknown !== undefined) throw new Error(`there is no query "${unknown}"; there are ${QUERIES.join(', ')}`)
  const prepared = noFlink ? { missing: '--no-flink was given' } : prepareFlink(flinkPath)
  const flink = prepared.missing === undefined ? prepared : undefined
  if (flink === undefined) note(`!! WITHOUT FLINK, nothing is compared with it: ${prepared.missing}`)
  else note(`Flink ${flink.version}, ${flink.jdk}`)
  const sides = sidesWith(flink)
  const rows = []
  for (const query of queries) {
    const events = given ?? EVENTS[query] ?? EVENTS_OTHERWISE
    const compared = await compareOutputs(query, Math.min(events, COMPARED_EVENTS), { flink })
    note(`  ${query}: ${compared.results} results of ${compared.events} events are equal: ${compared.sides.join(', ')}`)
    const run = (made) => measure(query, {
      sides, events, made, rounds,
      onRound: (done) => note(`  ${query}${made ? ', generator inside' : ''}: round ${done} of ${rounds}`),
    })
    const row = { query, events, ...rowOf(await run(false)), compared }
    if (WITH_GENERATOR.includes(query)) row.withGenerator = rowOf(await run(true))
    rows.push(row)
  }
  const listed = rows.filter(({ query, vsFlink }) => LIST.includes(query) && vsFlink !== null)
  const mean = Math.exp(listed.reduce((sum, { vsFlink }) => sum + Math.log(vsFlink), 0) / listed.length)
  return {
    rounds,
    flink: flink === undefined ? { missing: prepared.missing } : { version: flink.version, jdk: flink.jdk },
    ...(listed.length === 0 ? {} : { geometricMeanVsFlink: Number(mean.toPrecision(3)), over: listed.length }),
    queries: rows,
  }
}

const thousands = (rate) => (rate === null ? 'none' : `${Math.round(rate / 1000)}k`)

/** A table for people. */
export function shownNexmark({ rounds, geometricMeanVsFlink, over, queries }) {
  const line = (name, { tidemark, workers, flink, flinkSetting, loop, spread }) => {
    const ratio = (of) => (of === undefined ? '-' : `${of.median.toFixed(2)} [${of.p25.toFixed(2)} to ${of.p75.toFixed(2)}]`)
    return `  ${name.padEnd(14)} ${`${thousands(tidemark)} (${workers})`.padEnd(12)} ` +
      `${`${thousands(flink)}${flinkSetting === undefined ? '' : ` (${flinkSetting})`}`.padEnd(18)} ` +
      `${thousands(loop).padEnd(8)} ${ratio(spread.vsFlink).padEnd(22)} ${ratio(spread.vsLoop)}`
  }
  return [
    `  nexmark, events in memory, ${rounds} rounds; records a second, (workers), (best setting of Flink)`,
    `  ${'query'.padEnd(14)} ${'tidemark'.padEnd(12)} ${'flink'.padEnd(18)} ${'loop'.padEnd(8)} ${'vs Flink'.padEnd(22)} vs loop`,
    ...queries.flatMap((row) => [
      line(row.query, row),
      ...(row.withGenerator === undefined ? [] : [line(`${row.query}+generator`, row.withGenerator)]),
    ]),
    ...(geometricMeanVsFlink === undefined
      ? []
      : [`  geometric mean against Flink over ${over} queries: ${geometricMeanVsFlink}`]),
  ].join('\n')
}
