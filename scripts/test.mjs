/**
 * Everything that must hold before a change goes in: `npm test`, and what CI runs.
 *
 *   node scripts/test.mjs [--only step[,step]] [--all-nodes]
 *
 * Installs and builds what is missing, so that it passes in a fresh clone with only Node and npm.
 * With CI=true (or --all-nodes) the engine's tests run on Node 22 and 24 as well, all but the long ones that would
 * show the same again; both come from the registry as the package `node`. With CI=true the simulator runs two minutes of seeds that no run
 * before has seen, from a first one that follows from the commit. Closes with one line: N passed, N failed.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { bold, CLI, dim, ensureInstalled, green, red, ROOT, runCommand } from './lib/workspace.mjs'

const MINUTE = 60_000
const OTHER_NODES = ['22', '24']
/** Long, and of the source alone: what they show does not depend on the version of Node. */
const ON_ONE_NODE = ['simulation/enumeration', 'mutants', 'types', 'bench', 'e2e/s3'].map((name) => `packages/*/test/${name}**`)
const SEED_MINUTES = 2
const only = argument('--only')?.split(',')
const inCi = process.env.CI === 'true'
const allNodes = inCi || process.argv.includes('--all-nodes')
const modules = (path) => join(ROOT, 'node_modules', path)
/** Case files taken from Flink's own tests lie beside the repository, where there is one. */
const CASES = join(ROOT, '../shared/conformance')
/** Cases that are known to pass: one that becomes unsupported again must not go unnoticed. */
const CASES_PASSING = { 'flink-cases.json': 60 }
const reports = modules('.cache/tidemark-test')

let passed = 0
let failed = 0
const summary = []
/** Said again at the end, so that the last page of a long log tells what went wrong. */
const failures = []
const FAILURE_LINES = 14

function argument(name) {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}

/** One step; `count` reads passed and failed tests from what was printed, where a step is more than one check. */
async function step(name, command, args, { timeoutMs = 10 * MINUTE, count, env, quiet = false } = {}) {
  if (only !== undefined && !only.includes(name.split(' ')[0])) return
  console.log(`\n${bold(`── ${name}`)}`)
  const startedMs = performance.now()
  const { exitCode, output } = await runCommand(command, args, { timeoutMs, env, quiet })
  process.stdout.write(output)
  const ok = exitCode === 0
  const counted = count?.(output) ?? { passed: ok ? 1 : 0, failed: ok ? 0 : 1 }
  // A suite that ends badly without naming a failed test has failed all the same.
  const bad = ok ? counted.failed : Math.max(1, counted.failed)
  passed += counted.passed
  failed += bad
  if (bad > 0) failures.push(`${red('✗')} ${name}\n${counted.why || ending(output)}`)
  const why = exitCode === 124 ? ` (no end after ${timeoutMs / MINUTE} min)` : ''
  const took = `${((performance.now() - startedMs) / 1000).toFixed(1)} s`
  summary.push(`${ok ? green('✓') : red('✗')} ${name.padEnd(26)} ${counted.passed} passed, ${bad} failed  ${dim(took)}${why}`)
}

function skipped(name, why) {
  if (only === undefined) summary.push(`- ${name.padEnd(26)} skipped: ${why}`)
}

/** Counts of a vitest run from its JSON report, and its failed tests with the first words of why. */
function vitestCounts(report) {
  return () => {
    if (!existsSync(report)) return { passed: 0, failed: 1 }
    const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = JSON.parse(readFileSync(report, 'utf8'))
    const bad = testResults.flatMap(({ name, status, message, assertionResults }) => {
      const tests = assertionResults.filter((test) => test.status === 'failed')
      if (status === 'failed' && tests.length === 0) return [`${relative(ROOT, name)}\n${message}`]
      return tests.map((test) => `${relative(ROOT, name)} > ${test.fullName}\n${test.failureMessages.join('\n')}`)
    })
    return { passed: numPassedTests, failed: numFailedTests || numFailedTestSuites, why: bad.map(beginning).join('\n') }
  }
}

const beginning = (text) => stripVTControlCharacters(text).split('\n')
  .filter((line) => !/^ +at .*(node_modules|node:internal)/.test(line)).slice(0, FAILURE_LINES).join('\n')
const ending = (text) => stripVTControlCharacters(text).trimEnd().split('\n').slice(-2 * FAILURE_LINES).join('\n')

async function vitest(name, node, args) {
  const report = join(reports, `${name.replaceAll(' ', '-')}.json`)
  rmSync(report, { force: true })
  await step(
    name,
    node,
    [modules('vitest/vitest.mjs'), 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    { timeoutMs: 15 * MINUTE, count: vitestCounts(report) },
  )
}

/** Counts of `node --test --test-reporter=tap`. */
function tapCounts(output) {
  const number = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1] ?? 0)
  return { passed: number('pass'), failed: number('fail') }
}

/** The first of the seeds that belong to this commit, and where it comes from. */
async function firstSeed() {
  const asked = runCommand('git', ['rev-parse', '--verify', 'HEAD'], { quiet: true, timeoutMs: MINUTE })
  const { output } = await asked.catch(() => ({ output: 'git is not installed' }))
  const commit = output.trim()
  if (/^[0-9a-f]{40,64}$/.test(commit)) {
    return { seed: 4 * Number.parseInt(commit.slice(0, 7), 16), from: `commit ${commit.slice(0, 12)}` }
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, 'packages/tidemark/package.json'), 'utf8'))
  const hash = createHash('sha256').update(version).digest('hex')
  return { seed: 4 * Number.parseInt(hash.slice(0, 7), 16), from: `version ${version}, as there is no git directory` }
}

