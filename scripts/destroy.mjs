/**
 * npm run destroy -- [--minutes M] [--json FILE] [--only fault,…] [--seed S] [--lanes L]
 *
 * Destroys real processes of the flights job in every way this machine allows: kill -9 at random moments,
 * at every named step and inside calls of the kernel, stopped and succeeded processes, full and read-only
 * disks, errors of the kernel, damaged and missing files, jumping clocks, signals, closed pipes. After each
 * the same command must run to its end and every line is compared with a plain loop.
 *
 * Every fault comes at least once, also if that takes longer than M minutes (10 by default), then round
 * and round. A name before the dot chooses a group (--only kill,rivals.zombie). What the machine cannot do
 * is skipped and said. Exit 1 on any violation, 2 on a wrong command line. Needs `npm run build`.
 */
import { writeFileSync } from 'node:fs'
import { allFaults, chosenFaults, destroy } from './destroy/campaign.mjs'
import { installTools } from './destroy/machine.mjs'
import { bold, green, red } from './lib/workspace.mjs'

const USAGE = 'usage: npm run destroy -- [--minutes M] [--json FILE] [--only fault,…] [--seed S] [--lanes L]'

function refuse(text) {
  console.error(`${text}\n${USAGE}`)
  process.exit(2)
}

const given = new Map()
const args = process.argv.slice(2)
for (let i = 0; i < args.length; i += 2) {
  const known = ['--minutes', '--json', '--only', '--seed', '--lanes'].includes(args[i])
  if (!known) refuse(`${args[i]} is not known`)
  if (args[i + 1] === undefined) refuse(`${args[i]} needs a value`)
  given.set(args[i], args[i + 1])
}

function number(name, fallback, least = 0) {
  const value = Number(given.get(name) ?? fallback)
  if (!Number.isFinite(value) || value < least) refuse(`${name} needs a number`)
  return value
}

const { STEPS } = await import('../packages/tidemark/dist/host/failpoints.js').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.error('the engine is not built: run `npm run build` first')
  process.exit(2)
})
const only = given.get('--only')?.split(',')
try {
  chosenFaults(allFaults(STEPS), only)
} catch (error) {
  refuse(`${error.message}; there are: ${allFaults(STEPS).map((fault) => fault.name).join(', ')}`)
}
const minutes = number('--minutes', 10)
const seed = number('--seed', Date.now() % 1_000_000)
const lanes = number('--lanes', 2, 1)
installTools()
console.log(`seed ${seed}`)
const report = await destroy({ steps: STEPS, only, minutes, seed, lanes, log: (line) => console.log(line) })

console.log(`\n${bold('fault'.padEnd(30))}${'times'.padStart(6)}${'kills'.padStart(7)}   outcome`)
for (const { name, times, kills, outcomes, skipped } of report.faults) {
  const told = Object.entries(outcomes).sort((a, b) => b[1] - a[1]).map(([text, n]) => `${text} × ${n}`)
  const lines = skipped === undefined ? told : [`SKIPPED: ${skipped}`]
  const counts = `${String(times).padStart(6)}${String(kills).padStart(7)}`
  console.log(`${name.padEnd(30)}${counts}   ${lines[0] ?? ''}`)
  for (const line of lines.slice(1)) console.log(`${''.padEnd(46)}${line}`)
}
for (const { name, violations } of report.faults) {
  for (const { nth, directory, problem } of violations) {
    console.error(`\n${red('✗')} ${name}, the ${nth}th, kept in ${directory}\n  ${problem}\n` +
      `  again: npm run destroy -- --only ${name} --seed ${seed} --minutes 0`)
  }
}
if (report.skipped.length > 0) console.log(`\nSKIPPED on this machine: ${report.skipped.join(', ')}`)
console.log(`\n${report.ok ? green('✓') : red('✗')} ${report.scenarios} scenarios, ${report.kills} kills, ` +
  `${report.lost} lost, ${report.duplicated} duplicated, ${report.wrong} wrong, ` +
  `${report.violations} violations, ${report.skipped.length} faults skipped, ${report.minutes} min`)
if (given.has('--json')) writeFileSync(given.get('--json'), `${JSON.stringify(report, null, 2)}\n`)
process.exitCode = report.ok ? 0 : 1
