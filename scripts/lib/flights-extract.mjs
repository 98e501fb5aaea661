/**
 * The first rows of the flights as JSON lines, and the independent answer for them.
 *
 * Used by the soak and by end-to-end tests. The answer is a plain loop that shares no code with the
 * engine except the Parquet reader.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { flightsFile } from './flights-oracle.mjs'

const HOUR_MS = 3_600_000

/** Writes the extract to `path` and returns the expected lines as a set. */
export async function writeExtract(path, rows) {
  const lines = []
  const totals = new Map()
  await parquetRead({
    file: await asyncBufferFromFile(flightsFile()), compressors, columns: ['date', 'delay', 'origin'],
    rowStart: 0, rowEnd: rows, rowFormat: 'object',
    onComplete(flights) {
      for (const flight of flights) {
        const date = Number(flight.date)
        const delay = Number(flight.delay)
        const { origin } = flight
        lines.push(JSON.stringify({ date, delay, origin }))
        const start = date - (date % HOUR_MS)
        const total = totals.get(`${origin}|${start}`) ?? { origin, start, departures: 0, delay: 0 }
        totals.set(`${origin}|${start}`, total)
        total.departures += 1
        total.delay += delay
      }
    },
  })
  writeFileSync(path, `${lines.join('\n')}\n`)
  return new Set([...totals.values()].map(({ origin, start, departures, delay }) =>
    JSON.stringify({ airport: origin, start, end: start + HOUR_MS, departures, delay })))
}

/** Compares all lines below `out`; staged files that were left count as wrong. */
export function compareLines(out, expected) {
  const result = { lost: 0, duplicated: 0, wrong: 0, examples: [] }
  const seen = new Set()
  const note = (what, text) => {
    result[what] += 1
    if (result.examples.length < 5) result.examples.push(`${what}: ${text}`)
  }
  for (const entry of readdirSync(out, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    if (entry.name.startsWith('.')) {
      note('wrong', `staged file ${entry.name}`)
      continue
    }
    for (const line of readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'utf8').split('\n')) {
      if (line === '') continue
      if (!expected.has(line)) note('wrong', line)
      else if (seen.has(line)) note('duplicated', line)
      seen.add(line)
    }
  }
  for (const line of expected) if (!seen.has(line)) note('lost', line)
  return result
}
