/**
 * The screen of `tidemark top`: what happened between two samples as lines for people.
 *
 * Pure; top.ts decides where and how often they go.
 *
 *   TL-1  No line is wider than the terminal: facts go on in the next line, columns are left out from the least
 *         important one on, and only then something is cut.
 *   TL-2  Every bar says by its signs what colour says, too: █ busy, ▒ back-pressured, ░ idle.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import { bottleneckOf, eventTimeOf, nameOf } from '../observe/diagnosis.ts'
import type { JobRates, SubtaskRates } from '../observe/rates.ts'
import { formatAge, formatBytes, formatCount, formatInstant } from './format.ts'
import { cut } from './progress.ts'
import type { Style } from './terminal.ts'

export interface Paper {
  readonly columns: number
  style(style: Style, text: string): string
}

const BAR_CELLS = 10
const GAP = 2
const BETWEEN = ' · '
/** Names are cut to this before a column is left out. */
const LEAST_NAME = 12
/** Less than this, ms a second, is not spoken of as busy. */
const BUSY_FROM = 500

export function topLines(job: JobRates, paper: Paper): string[] {
  return [
    ...headLines(job, paper),
    '',
    ...tableLines(job, paper),
  ].map((line) => cut(line, paper.columns))
}

function headLines(job: JobRates, paper: Paper): string[] {
  const { phase, uptimeMs, pid, workers, parallelism = 1, restarts, restarting, recordsIn, recordsOut, late, invalid } = job
  const counts = [
    `${formatCount(recordsIn)} records in`, `${rate(job.numRecordsInPerSecond)}/s`, `${formatCount(recordsOut)} out`,
    ...(late > 0 ? [`${formatCount(late)} late`] : []),
    ...(invalid > 0 ? [`${formatCount(invalid)} invalid`] : []),
  ]
  const facts = [
    `${phase} ${formatAge(uptimeMs)}`, `process ${pid}`,
    ...(parallelism > 1 ? [`parallelism ${parallelism}`] : []),
    ...(workers > 1 ? [`${workers} threads`] : []),
    ...(restarts > 0 ? [`${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`] : []),
    ...(restarting === undefined ? [] : [`restarting ${restarting.join(', ')}`]),
  ]
  return [
    [job.job, ...facts], counts, checkpointFacts(job), eventTimeFacts(job), bottleneckFacts(job),
  ].flatMap((said) => wrapped(said, paper.columns)).map((line, i) => (i === 0 ? paper.style('bold', line) : line))
}

/** Facts side by side as far as they fit; what does not goes on in the next line. */
function wrapped(facts: readonly string[], columns: number): string[] {
  const lines: string[] = []
  for (const fact of facts) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + BETWEEN.length + fact.length <= columns) lines[lines.length - 1] = last + BETWEEN + fact
    else lines.push(last === undefined ? fact : `  ${fact}`)
  }
  return lines
}

function checkpointFacts({ checkpoint, atMs }: JobRates): string[] {
  const { last, current, completed, failed } = checkpoint
  const parts: string[] = []
  if (last === undefined) parts.push('no checkpoint yet')
  else {
    const { startDelayMs, alignmentMs, syncMs, asyncMs } = last.phases
    parts.push(
      `checkpoint #${last.id} ${formatAge(Math.max(0, atMs - last.completedAtMs))} ago`,
      `${formatBytes(last.bytes)} in ${formatAge(last.tookMs)}`,
      `barrier ${formatAge(startDelayMs)}, alignment ${formatAge(alignmentMs)}, cut ${formatAge(syncMs)}, ` +
        `written ${formatAge(asyncMs)}`,
    )
  }
  parts.push(`${formatCount(completed)} completed`)
  if (failed > 0) parts.push(`${formatCount(failed)} failed`)
  if (current !== undefined) {
    parts.push(`#${current.id} on its way for ${formatAge(current.ageMs)}, ${current.acknowledged} of ${current.of} answered`)
  }
  return parts
}

function eventTimeFacts(job: JobRates): string[] {
  const time = eventTimeOf(job)
  if (time === undefined) return []
  const { watermark, subtask, heldBy } = time
  const holder = heldBy === undefined ? 'everything above is idle' : `waits for ${heldBy}`
  return [`event time ${formatInstant(watermark)} at ${nameOf(subtask)}`, holder]
}

function bottleneckFacts(job: JobRates): string[] {
  const found = bottleneckOf(job)
  if (found === undefined) return ['nothing is deployed']
  if (found.kind === 'none') {
    const { busiest } = found
    const who = busiest.busyTimeMsPerSecond < BUSY_FROM
      ? 'nobody is busy'
      : `the busiest is ${nameOf(busiest)} with ${share(busiest.busyTimeMsPerSecond)}`
    return ['nobody waits for room', who]
  }
  const { by, waiting } = found
  return [
    `bottleneck ${nameOf(by)}, busy ${share(by.busyTimeMsPerSecond)}`,
    `${nameOf(waiting)} waits for room ${share(waiting.backPressuredTimeMsPerSecond)} of its time`,
  ]
}

