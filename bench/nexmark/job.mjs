/**
 * Job files of the queries, one export each, so that worker threads can import them.
 *
 * Settings: events, parts (splits), directory (for marks and lines), made ('true': generator inside the run),
 * lines ('true': results are written).
 */
import { job } from 'tidemark'
import { QUERIES } from './queries.mjs'
import { nexmarkSink } from './sink.mjs'
import { nexmarkSource } from './source.mjs'

/** Events outlive a run in the thread that made them: the warm-up and the timed run read the same array. */
const keep = new Map()

const EVERY_SECOND = { checkpoint: { every: '1s' }, restart: 'none' }

function jobOf(query) {
  const { stream, line } = QUERIES[query]
  return job(`nexmark-${query}`, EVERY_SECOND, (j) => {
    const { config } = j
    const directory = config.string('directory')
    const source = nexmarkSource({
      count: config.number('events'), parts: config.number('parts', 1), directory,
      made: config.boolean('made', false), keep,
    })
    const events = j.from('events', source, { eventTime: ({ dateTime }) => dateTime })
    const lines = config.boolean('lines', false)
    stream(events, { lines }).to('results', nexmarkSink({ directory, ...(lines ? { line } : {}) }))
  })
}

export const q0 = jobOf('q0')
export const q1 = jobOf('q1')
export const q2 = jobOf('q2')
export const q3 = jobOf('q3')
export const q4 = jobOf('q4')
export const q5 = jobOf('q5')
export const q6 = jobOf('q6')
export const q7 = jobOf('q7')
export const q8 = jobOf('q8')
export const q9 = jobOf('q9')
export const q11 = jobOf('q11')
export const q12 = jobOf('q12')
export const q15 = jobOf('q15')
export const q16 = jobOf('q16')
export const q17 = jobOf('q17')
export const q18 = jobOf('q18')
export const q19 = jobOf('q19')
export const q20 = jobOf('q20')
