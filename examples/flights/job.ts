/**
 * Departures and minutes of delay per airport and hour, from three million flights of 2001.
 *
 *   npx tidemark run examples/flights/job.ts --state .tidemark/flights -c out=out/flights
 *
 * Settings: out (directory of the results), input (Parquet, JSONL or CSV; the default is
 * flights-3m.parquet of vega-datasets), rate (records a second, to watch it work; the default is
 * as fast as it goes).
 */
import { count, files, job, sum, tumbling } from 'tidemark'
import { flights } from './input.ts'

export default job('departures', (j) => {
  const out = j.config.string('out', 'out/flights')
  const { source, schema } = flights(j.config.string('input', ''), j.config.number('rate', 0))

  const perHour = j
    .from('flights', source, { schema, eventTime: (flight) => flight.date })
    .keyBy((flight) => flight.origin)
    .window('per-hour', tumbling('1h'))
    .aggregate({ departures: count(), delay: sum((flight) => flight.delay, { integers: true }) })

  perHour
    .map(({ key, start, end, departures, delay }) => ({
      airport: key, start: start.getTime(), end: end.getTime(), departures, delay,
    }))
    .to('departures', files({ path: out }))
  perHour.late.to('late', files({ path: `${out}-late` }))
})