interface Column {
  readonly head: string
  /** The column with the largest number is left out first; 0 never. */
  readonly spare: number
  readonly cell: (one: SubtaskRates) => string
  readonly left?: boolean
  /** Every cell is a bar, with colours in it. */
  readonly painted?: boolean
}

function columnsOf(job: JobRates, paper: Paper): Column[] {
  const subtasks = job.vertices.flatMap((vertex) => vertex.subtasks)
  const furthest = Math.max(...subtasks.map((one) => known(one.currentOutputWatermark)))
  const optional = <T>(value: T | undefined, show: (value: T) => string): string => (value === undefined ? '–' : show(value))
  const bytes = subtasks.some((one) => one.numBytesIn !== undefined || one.numBytesOut !== undefined)
  return [
    { head: 'subtask', spare: 0, left: true, cell: nameOf },
    ...(job.workers > 1 ? [{ head: 'thread', spare: 9, cell: (one: SubtaskRates) => String(one.worker) }] : []),
    { head: '', spare: 3, left: true, painted: true, cell: (one) => bar(one, paper) },
    { head: 'busy', spare: 0, cell: (one) => share(one.busyTimeMsPerSecond) },
    { head: 'waits', spare: 1, cell: (one) => share(one.backPressuredTimeMsPerSecond) },
    { head: 'idle', spare: 8, cell: (one) => share(one.idleTimeMsPerSecond) },
    { head: 'in/s', spare: 2, cell: (one) => rate(one.numRecordsInPerSecond) },
    { head: 'out/s', spare: 4, cell: (one) => rate(one.numRecordsOutPerSecond) },
    { head: 'in queue', spare: 5, cell: (one) => optional(one.inPoolUsage, percent) },
    { head: 'out queue', spare: 6, cell: (one) => optional(one.outPoolUsage, percent) },
    {
      head: 'behind', spare: 7,
      cell: (one) => optional(one.currentInputWatermark, (at) =>
        at >= MAX_TIMESTAMP ? 'end' : formatAge(Math.max(0, furthest - at))),
    },
    ...(bytes
      ? [
          { head: 'B in/s', spare: 10, cell: (one: SubtaskRates) => optional(one.numBytesInPerSecond, formatBytesRate) },
          { head: 'B out/s', spare: 11, cell: (one: SubtaskRates) => optional(one.numBytesOutPerSecond, formatBytesRate) },
        ]
      : []),
  ]
}

function tableLines(job: JobRates, paper: Paper): string[] {
  const subtasks = job.vertices.flatMap((vertex) => vertex.subtasks)
  if (subtasks.length === 0) return []
  const all = columnsOf(job, paper).map((column) => {
    const cells = [column.head, ...subtasks.map((one) => column.cell(one))]
    return { ...column, cells, width: column.painted === true ? BAR_CELLS : Math.max(...cells.map((cell) => cell.length)) }
  })
  const name = Math.min(all[0]?.width ?? 0, LEAST_NAME)
  const widthOf = (shown: typeof all): number =>
    shown.slice(1).reduce((sum, { width }) => sum + width + GAP, name)
  let shown = all
  while (widthOf(shown) > paper.columns) {
    const spare = Math.max(...shown.map((column) => column.spare))
    if (spare === 0) break
    shown = shown.filter((column) => column.spare !== spare)
  }
  const rest = paper.columns - widthOf(shown) + name
  return Array.from({ length: subtasks.length + 1 }, (_, row) => {
    const line = shown.map(({ cells, width, left, painted }, i) => {
      const wide = i === 0 ? Math.min(width, rest) : width
      const cell = cells[row] as string
      if (painted === true && row > 0) return cell
      return left === true ? cell.slice(0, wide).padEnd(wide) : cell.padStart(wide)
    }).join(' '.repeat(GAP))
    return row === 0 ? paper.style('dim', line) : line
  })
}

function bar(one: SubtaskRates, paper: Paper): string {
  if (one.state === 'ended') return paper.style('dim', 'ended'.padEnd(BAR_CELLS))
  const waits = Math.round((one.backPressuredTimeMsPerSecond * BAR_CELLS) / 1000)
  const busy = Math.min(BAR_CELLS - waits, Math.round((one.busyTimeMsPerSecond * BAR_CELLS) / 1000))
  return paper.style('green', '█'.repeat(busy)) + paper.style('yellow', '▒'.repeat(waits)) +
    paper.style('dim', '░'.repeat(BAR_CELLS - busy - waits))
}

const known = (watermark: number | undefined): number =>
  watermark === undefined || watermark >= MAX_TIMESTAMP ? Number.NEGATIVE_INFINITY : watermark

const percent = (fraction: number): string => `${Math.round(fraction * 100)} %`
const share = (msPerSecond: number): string => percent(msPerSecond / 1000)
const formatBytesRate = (bytes: number): string => formatBytes(Math.round(bytes))

/** 1234567 → '1.2 M': a rate is looked at, not copied. */
function rate(perSecond: number): string {
  if (perSecond < 10_000) return formatCount(Math.round(perSecond))
  const [size, unit] = perSecond < 999_500 ? [perSecond / 1e3, 'k'] : [perSecond / 1e6, 'M']
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`
}
