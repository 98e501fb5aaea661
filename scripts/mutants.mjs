/**
 * npm run mutants -- [--only name,...] [--class A] [--jobs N] [--json]
 * npm run mutants -- --worlds
 *
 * Puts known bugs into copies of the engine, one at a time, and shows which means notices each: seeds of the
 * simulator (how many it took), or a test. A bug that nothing notices is a hole in the tests: exit 1.
 * Every means is first shown to pass without the bug, so that a test which always fails proves nothing.
 * --worlds enumerates every crash of small worlds instead, torn bytes included, and prints the counts.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MUTANTS } from '../packages/tidemark/test/mutants/catalogue.mjs'
import { copyPlain, copyWithPatches } from './lib/source-copy.mjs'
import { ROOT } from './lib/workspace.mjs'

const SIMULATOR = 'host/simulator/simulator.js'
const SOURCE = join(ROOT, 'packages/tidemark/src')
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')
const CONFIG = join(ROOT, 'packages/tidemark/test/mutants/vitest.config.ts')
const REPORTS = join(ROOT, 'node_modules/.cache/tidemark-mutants')
const TIMEOUT_MS = 10 * 60_000
const ENUMERATION = 'packages/tidemark/test/simulation/enumeration.test.ts'

function option(name) {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}

/** Without what a test runner around this one has set. */
const outside = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')))

/** Runs Node; resolves with what it printed, whatever its end. */
function node(args, { env = {}, inherit = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT, env: { ...outside(), ...env }, timeout: inherit ? 0 : TIMEOUT_MS,
      stdio: ['ignore', inherit ? 'inherit' : 'pipe', inherit ? 'inherit' : 'pipe'],
    })
    let output = ''
    child.stdout?.on('data', (text) => (output += text))
    child.stderr?.on('data', (text) => (output += text))
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, output }))
  })
}

// ---- one mutant ---------------------------------------------------------------------------------

/** In a process of its own, as a broken engine may loop for ever: prints one line of JSON. */
async function searchSeeds(name) {
  const mutant = MUTANTS.find((one) => one.name === name)
  const broken = await import(copyWithPatches(`mutant-${name}`, mutant.patches, SIMULATOR))
  const plain = await import(pathToFileURL(join(copyPlain(), SIMULATOR)).href)
  try {
    for (let seed = 1; seed <= mutant.by.within; seed++) {
      const found = broken.simulate(seed).violation
      // What fails without the bug as well says nothing about it.
      if (found === undefined || plain.simulate(seed).violation !== undefined) continue
      return { caught: true, seeds: seed, by: `simulator: ${found.kind}` }
    }
    return { caught: false, seeds: mutant.by.within, by: 'simulator' }
  } finally {
    rmSync(join(copyPlain(), `../mutant-${name}`), { recursive: true, force: true })
  }
}

async function bySeeds({ name }) {
  const { output, signal } = await node([fileURLToPath(import.meta.url), '--search', name])
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  if (last.startsWith('{')) return JSON.parse(last)
  return { caught: false, by: signal === null ? `it broke: ${output.slice(-300)}` : 'no end in time' }
}

const escaped = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

async function vitest(files, pattern, report, env) {
  const path = join(REPORTS, `${report}.json`)
  rmSync(path, { force: true })
  await node([
    VITEST, 'run', ...files, '--config', CONFIG, '--reporter=json', `--outputFile=${path}`,
    ...(pattern === '' ? [] : ['-t', pattern]),
  ], { env })
  const results = JSON.parse(readFileSync(path, 'utf8')).testResults
  return results.flatMap(({ assertionResults }) => assertionResults).filter(({ status }) => status !== 'skipped' && status !== 'pending')
}

async function byTest({ name, by: { file, test } }) {
  const ran = await vitest([file], escaped(test), name, { TIDEMARK_MUTANT: name })
  const failed = ran.find(({ status }) => status === 'failed')
  const short = file.replace('packages/tidemark/test/', '')
  if (failed !== undefined) return { caught: true, by: `${short}: ${failed.title}` }
  return { caught: false, by: `${short}: ${ran.length} tests passed` }
}

