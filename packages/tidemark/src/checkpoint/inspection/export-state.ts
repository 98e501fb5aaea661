/**
 * State as lines of JSON, sorted, so that equal state gives equal bytes.
 *
 *   {"schema":"tidemark.state.export/1","job":…,"maxParallelism":…}
 *   {"operator":…,"state":…,"kind":…,"version":…,"ttl":true,"clock":"event",…}      one a state, before its entries
 *   {"operator":…,"state":…,"key":…,"namespace":…,"value":…}                        namespace only where there is one
 *   {"operator":…,"state":…,"list":…}  and  {"operator":…,"state":…,"item":…}       list state, only if asked for
 *
 * Keys, namespaces, values and items are tagged JSON (tagged-json.ts). Values of a state with a TTL are as they
 * are stored, with the time from which it counts: `[at, value]`, by the machine's clock where no `clock` is said. The line
 * of a state ends with its `jsonSchema`, if it has one. Called by `tidemark state export`.
 *
 *   XP-1  Keyed state alone is a matter of the state: the lines say nothing of checkpoint, time, subtasks or
 *         parallelism. List state belongs to subtasks, so that its items may differ at another parallelism.
 *   XP-2  Order: operators and states by name; entries by the canonical bytes of the key, then by start and end of
 *         the window, then by the encoded namespace and value; items by their encoding.
 *   XP-3  Memory: one state at a time, encoded, and about 150 bytes an entry to sort it (more with windows). Each
 *         part of an operator is read once for each of its states.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type { Io } from '../../base/io.ts'
import type { Key } from '../../graph/key.ts'
import { canonicalKeyBytes } from '../../record/key-codec.ts'
import { decodeValue, encodeValue } from '../../record/value-codec.ts'
import type { KeyedStateSnapshot } from '../../state/snapshot.ts'
import { bytesAsText, compareBytes } from './compare-bytes.ts'
import { windowOf, type Window } from './entry-view.ts'
import { findOperator, findState, operatorsIn, statesIn, type StateName } from './open.ts'
import {
  isEnumerator, partsOf, rawEntries, readPart, visitGroups, type OpenCheckpoint,
} from './operator-parts.ts'
import { toTaggedJson } from './tagged-json.ts'

export interface ExportChoice {
  /** Undefined: all. */
  readonly operator?: string
  /** Only with an operator; then list state, too. */
  readonly state?: string
  /** List state of all operators that are chosen. */
  readonly lists: boolean
}

export interface ExportSummary {
  readonly checkpoint: number
  readonly states: number
  readonly entries: number
  /** List states that were not asked for. */
  readonly listsLeftOut: number
}

/** `emit` is given each line without its end. Throws E145. */
export function* exportState(
  opened: OpenCheckpoint, choice: ExportChoice, emit: (line: string) => void,
): Io<ExportSummary> {
  const { manifest } = opened
  const chosen = chooseStates(opened, choice)
  let entries = 0
  let states = 0
  emit(JSON.stringify({
    schema: 'tidemark.state.export/1', job: manifest.job, maxParallelism: manifest.maxParallelism,
  }))
  for (const { operator, state } of chosen) {
    if (!wantsList(state, choice)) continue
    states += 1
    entries += state.keyed
      ? yield* exportKeyed(opened, operator, state, emit)
      : yield* exportList(opened, operator, state, emit)
  }
  return { checkpoint: manifest.checkpoint, states, entries, listsLeftOut: chosen.length - states }
}

const wantsList = (state: StateName, choice: ExportChoice): boolean =>
  state.keyed || choice.lists || choice.state !== undefined

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function chooseStates(
  { manifest }: OpenCheckpoint, choice: ExportChoice,
): readonly { readonly operator: string; readonly state: StateName }[] {
  const { operator: only, state: name } = choice
  if (only !== undefined && name !== undefined) return [{ operator: only, state: findState(manifest, only, name) }]
  const operators = only === undefined ? operatorsIn(manifest).toSorted(byName) : [findOperator(manifest, only)]
  return operators.flatMap((operator) =>
    statesIn(manifest, operator)
      .toSorted((a, b) => byName(a.name, b.name) || byName(a.kind, b.kind))
      .map((state) => ({ operator, state })))
}

