/**
 * npm run conformance -- FILE [--json]
 *
 * Runs the cases of FILE against the built engine: a line per case and, with --json, one last line with
 * the counts. Exit 0 only if all passed, 1 if not, 2 if the file or the command line is wrong.
 */
import { readFileSync } from 'node:fs'

const args = process.argv.slice(2)
const json = args.includes('--json')
const [file, ...more] = args.filter((arg) => arg !== '--json')

function refuse(message) {
  console.error(message)
  process.exit(2)
}

if (file === undefined || file.startsWith('-') || more.length > 0) {
  refuse('usage: npm run conformance -- FILE [--json]')
}

const built = new URL('../packages/tidemark/dist/testing/conformance/main.js', import.meta.url)
const { runConformance } = await import(built.href).catch((error) => {
  if (error.code === 'ERR_MODULE_NOT_FOUND') refuse('the engine is not built: run `npm run build` first')
  throw error
})

let report
try {
  report = runConformance(readFileSync(file, 'utf8'))
} catch (error) {
  refuse(`cannot read ${file} as a file of cases: ${error.message}`)
}

const { passed, failed, unsupported } = report.summary
for (const line of report.lines) console.log(line)
console.log(json ? JSON.stringify(report.summary) : `${passed} passed, ${failed} failed, ${unsupported} unsupported`)
process.exitCode = report.ok ? 0 : 1
