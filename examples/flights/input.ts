/**
 * The input of the flights job: which file, how it is read, and what a row must look like.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { csv, jsonl, parquet, type SourceSpec, type Split } from 'tidemark'
import { flightSchema } from './flight.ts'
import { throttled } from './throttle.ts'

const COLUMNS = ['date', 'delay', 'origin'] as const

export type FlightSource = SourceSpec<unknown, Split, 'can rewind'>

export function flights(input: string, recordsPerSecond: number): {
  readonly source: FlightSource
  readonly schema: typeof flightSchema
} {
  const source = open(input === '' ? defaultInput() : input)
  return { source: recordsPerSecond > 0 ? throttled(source, recordsPerSecond) : source, schema: flightSchema }
}

function open(path: string): FlightSource {
  if (path.endsWith('.parquet')) return parquet(path, { columns: COLUMNS })
  if (/\.(jsonl|ndjson)(\.gz)?$/.test(path)) return jsonl(path)
  if (/\.csv(\.gz)?$/.test(path)) return csv(path, { columns: COLUMNS })
  throw new Error(`input=${path} must end with .parquet, .jsonl, .ndjson or .csv (the last three also with .gz)`)
}

function defaultInput(): string {
  const entry = createRequire(import.meta.url).resolve('vega-datasets')
  return join(dirname(entry), '../data/flights-3m.parquet')
}
