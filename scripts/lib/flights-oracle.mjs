/**
 * The independent answer to the flights job: a plain loop over the Parquet file.
 *
 * Shares no code with the engine except the Parquet reader. Used by scripts/demo.mjs and by tests.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

const HOUR_MS = 3_600_000

export function flightsFile() {
  const entry = createRequire(import.meta.url).resolve('vega-datasets')
  return join(dirname(entry), '..', 'data', 'flights-3m.parquet')
}

/** Map of `airport|start` to { departures, delay }, and the number of rows. */
export async function expectedTotals(file = flightsFile()) {
  const buffer = await asyncBufferFromFile(file)
  const metadata = await parquetMetadataAsync(buffer)
  const totals = new Map()
  let rows = 0
  let from = 0
  for (const group of metadata.row_groups) {
    const to = from + Number(group.num_rows)
    await parquetRead({
      file: buffer, metadata, compressors, columns: ['date', 'delay', 'origin'], rowStart: from, rowEnd: to,
      rowFormat: 'object',
      onComplete(flights) {
        for (const { date, delay, origin } of flights) {
          const start = Math.floor(Number(date) / HOUR_MS) * HOUR_MS
          const key = `${origin}|${start}`
          const total = totals.get(key)
          if (total === undefined) totals.set(key, { departures: 1, delay: Number(delay) })
          else {
            total.departures += 1
            total.delay += Number(delay)
          }
          rows += 1
        }
      },
    })
    from = to
  }
  return { totals, rows }
}

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

/** Compares the lines below `out` with the loop. A staged file that was left counts as wrong. */
export async function compareFlights(out, file = flightsFile()) {
  const { totals, rows } = await expectedTotals(file)
  const seen = new Set()
  let doubled = 0
  let wrong = 0
  for (const path of filesBelow(out)) {
    if (path.slice(path.lastIndexOf('/') + 1).startsWith('.')) {
      wrong += 1
      continue
    }
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (line === '') continue
      const { airport, start, end, departures, delay } = JSON.parse(line)
      const key = `${airport}|${start}`
      const total = totals.get(key)
      const fits = total !== undefined && end === start + HOUR_MS && total.departures === departures && total.delay === delay
      if (seen.has(key)) doubled += 1
      else if (!fits) wrong += 1
      seen.add(key)
    }
  }
  const lost = [...totals.keys()].filter((key) => !seen.has(key)).length
  return { rows, totals: totals.size, lost, doubled, wrong }
}
