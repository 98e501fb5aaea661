/**
 * What `tidemark run` says to people: the start, events worth a line, the outcome.
 *
 * Pure functions from host/run.ts's events to lines; run.ts decides where they go.
 */
import { shownPlace } from '../host/places.ts'
import type { JobEvent, RunOutcome } from '../host/run.ts'
import { formatAge, formatCount } from './format.ts'
import type { Terminal } from './terminal.ts'

type Started = Extract<JobEvent, { kind: 'started' }>

export interface StartFacts {
  readonly version: string
  readonly guarantee: string
  readonly readyMs: number
  readonly parallelism: number
}

export function startLines(event: Started, facts: StartFacts, terminal: Terminal): string[] {
  const { style } = bound(terminal)
  const head = [
    `  ${style('bold', `tidemark ${facts.version}`)}  ${style('cyan', event.job)}`,
    ...(facts.parallelism > 1 ? [`parallelism ${facts.parallelism}`] : []),
    style('dim', `ready in ${formatAge(facts.readyMs)}`),
  ].join('  ')
  return [
    head,
    '',
    item(terminal, 'State', stateLine(event)),
    item(terminal, 'Safety', safetyLine(event, facts.guarantee, terminal)),
    '',
  ]
}

function stateLine(event: Started): string {
  const restored = event.restoredFrom
  const from = restored === undefined
    ? 'from the beginning'
    : `resumed from #${restored.checkpoint} (${formatAge(restored.ageMs)} old)`
  if (event.stateDirectory === undefined) return 'in memory only: nothing survives this process'
  return `${shownPlace(event.stateDirectory)}   ${from}`
}

/** The guarantee link by link: it is only as strong as its weakest link, and that one is named. */
function safetyLine(event: Started, guarantee: string, terminal: Terminal): string {
  const { style } = bound(terminal)
  const links = event.safety.map((link) =>
    `${link.operator} ${link.ok ? style('green', '✓') : style('yellow', '✗')} ${link.promise}`)
  const holds = event.safety.every((link) => link.ok)
  const promise = guarantee === 'exactly-once' && !holds ? 'weaker than exactly-once' : guarantee
  return `${promise}: ${links.join(' · ')}`
}

function item(terminal: Terminal, label: string, text: string): string {
  return `  ${terminal.style('green', '➜')} ${terminal.style('bold', label.padEnd(8))} ${text}`
}

/** Events that a person wants to see at once; undefined for the rest. */
export function eventLine(event: JobEvent, terminal: Terminal): string | undefined {
  const warn = terminal.style('yellow', '!')
  switch (event.kind) {
    case 'checkpoint-failed': {
      const why = event.error === undefined ? '' : `: ${event.error.code} ${event.error.what}`
      return `  ${warn} checkpoint #${event.id} did not complete (${event.reason})${why}`
    }
    case 'restarting': {
      const wait = event.delayMs === 0 ? 'at once' : `in ${formatAge(event.delayMs)}`
      const { code, what, place } = event.error
      const where = place.operator === undefined ? '' : ` in ${place.operator}`
      const who = event.operators === undefined ? 'everyone' : event.operators.join(', ')
      const others = event.operators === undefined ? '' : '; the rest of the job goes on'
      return `  ${warn} failed${where}: ${code} ${what}\n    ` +
        `restart ${event.attempt} ${wait}, ${who} back to the last checkpoint${others}`
    }
    case 'rescaled': {
      const threads = event.workers > 1 ? ` on ${event.workers} threads` : ''
      return `  ${terminal.style('green', '➜')} parallelism ${event.from} → ${event.to}${threads}, from checkpoint #${event.checkpoint} on`
    }
    default:
      return undefined
  }
}

export function outcomeLines(
  outcome: Exclude<RunOutcome, { kind: 'failed' }>,
  job: string,
  tookMs: number,
  terminal: Terminal,
): string[] {
  const ok = terminal.style('green', '✓')
  switch (outcome.kind) {
    case 'finished': {
      const { recordsIn, recordsOut, late, invalid } = outcome.counts
      const counts = [`${formatCount(recordsIn)} records in`, `${formatCount(recordsOut)} out`]
      if (late > 0) counts.push(`${formatCount(late)} late`)
      if (invalid > 0) counts.push(`${formatCount(invalid)} invalid`)
      const last = outcome.checkpoint === undefined ? '' : ` · final checkpoint #${outcome.checkpoint}`
      const facts = `${counts.join(', ')}${last} · ${formatAge(tookMs)}`
      if (outcome.drained === true) return drainedLines(`  ${ok} ${job} was drained: ${facts}`)
      return [`  ${ok} ${job} is finished: ${facts}`]
    }
    case 'already-finished':
      if (outcome.drained === true) {
        const { checkpoint } = outcome
        return drainedLines(`  ${ok} ${job} was drained, with checkpoint #${checkpoint}: there is nothing left to do.`)
      }
      return [
        `  ${ok} ${job} is finished already, with checkpoint #${outcome.checkpoint}: there is nothing left to do.`,
        '    To run it again from the beginning use another --state and another output.',
      ]
    case 'stopped':
      return [
        outcome.checkpoint === undefined
          ? `  ${ok} ${job} stopped; no checkpoint was completed, so the next run starts from the beginning.`
          : `  ${ok} ${job} stopped with checkpoint #${outcome.checkpoint}. The same command goes on from there.`,
      ]
    case 'cancelled':
      return [`  ${job} was ended at once. The same command goes on from its last checkpoint.`]
  }
}

const drainedLines = (head: string): string[] => [
  head,
  '    Its input was declared to have ended: all windows have fired, also half full ones. Going on would count',
  '    the rest of the input in windows that have spoken already. To read on, begin from a checkpoint or savepoint',
  '    taken before the drain, or from the beginning, with another --state and another output.',
]

function bound(terminal: Terminal): { style: Terminal['style'] } {
  return { style: (style, text) => terminal.style(style, text) }
}
