/**
 * Puts the lines of an export in the place of one state, in a new savepoint.
 *
 * Called by `tidemark state import`. Lines are those of inspection/export-state.ts; those of other states are passed
 * over, so that an export of a whole job can be given.
 *
 *   IM-1  Export, then import: the state is the same, whatever the parallelism of either, and so is its next export.
 *   IM-2  The whole state is replaced, or nothing: what is not in the file is not in the state afterwards.
 *   IM-3  A line that is not exactly what an export writes of such a state is refused with its number. A kind, a TTL or
 *         a version other than that of the checkpoint is refused: values would be read as something else.
 *   IM-4  Windows belong to the engine, which keeps elsewhere when they fire: the file has the windows that are
 *         there, and no others.
 */
import type { Io } from '../../base/io.ts'
import type { Key } from '../../graph/key.ts'
import { isStreamError } from '../../base/errors.ts'
import { checkKey, encodeKey } from '../../record/key-codec.ts'
import { encodeValue } from '../../record/value-codec.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { KeyedSnapshotBuilder } from '../../state/keyed-snapshot.ts'
import type { KeyedStateSnapshot } from '../../state/snapshot.ts'
import { bytesAsText } from '../inspection/compare-bytes.ts'
import { E181_NOT_EDITABLE, E183_IMPORT_UNFIT } from '../inspection/errors.ts'
import { rawEntries, visitGroups, type OpenCheckpoint } from '../inspection/operator-parts.ts'
import { parseJson, readValue } from '../inspection/read-value.ts'
import type { TakenSavepoint } from '../write-savepoint.ts'
import { describeState, partOwning, type Description } from './described-state.ts'
import { rewrite, type RewritePorts, type StateChange, type Target } from './rewrite.ts'
import { unfit } from './stored-value.ts'

export interface Import {
  readonly operator: string
  readonly state: string
  /** Without their ends; read once. */
  readonly lines: Iterable<string>
}

export interface ImportResult {
  readonly savepoint: TakenSavepoint
  readonly before: number
  readonly entries: number
}

/** Throws what `rewrite` throws, E145, E181, E182, E183. */
export function* importState(
  ports: RewritePorts, source: { readonly directory: string; readonly ref: string }, given: Import, target: Target,
): Io<ImportResult> {
  const { savepoint, result } = yield* rewrite(ports, source, target, (opened) => prepareImport(opened, given))
  return { savepoint, ...result }
}

function* prepareImport(
  opened: OpenCheckpoint, { operator, state, lines }: Import,
): Io<{ readonly change: StateChange; readonly result: { readonly before: number; readonly entries: number } }> {
  const description = yield* describeState(opened, operator, state)
  const { maxParallelism } = opened.manifest
  const builder = new KeyedSnapshotBuilder({ ...description, maxParallelism })
  const places = new Set<string>()
  readLines(lines, { operator, state, description }, (key, namespace, value, line) => {
    const place = placeOf(key, namespace)
    if (places.has(place)) throw E183_IMPORT_UNFIT({ line, problem: 'the key and window came before', hints: [] })
    places.add(place)
    builder.put(key, namespace, value)
  })
  const { groups } = builder.build()
  const owners = new Map(groups.map(({ group }) => [group, partOwning(opened, operator, state, group).subtask]))
  let before = 0
  let known = 0
  yield* visitGroups(opened, operator, { state }, (_state, group) => {
    before += group.entries
    if (description.kind === 'window') {
      for (const { id } of rawEntries(group)) if (places.has(bytesAsText(id))) known += 1
    }
    return true
  })
  if (description.kind === 'window' && (known !== places.size || known !== before)) {
    throw E181_NOT_EDITABLE({
      operator, state,
      problem: 'the file does not have the windows of the checkpoint, and when they fire is kept elsewhere',
      hints: ['export the state of this very checkpoint and change values only'],
    })
  }
  const of = (part: { readonly subtask: number }): KeyedStateSnapshot =>
    ({ ...description, groups: groups.filter(({ group }) => owners.get(group) === part.subtask) })
  return { change: { operator, state, of }, result: { before, entries: places.size } }
}

/** As `rawEntries` gives it. */
function placeOf(key: Key, namespace: unknown): string {
  const writer = new ByteWriter()
  encodeKey(writer, key)
  encodeValue(writer, namespace)
  return bytesAsText(writer.peek())
}

interface Wanted {
  readonly operator: string
  readonly state: string
  readonly description: Description
}

type Fields = Readonly<Record<string, unknown>>

function readLines(
  lines: Iterable<string>, wanted: Wanted, put: (key: Key, namespace: unknown, value: unknown, line: number) => void,
): void {
  let line = 0
  let declared = false
  for (const text of lines) {
    line += 1
    if (text === '') continue
    const fields = fieldsOf(parseJson(text, `Line ${line}`), line)
    if (line === 1) {
      if (fields['schema'] === 'tidemark.state.export/1') continue
      throw E183_IMPORT_UNFIT({ line, problem: 'it is not the first line of an export', hints: [] })
    }
    if (fields['operator'] !== wanted.operator || fields['state'] !== wanted.state) continue
    if ('list' in fields || 'item' in fields) continue
    if (!('key' in fields)) {
      checkDeclaration(fields, wanted.description, line)
      declared = true
      continue
    }
    if (!declared) {
      throw E183_IMPORT_UNFIT({ line, problem: 'an entry comes before the line that describes its state', hints: [] })
    }
    const key = keyOf(readValue(fields['key'], `The key in line ${line}`), line)
    const namespace = 'namespace' in fields
      ? readValue(fields['namespace'], `The namespace in line ${line}`)
      : undefined
    if (!('value' in fields)) throw E183_IMPORT_UNFIT({ line, problem: 'the entry has no value', hints: [] })
    const value = readValue(fields['value'], `The value in line ${line}`)
    const problem = unfit(wanted.description, value)
    if (problem !== undefined) throw E183_IMPORT_UNFIT({ line, problem, hints: [] })
    put(key, namespace, value, line)
  }
  if (declared) return
  const problem = `the file says nothing of state "${wanted.state}" of "${wanted.operator}"`
  throw E183_IMPORT_UNFIT({ line: 0, problem, hints: ['operator and state are named as in the file'] })
}

function fieldsOf(json: unknown, line: number): Fields {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Fields
  throw E183_IMPORT_UNFIT({ line, problem: 'it is no JSON object', hints: [] })
}

/** IM-3. */
function checkDeclaration(fields: Fields, { kind, version, stamped, clock = 'processing' }: Description, line: number): void {
  const differs = (what: string, there: unknown, here: unknown): void => {
    if (there === here) return
    const problem = `${what} is ${JSON.stringify(there)}, in the checkpoint it is ${JSON.stringify(here)}`
    throw E183_IMPORT_UNFIT({ line, problem, hints: ['import into a checkpoint of a job that declares the state alike'] })
  }
  differs('the kind', fields['kind'], kind)
  differs('the version', fields['version'] ?? version, version)
  differs('the TTL', fields['ttl'] === true, stamped === true)
  if (stamped === true) differs('the clock of the TTL', fields['clock'] ?? 'processing', clock)
}

function keyOf(value: unknown, line: number): Key {
  try {
    return checkKey(value, 'key')
  } catch (error) {
    if (!isStreamError(error)) throw error
    throw E183_IMPORT_UNFIT({ line, problem: 'its key is neither string, number nor bigint', hints: [] }, { cause: error })
  }
}
