/**
 * The flights job with marks: writes when the job file was evaluated, when the engine asked the
 * source for its splits, when it opened the first one, and when the first record came; then it kills
 * its process. Everything else is the job of examples/flights itself.
 */
import { appendFileSync } from 'node:fs'
import { job, type JobBuilder, type SourceOptions, type SourceSpec, type Split } from 'tidemark'
import departures from '../../examples/flights/job.ts'

const marks = process.env['TIDEMARK_BENCH_MARKS'] ?? '/dev/null'
const seen = new Set<string>()

function mark(name: string): void {
  if (seen.has(name)) return
  seen.add(name)
  // The same clock in all processes of the machine.
  appendFileSync(marks, `${name} ${process.hrtime.bigint()}\n`)
}

mark('evaluated')

type Source = SourceSpec<unknown, Split, 'can rewind'>

function watched(source: Source): Source {
  return {
    ...source,
    discover(context) {
      mark('discover')
      return source.discover(context)
    },
    openSplit(split, position, context) {
      mark('open')
      return source.openSplit(split, position, context)
    },
  }
}

export const watchedDepartures = job(departures.name, (j) => {
  const from = (name: string, source: Source, options: SourceOptions<unknown> = {}): unknown => {
    const { eventTime } = options
    if (eventTime === undefined) throw new Error('the flights job has event time')
    return j.from(name, watched(source), {
      ...options,
      eventTime: (record: unknown) => {
        mark('record')
        process.kill(process.pid, 'SIGKILL')
        return eventTime(record)
      },
    })
  }
  departures.build({ config: j.config, from: from as unknown as JobBuilder['from'] })
})
