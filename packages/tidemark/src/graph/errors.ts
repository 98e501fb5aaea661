/** Errors of a job definition: what a graph may not look like. Thrown by graph/ and api/ only. */
import { defineError } from '../base/errors.ts'
import type { OutputTag } from './operator-spec.ts'

/** A value as a reader would write it; functions and symbols have no JSON. */
export function show(value: unknown): string {
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

const at = (place: string | undefined): string => (place === undefined ? '' : ` (${place})`)

export const E001_DUPLICATE_NAME = defineError<{
  name: string
  first: string | undefined
  second: string | undefined
  /** True if one of the two bears the name as a former name. */
  former: boolean
}>({
  code: 'E001', kind: 'job', retryable: false, title: 'Two operators with the same name',
  what: (d) => d.former
    ? `"${d.name}" is a former name of one operator${at(d.second)} and also a name of another${at(d.first)}.`
    : `"${d.name}" is the name of two operators: the first${at(d.first)}, the second${at(d.second)}.`,
  why: () => 'State, positions and metrics are kept by operator name, so a name must mean one operator.',
  fix: (d) => d.former
    ? [`remove .was(${JSON.stringify(d.name)}), or rename the operator that bears this name now`]
    : ['give the second operator another name'],
})

export const E002_NOT_DETERMINISTIC = defineError<{
  job: string
  operator: string
  field: string
  first: string
  second: string
}>({
  code: 'E002', kind: 'job', retryable: false, title: 'The job file is not deterministic',
  what: (d) => `Built twice, the job "${d.job}" differs at ${d.operator}, ${d.field}: ` +
    `first ${d.first}, then ${d.second}.`,
  why: () => 'Every process that runs the job builds it anew; they must all build the same graph.',
  fix: () => [
    'remove time, chance and counters (Date.now, Math.random, new ids) from the build function',
    'pass what differs between runs as a setting: -c key=value, read by j.config',
  ],
})

export const E004_SINK_CANNOT_COMMIT = defineError<{ operator: string; connector: string; commit: string }>({
  code: 'E004', kind: 'job', retryable: false, title: 'This sink cannot keep exactly-once',
  what: (d) => `The sink "${d.operator}" (${d.connector}) is "${d.commit}", but the job is exactly-once.`,
  why: () => 'After a failure, records since the last checkpoint are written again; ' +
    'such a sink would show them twice.',
  fix: () => [
    'use a sink that is transactional or idempotent, e.g. files({ path })',
    "say guarantee: 'at-least-once' in the options of job() and put up with repeated output",
    'for looking at records use .print()',
  ],
})

export const E005_SOURCE_CANNOT_REWIND = defineError<{
  operator: string
  connector: string
  rewind: string
}>({
  code: 'E005', kind: 'job', retryable: false, title: 'This source cannot keep exactly-once',
  what: (d) => `The source "${d.operator}" (${d.connector}) is "${d.rewind}", but the job is exactly-once.`,
  why: () => 'After a failure, records since the last checkpoint must be read again; this source cannot.',
  fix: () => [
    'use a source that can rewind: files, a log such as Kafka, a generator',
    "say guarantee: 'at-least-once' in the options of job() and accept that such records may be lost",
  ],
})

export const E006_BAD_NAME = defineError<{ what: string; name: unknown }>({
  code: 'E006', kind: 'job', retryable: false, title: 'This is no name',
  what: (d) => `${d.what} is ${show(d.name)}, which cannot be a name.`,
  why: () => 'Names become state keys, metric labels and file names: 1 to 100 letters, digits, spaces, ' +
    'dots, underscores and hyphens, beginning with a letter or digit; some words are reserved.',
  fix: () => ['choose a name like "per-hour"'],
})

export const E007_NOTHING_TO_RUN = defineError<{ job: string; operators: number }>({
  code: 'E007', kind: 'job', retryable: false, title: 'The job has no output',
  what: (d) => d.operators === 0
    ? `The build function of "${d.job}" made no operator.`
    : `The job "${d.job}" has ${d.operators} operators, but no sink and no print.`,
  why: () => 'Whatever it computed, nobody could see it.',
  fix: (d) => d.operators === 0
    ? ["begin with j.from('name', source)"]
    : ["end the stream with .to('name', sink), or with .print() to look at it"],
})

export const E008_IMPOSSIBLE_OPTION = defineError<{
  what: string
  given: unknown
  why: string
  fix: string
}>({
  code: 'E008', kind: 'job', retryable: false, title: 'Impossible option',
  what: (d) => d.given === undefined ? `${d.what}.` : `${d.what}: got ${show(d.given)}.`,
  why: (d) => d.why,
  fix: (d) => [d.fix],
})

export const E013_NOT_A_TIME = defineError<{ operator: string; given: unknown; hint: string }>({
  code: 'E013', kind: 'data', retryable: false, title: 'Event time is not a time',
  what: (d) => `eventTime of the source "${d.operator}" returned ${show(d.given)}${d.hint}.`,
  why: () => 'Event time is a Date or a number of milliseconds since 1970-01-01T00:00:00Z; ' +
    'a wrong one would put the record into a wrong window without a word.',
  fix: (d) => d.hint.includes('seconds')
    ? ['convert it to milliseconds in eventTime (seconds: multiply by 1000; microseconds: divide by 1000)']
    : ['return a valid Date or milliseconds, e.g. eventTime: (r) => Date.parse(r.at)',
        'let a schema turn the field into a Date, and send rows that do not fit to .invalid'],
})

export const E033_PARALLELISM_ABOVE_MAX = defineError<{ what: string; parallelism: number; max: number }>({
  code: 'E033', kind: 'job', retryable: false, title: 'Parallelism is above max parallelism',
  what: (d) => `${d.what} has parallelism ${d.parallelism}, but there are only ${d.max} key groups.`,
  why: () => 'A key group is the unit in which keyed state moves; ' +
    'a subtask without one would have nothing to do.',
  fix: (d) => [
    `use a parallelism of at most ${d.max}`,
    'or, for a new state directory, raise maxParallelism in the options of job(): it stays for the life ' +
      'of the state',
  ],
})

/** Where an output that nobody declared is read, e.g. `.invalid` of a source that does not divert. */
export const undeclaredOutput = (operator: string, output: OutputTag, fix: string): {
  what: string; given: undefined; why: string; fix: string
} => ({
  what: `The output "${output}" of "${operator}" is read but never written`,
  given: undefined,
  why: 'A stream that can hold no record is most likely a mistake.',
  fix,
})

export const E130_IMPOSSIBLE_PATTERN = defineError<{
  operator: string
  what: string
  why: string
  fix: string
}>({
  code: 'E130', kind: 'job', retryable: false, title: 'This pattern cannot be matched',
  what: (d) => `The pattern of "${d.operator}" ${d.what}.`,
  why: (d) => d.why,
  fix: (d) => [d.fix],
})

export const E131_DUPLICATE_STEP = defineError<{ operator: string; step: string }>({
  code: 'E131', kind: 'job', retryable: false, title: 'Two steps of a pattern have the same name',
  what: (d) => `The pattern of "${d.operator}" has two steps named "${d.step}".`,
  why: () => 'A match holds its records under the names of their steps.',
  fix: () => ['give the second step another name; a step that repeats is written with times() or oneOrMore()'],
})

export const E134_NO_SUCH_STEP = defineError<{ operator: string; step: string; known: readonly string[] }>({
  code: 'E134', kind: 'job', retryable: false, title: 'A pattern skips to a step that it does not have',
  what: (d) => `The pattern of "${d.operator}" skips to "${d.step}", which is none of its steps.`,
  why: () => 'After a match, others go on from a record of that step.',
  fix: (d) => [`use one of ${d.known.map((name) => `"${name}"`).join(', ')}`],
})
