/**
 * `tidemark checkpoint diff`: what has changed between two checkpoints, as text or JSON.
 *
 * Called by inspect-commands.ts.
 */
import {
  diffCheckpoints, type CheckpointDiff, type DiffChoice, type ListDiff,
} from '../checkpoint/inspection/diff.ts'
import type { EntryChange, StateDiff } from '../checkpoint/inspection/diff-groups.ts'
import type { ItemChange } from '../checkpoint/inspection/diff-lists.ts'
import type { StructureChange } from '../checkpoint/inspection/diff-structure.ts'
import type { ValueView } from '../checkpoint/inspection/entry-view.ts'
import { withCheckpoints } from '../checkpoint/inspection/open.ts'
import { realStorage } from '../host/real-storage.ts'
import { finished } from './checkpoint.ts'
import { entryPlace } from './entry-lines.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatCount } from './format.ts'
import { placeIn, placeOf } from './place.ts'
import type { Terminal } from './terminal.ts'

export interface DiffFlags {
  readonly operator?: string
  readonly state?: string
  readonly limit: number
  readonly exitCode: boolean
  readonly json: boolean
}

/** `DIR A B`; A and B may name other directories. */
export async function diffCommand(
  [given, a, b]: readonly [string, string, string], flags: DiffFlags, terminal: Terminal,
): Promise<ExitCode> {
  const { directory } = placeOf(given)
  const { operator, state, limit } = flags
  const choice: DiffChoice = {
    limit, ...(operator === undefined ? {} : { operator }), ...(state === undefined ? {} : { state }),
  }
  const places = [placeIn(directory, a), placeIn(directory, b)]
  const diff = await finished(withCheckpoints(realStorage(), places, (first, second) =>
    diffCheckpoints(first as NonNullable<typeof first>, second as NonNullable<typeof second>, choice)))
  if (flags.json) terminal.data(JSON.stringify(diff))
  else show(diff, terminal)
  return flags.exitCode && !diff.equal ? EXIT.differences : EXIT.ok
}

function show(diff: CheckpointDiff, terminal: Terminal): void {
  const { a, b } = diff
  const elsewhere = a.directory === b.directory ? '' : ` of ${b.directory}`
  if (diff.equal) {
    terminal.note(`  Checkpoints #${a.checkpoint} and #${b.checkpoint}${elsewhere} hold the same.`)
    return
  }
  terminal.data(terminal.style('bold', `#${a.checkpoint} → #${b.checkpoint}${elsewhere}`))
  const section = (title: string, lines: readonly string[]): void => {
    if (lines.length === 0) return
    terminal.data('')
    terminal.data(terminal.style('bold', title))
    for (const line of lines) terminal.data(line)
  }
  const listLines = (lists: readonly ListDiff[]): string[] => lists.flatMap((list) => linesOfList(list, terminal))
  section('structure', diff.structure.map((change) => structureLine(change, terminal)))
  section('positions', listLines(diff.lists.filter(({ position }) => position)))
  section('state of subtasks', listLines(diff.lists.filter(({ position }) => !position)))
  section('keyed state', diff.states.flatMap((state) => linesOfState(state, terminal)))
}

const SIGNS = { added: ['+', 'green'], removed: ['-', 'red'], changed: ['~', 'yellow'] } as const

function signed(change: keyof typeof SIGNS, text: string, terminal: Terminal): string {
  const [sign, colour] = SIGNS[change]
  return terminal.style(colour, `${sign} ${text}`)
}

function structureLine(structure: StructureChange, terminal: Terminal): string {
  const { what, operator, state, change, before, after } = structure
  const who = [operator, state].filter((name) => name !== undefined).join(' / ')
  const values = before !== undefined && after !== undefined ? `${before} → ${after}` : String(before ?? after ?? '')
  return `  ${signed(change, [who, what, values].filter((part) => part !== '').join('  '), terminal)}`
}

function linesOfList(list: ListDiff, terminal: Terminal): string[] {
  const left = list.added + list.removed + list.changed - list.items.length
  return [
    `  ${list.operator} / ${list.state}  ${counts(list)}`,
    ...list.items.map((item) => `    ${signed(item.change, itemText(item), terminal)}`),
    ...more(left),
  ]
}

/** Of a split that has moved on only what is new. */
function itemText({ split, before, after }: ItemChange): string {
  if (split === undefined || before === undefined || after === undefined) return JSON.stringify(after ?? before)
  const [old, fresh] = [fieldsOf(before), fieldsOf(after)]
  const moved = [...new Set([...old.keys(), ...fresh.keys()])]
    .map((name) => [name, JSON.stringify(old.get(name)), JSON.stringify(fresh.get(name))] as const)
    .filter(([, from, to]) => from !== to)
  return [split, ...moved.map(([name, from, to]) => `${name} ${from ?? 'none'} → ${to ?? 'none'}`)].join('  ')
}

function linesOfState(state: StateDiff, terminal: Terminal): string[] {
  const { compared, differing } = state.keyGroups
  const groups = `${differing} of ${compared} key groups differ`
  return [
    `  ${state.operator} / ${state.state}  ${state.kind}  ${counts(state)}  (${groups})`,
    ...state.entries.map((entry) => `    ${entryLine(entry, terminal)}`),
    ...more(state.added + state.removed + state.changed - state.entries.length),
  ]
}

const fieldsOf = (item: unknown): ReadonlyMap<string, unknown> =>
  new Map(typeof item === 'object' && item !== null ? Object.entries(item) : [])

const counts = (of: Readonly<Record<'added' | 'removed' | 'changed', number>>): string =>
  (['added', 'removed', 'changed'] as const)
    .filter((change) => of[change] > 0)
    .map((change) => `${formatCount(of[change])} ${change}`)
    .join(', ')

const more = (left: number): string[] => (left <= 0 ? [] : [`    … ${formatCount(left)} more, see --limit`])

function entryLine(entry: EntryChange, terminal: Terminal): string {
  const texts = [entry.before, entry.after].filter((side) => side !== undefined).map(valueText)
  // With a TTL a value may have been written again as it was.
  const values = texts.length === 2 && texts[0] === texts[1] ? `${texts[0]}, written again` : texts.join(' → ')
  return signed(entry.change, `${entryPlace(entry).join('  ')}  ${values}`, terminal)
}

const valueText = ({ value }: ValueView): string => JSON.stringify(value)
