/** The least that any program needs before it has the first row: Node, the package, the reader. */
import { appendFileSync } from 'node:fs'
import { flightsSource } from '../lib/flights.mjs'
import { readAll } from '../lib/reader.mjs'

await readAll(flightsSource(), () => {
  appendFileSync(process.env.TIDEMARK_BENCH_MARKS, `record ${process.hrtime.bigint()}\n`)
  process.kill(process.pid, 'SIGKILL')
})