/** As little as can be sorted by: there are as many of these as the state has entries. */
interface Sortable {
  readonly key: Key
  /** One character a byte. */
  readonly canonical: string
  readonly window: Window
  /** Where namespace and value lie: from `at` to `end` of `bytes`. */
  readonly bytes: Uint8Array
  readonly at: number
  readonly end: number
}

const NO_WINDOW: Window = { start: 0, end: 0 }

function* exportKeyed(
  opened: OpenCheckpoint, operator: string, { name: state, kind }: StateName, emit: (line: string) => void,
): Io<number> {
  const entries: Sortable[] = []
  let described: KeyedStateSnapshot | undefined
  yield* visitGroups(opened, operator, { state }, (declared, group) => {
    described ??= declared
    // A copy, so that the other states of the part do not stay in memory.
    const bytes = group.bytes.slice()
    for (const { key, namespace, value } of rawEntries({ ...group, bytes })) {
      const window = windowOf(decodeValue(new ByteReader(namespace))) ?? NO_WINDOW
      const at = namespace.byteOffset - bytes.byteOffset
      const end = at + namespace.length + value.length
      entries.push({ key, canonical: bytesAsText(canonicalKeyBytes(key)), window, bytes, at, end })
    }
    return true
  })
  entries.sort(bySortKey)
  emit(JSON.stringify({ operator, state, kind, ...(described === undefined ? {} : declarationOf(described)) }))
  for (const { key, bytes, at } of entries) {
    const reader = new ByteReader(bytes, at)
    const namespace = decodeValue(reader)
    emit(JSON.stringify({
      operator, state,
      key: toTaggedJson(key),
      ...(namespace === undefined ? {} : { namespace: toTaggedJson(namespace) }),
      value: toTaggedJson(decodeValue(reader)),
    }))
  }
  return entries.length
}

/** The order of texts is that of their bytes; what is equal up to here differs in namespace or value. */
function bySortKey(a: Sortable, b: Sortable): number {
  if (a.canonical !== b.canonical) return a.canonical < b.canonical ? -1 : 1
  return a.window.start - b.window.start || a.window.end - b.window.end ||
    compareBytes(a.bytes.subarray(a.at, a.end), b.bytes.subarray(b.at, b.end))
}

/** Of a state without entries the parts may say nothing but its kind. */
const declarationOf = ({ version, stamped, clock, jsonSchema }: KeyedStateSnapshot): object => ({
  version,
  ...(stamped === true ? { ttl: true } : {}), ...(clock === undefined ? {} : { clock }),
  ...(jsonSchema === undefined ? {} : { jsonSchema }),
})

function* exportList(
  opened: OpenCheckpoint, operator: string, state: StateName, emit: (line: string) => void,
): Io<number> {
  const items: Uint8Array[] = []
  for (const part of partsOf(opened.manifest, operator)) {
    const { snapshot } = yield* readPart(opened, part)
    for (const list of snapshot.lists) {
      if (list.name !== state.name) continue
      // Every subtask holds the same items: one copy says it all.
      if (list.redistribute === 'broadcast' && items.length > 0) continue
      items.push(...list.items.map((item) => encoded([isEnumerator(part), item])))
    }
  }
  items.sort(compareBytes)
  emit(JSON.stringify({ operator, state: state.name, list: state.kind }))
  for (const bytes of items) {
    const [enumerator, item] = decodeValue(new ByteReader(bytes)) as [boolean, unknown]
    const place = enumerator ? { enumerator } : {}
    emit(JSON.stringify({ operator, state: state.name, ...place, item: toTaggedJson(item) }))
  }
  return items.length
}

function encoded(item: unknown): Uint8Array {
  const writer = new ByteWriter()
  encodeValue(writer, item)
  return writer.toBytes()
}