/** One check; why it failed is said where the simulator says how to replay the seed. */
function seedCounts(output) {
  const bad = output.match(/^SEED \d+ .*failed[^]*?^replay: .*$/gm)
  return bad === null ? undefined : { passed: 0, failed: 1, why: bad.join('\n') }
}

/** Seeds that failed once are in the corpus, which is among the unit tests. */
async function freshSeeds() {
  const name = 'fresh-seeds'
  if (only !== undefined ? !only.includes(name) : !inCi) return skipped(name, 'runs with CI=true')
  const { seed, from } = await firstSeed()
  console.log(`\nfresh seeds begin at ${seed}, which follows from ${from}`)
  const sim = [join(ROOT, 'scripts/sim.mjs'), '--minutes', String(SEED_MINUTES), '--from', String(seed)]
  await step(`${name} from ${seed}`, process.execPath, sim, { timeoutMs: (SEED_MINUTES + 8) * MINUTE, count: seedCounts })
}

/** Path of another Node version, fetched from the registry; undefined if it cannot be had. */
async function otherNode(version) {
  const prefix = modules(`.cache/node-${version}`)
  const node = join(prefix, 'node_modules/node/bin/node')
  if (existsSync(node)) return node
  mkdirSync(prefix, { recursive: true })
  const args = ['install', '--prefix', prefix, '--no-audit', '--no-fund', '--no-save', `node@${version}`]
  const { exitCode, output } = await runCommand('npm', args, { quiet: true, timeoutMs: 5 * MINUTE })
  if (exitCode === 0 && existsSync(node)) return node
  console.error(output)
  return undefined
}

/**
 * The cases that are part of the repository. What is not supported yet is printed and is no failure
 * here; it never counts as passed.
 */
async function conformance() {
  if (only !== undefined && !only.includes('conformance')) return
  const name = 'conformance'
  const cases = existsSync(CASES) ? readdirSync(CASES).filter((file) => file.endsWith('-cases.json')) : []
  if (cases.length === 0) return skipped(name, 'no case files in ../shared/conformance beside the repository')
  console.log(`\n${bold(`── ${name}`)}`)
  for (const file of cases) {
    const args = [join(ROOT, 'scripts/conformance.mjs'), join(CASES, file), '--json']
    const { exitCode, output } = await runCommand(process.execPath, args, { quiet: true, timeoutMs: 5 * MINUTE })
    process.stdout.write(output)
    const counts = lastJsonLine(output) ?? { passed: 0, failed: 1, unsupported: 0 }
    // A run that ended badly without a word of a failed or unsupported case has failed all the same.
    const unnamed = exitCode !== 0 && counts.failed + counts.unsupported === 0
    const fewer = counts.passed < (CASES_PASSING[file] ?? 1)
    const bad = unnamed || fewer ? Math.max(1, counts.failed) : counts.failed
    passed += counts.passed
    failed += bad
    summary.push(`${bad === 0 ? green('✓') : red('✗')} ${`${name} ${file}`.padEnd(26)} ${counts.passed} passed, ` +
      `${bad} failed, ${counts.unsupported} unsupported`)
  }
}

function lastJsonLine(output) {
  try {
    return JSON.parse(output.trimEnd().split('\n').at(-1))
  } catch {
    return undefined
  }
}

await ensureInstalled()
mkdirSync(reports, { recursive: true })
await step('build', process.execPath, [join(ROOT, 'scripts/build.mjs')])
await step('typecheck', process.execPath, [modules('typescript/bin/tsc'), '-p', 'tsconfig.json', '--noEmit'])
await step('lint', process.execPath, [modules('oxlint/bin/oxlint'), '--deny-warnings', '.'])
await step('layers', process.execPath, [
  modules('dependency-cruiser/bin/dependency-cruise.mjs'), '--config', '.dependency-cruiser.cjs', 'packages', 'examples',
])
await vitest('unit', process.execPath, [])
await step('example-testing', process.execPath,
  ['--test', '--test-reporter=tap', join(ROOT, 'examples/testing/sales.test.mjs')], { count: tapCounts, quiet: true })
await conformance()
await freshSeeds()
for (const version of OTHER_NODES) {
  const name = `node${version}`
  if (only !== undefined ? !only.includes(name) : !allNodes) {
    skipped(name, 'runs with CI=true or --all-nodes')
    continue
  }
  const node = await otherNode(version)
  if (node === undefined) {
    failed += 1
    summary.push(`${red('✗')} ${name.padEnd(26)} could not be installed`)
    continue
  }
  await vitest(`${name} tests`, node, ['packages', ...ON_ONE_NODE.map((pattern) => `--exclude=${pattern}`)])
  await step(`${name} starts`, node, [CLI, 'version'])
}

console.log(`\n${bold('── what ran')}`)
for (const line of summary) console.log(line)
if (failures.length > 0) console.log(`\n${bold('── what failed')}\n${failures.join('\n')}`)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
