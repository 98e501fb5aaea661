/** How entries of state are written for people. Called by the commands that show some. */
import type { CountedState } from '../checkpoint/inspection/live-counts.ts'
import type { EntryView, PlaceView } from '../checkpoint/inspection/entry-view.ts'
import { formatCount, formatInstant, formatTable } from './format.ts'

/** `1 entry`, `3 000 entries`. */
export const counted = (count: number, one: string, many: string): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`

/** Cells of a count of state, which may be only what its files hold (inspection/live-counts.ts). */
export const countCells = ({ entries, records, atMost }: CountedState): readonly [count: string, what: string] => {
  if (atMost === true) return [`≤ ${formatCount(entries)}`, 'entries']
  const what = entries === 1 ? 'entry' : 'entries'
  const more = records === undefined || records === entries ? '' : `, ${formatCount(records)} in files`
  return [formatCount(entries), `${what}${more}`]
}

export function entryPlace({ key, window, namespace }: PlaceView): string[] {
  if (window !== undefined) return [key, `${precise(window.start)} – ${precise(window.end)}`]
  return namespace === undefined ? [key] : [key, JSON.stringify(namespace)]
}

export function entryLines(entries: readonly EntryView[]): string[] {
  const places = entries.map(entryPlace)
  const columns = Math.max(0, ...places.map((place) => place.length))
  const padding = (place: readonly string[]): string[] => Array.from({ length: columns - place.length }, () => '')
  return formatTable(entries.map((entry, i) => {
    const place = places[i] ?? []
    return [...place, ...padding(place), JSON.stringify(entry.value)]
  }))
}

/** Two windows that begin in the same second are not to look the same. */
function precise(ms: number): string {
  const text = formatInstant(ms)
  const rest = ((ms % 1000) + 1000) % 1000
  return rest === 0 || !/^\d/.test(text) ? text : `${text}.${String(rest).padStart(3, '0')}`
}
