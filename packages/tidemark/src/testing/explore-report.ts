/**
 * What an exploration has found, in words: the error that fails the test.
 */
import { isStreamError } from '../base/errors.ts'
import type { AmbientUse } from './ambient.ts'
import type { Difference } from './explore-compare.ts'
import type { FaultKind } from './explore-plan.ts'

/** What was found; each has its own explanation. */
export type FindingKind =
  | 'fails-undisturbed' // the job does not even run through without faults
  | 'ambient' // output follows the clock or chance of the machine
  | 'outlives-the-run' // a second run gives other output: something is kept outside of state
  | 'timing' // other scheduling alone changes output
  | 'faults' // a fault changes output
  | 'error' // under faults the job fails with an error of its own
  | 'stuck' // under faults it does not finish
  | 'expectation' // `expect` threw

export interface Finding {
  readonly kind: FindingKind
  readonly job: string
  /** Undefined where no fault was needed. */
  readonly seed: number | undefined
  /** The smallest set of faults that shows it. */
  readonly faults: readonly FaultKind[]
  readonly differences: readonly Difference[]
  readonly ambient: readonly AmbientUse[]
  readonly events: readonly string[]
  readonly sinksUnderTest: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
  readonly cause?: unknown
  readonly stuck?: string
}

const LINES = 4
const LONGEST_LINE = 160
const EVENTS = 6

const TITLES: Readonly<Record<FindingKind, string>> = {
  'fails-undisturbed': 'fails, with nothing disturbed',
  ambient: 'gives output that depends on time or chance of the machine',
  'outlives-the-run': 'keeps something outside of its state',
  timing: 'gives output that depends on what comes first',
  faults: 'gives other output after failures',
  error: 'fails with an error of its own after failures',
  stuck: 'does not come to its end after failures',
  expectation: 'gives output that expect() refuses',
}

export class ExploreFailure extends Error {
  override readonly name = 'ExploreFailure'
  readonly finding: Finding

  constructor(finding: Finding) {
    super(textOf(finding), finding.cause === undefined ? undefined : { cause: finding.cause })
    this.finding = finding
  }

  get seed(): number | undefined {
    return this.finding.seed
  }
}

function textOf(finding: Finding): string {
  const { job, kind, seed, faults, differences, events, cause, stuck } = finding
  const lines = [`The job "${job}" ${TITLES[kind]}.`, '']
  if (cause !== undefined) lines.push(`  error     ${causeText(cause)}`)
  if (stuck !== undefined) lines.push(`  stuck     ${stuck}`)
  for (const difference of differences) lines.push(...differenceText(difference))
  for (const { call, place, times } of kind === 'fails-undisturbed' ? [] : finding.ambient) {
    const often = times === 1 ? 'once' : `${times} times`
    lines.push(`  ${call} was called ${often}${place === undefined ? '' : ` at ${place}`}`)
  }
  lines.push('', ...why(finding).map((line) => `  ${line}`))
  if (seed === undefined) return lines.join('\n')
  lines.push('', `  seed      ${seed}`)
  const needed = faults.length === 0 ? 'none needed' : `${faults.join(', ')} (the smallest set that shows it)`
  lines.push(`  faults    ${needed}`)
  for (const event of events.slice(0, EVENTS)) lines.push(`            ${event.slice(0, LONGEST_LINE)}`)
  if (events.length > EVENTS) lines.push(`            and ${events.length - EVENTS} more`)
  const options = Object.entries(finding.options)
    .map(([name, value]) => `, ${name}: ${JSON.stringify(value)}`).join('')
  lines.push(`  replay    explore(job, { input${options}, seeds: [${seed}] })`)
  return lines.join('\n')
}

function differenceText({ sink, lost, duplicated, unexpected, changed }: Difference): string[] {
  const counts = [
    [lost.length, 'lost'], [duplicated.length, 'duplicated'], [changed.length, 'changed'],
    [unexpected.length, 'unexpected'],
  ] as const
  const summary = counts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`).join(', ')
  const short = (line: string): string => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line)
  const some = (what: string, all: readonly string[]): string[] =>
    all.slice(0, LINES).map((line) => `    ${what.padEnd(11)} ${short(line)}`)
  return [
    `  sink "${sink}": ${summary}`,
    ...some('lost', lost), ...some('duplicated', duplicated), ...some('unexpected', unexpected),
    ...changed.slice(0, LINES).flatMap(({ from, to }) => [...some('undisturbed', [from]), ...some('now', [to])]),
  ]
}

function why({ kind, differences, sinksUnderTest, cause }: Finding): string[] {
  switch (kind) {
    case 'fails-undisturbed':
      return /read only|not extensible|Cannot (add|delete|define) property/.test(causeText(cause))
        ? ['A record was changed. Records are shared between operators and are read again after a failure:',
            'make a new one ({ ...record, field }) instead. They are frozen in tests, which made this visible.']
        : ['The input was read by one process without any fault.']
    case 'ambient':
      return ['After a failure the same records are processed again, at another time and with other chance.',
        'Use the event time of the record, context.processingTime with a timer, or a key of the record as id.']
    case 'outlives-the-run':
      return ['Two runs over the same input, with the same time and chance and no fault, gave different output.',
        'A variable of a module outlives the run, and is not in any checkpoint: after a failure it is lost or',
        'counted twice. Declare it as state: process(name, { state: { total: state.value() } }, …).']
    case 'timing':
      return ['No fault is needed: other scheduling, parallelism or time alone changes it. Order is kept per key',
        'and source only; records of several sources meet in any order, and processing time never agrees.',
        'If that is meant, compare: false and check with expect what must hold.']
    case 'faults':
      return differences.some(({ sink }) => sinksUnderTest.includes(sink))
        ? ['The sink is the one of the job. What write() makes visible is not undone by a failure, and commit() may',
            'be repeated: stage in prepareCommit(), make visible in commit(), and know what was committed before.']
        : ['What functions keep in variables is lost by the process, or counted twice when records are read again.',
            'Keep it in declared state, which goes back with the position of the source.']
    case 'error':
      return ['No injected fault explains this error; without faults it does not come.']
    case 'stuck':
      return ['Faults end after a while, and then the job must finish.']
    case 'expectation':
      return []
  }
}

function causeText(cause: unknown): string {
  if (isStreamError(cause)) return `${cause.code} ${cause.message}`
  return cause instanceof Error ? cause.message : String(cause)
}