/** All tests that mutants name, without any mutant: the names of those that do not pass, or are not there. */
async function failingWithoutBug(mutants) {
  const wanted = mutants.filter(({ by }) => by.kind === 'test')
  if (wanted.length === 0) return new Set()
  const files = [...new Set(wanted.map(({ by }) => by.file))]
  const ran = await vitest(files, [...new Set(wanted.map(({ by }) => escaped(by.test)))].join('|'), 'plain', {})
  return new Set(wanted.filter(({ by }) => {
    const named = ran.filter(({ fullName }) => fullName.includes(by.test))
    return named.length === 0 || named.some(({ status }) => status !== 'passed')
  }).map(({ name }) => name))
}

function checkPatches(mutants) {
  for (const { name, patches } of mutants) {
    for (const { file, find } of patches) {
      const times = readFileSync(join(SOURCE, file), 'utf8').split(find).length - 1
      if (times !== 1) throw new Error(`${name}: the text to patch occurs ${times} times in ${file}`)
    }
  }
}

// ---- all of them --------------------------------------------------------------------------------

export async function runMutants(mutants, jobs, onResult = () => {}) {
  checkPatches(mutants)
  mkdirSync(REPORTS, { recursive: true })
  copyPlain()
  const useless = await failingWithoutBug(mutants)
  const queue = [...mutants]
  const results = []
  const work = async () => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const began = performance.now()
      const { name, by } = mutant
      const outcome = useless.has(name)
        ? { caught: false, by: `"${by.test}" in ${by.file} does not pass without the bug` }
        : by.kind === 'seeds' ? await bySeeds(mutant) : await byTest(mutant)
      const result = { mutant: name, class: mutant.class, bug: mutant.bug, ...outcome, ms: Math.round(performance.now() - began) }
      results.push(result)
      onResult(result)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return results
}

function line({ mutant, class: kind, caught, by, seeds, ms }) {
  const how = seeds === undefined ? '-' : String(seeds)
  return `${caught ? '✓' : '✗'} ${mutant.padEnd(34)} ${kind}  ${how.padStart(5)}  ${`${(ms / 1000).toFixed(1)} s`.padStart(8)}  ${by}`
}

async function main() {
  const search = option('--search')
  if (search !== undefined) {
    console.log(JSON.stringify(await searchSeeds(search)))
    return
  }
  if (process.argv.includes('--worlds')) {
    const env = { TIDEMARK_ENUMERATION: 'full' }
    process.exitCode = (await node([VITEST, 'run', ENUMERATION, '--config', CONFIG], { env, inherit: true })).exitCode ?? 1
    return
  }
  const only = option('--only')?.split(',')
  const kind = option('--class')
  const mutants = MUTANTS.filter((one) => (only?.includes(one.name) ?? true) && (kind === undefined || one.class === kind))
  const unknown = only?.filter((name) => !MUTANTS.some((one) => one.name === name)) ?? []
  if (mutants.length === 0 || unknown.length > 0) {
    console.error(`no such mutant: ${unknown.join(', ')}; there are ${MUTANTS.map(({ name }) => name).join(', ')}`)
    process.exitCode = 2
    return
  }
  const json = process.argv.includes('--json')
  if (!json) console.log(`  ${'mutant'.padEnd(34)} class seeds      time  caught by`)
  const results = await runMutants(mutants, Number(option('--jobs') ?? 1), (result) => {
    if (!json) console.log(line(result))
  })
  const survivors = results.filter(({ caught }) => !caught)
  if (json) console.log(JSON.stringify({ schema: 'tidemark.mutants/1', mutants: results.length, survivors: survivors.length, results }))
  else console.log(`\n${results.length} mutants, ${results.length - survivors.length} caught, ${survivors.length} survived`)
  process.exitCode = survivors.length === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
