/**
 * Changes what one key holds in one state, in a new savepoint.
 *
 * Called by `tidemark state edit`.
 *
 *   ED-1  One entry changes; all other entries of the state stay byte for byte, and in their order.
 *   ED-2  A key with several windows or namespaces is not changed unless it is said which one is meant.
 *   ED-3  Windows belong to the engine, which keeps elsewhere when they fire: what one has counted may be set, but
 *         none is made and none is removed.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type { Io } from '../../base/io.ts'
import { MIN_TIMESTAMP } from '../../base/time.ts'
import type { Key } from '../../graph/key.ts'
import { keyGroupOf } from '../../record/key-codec.ts'
import { decodeValue, encodeValue } from '../../record/value-codec.ts'
import { KeyedSnapshotBuilder } from '../../state/keyed-snapshot.ts'
import { mergeParts } from '../../state/segment-chain.ts'
import { stampsOf } from '../../state/snapshot.ts'
import { compareBytes } from '../inspection/compare-bytes.ts'
import { valueView } from '../inspection/entry-view.ts'
import { E146_NO_SUCH_KEY, E181_NOT_EDITABLE, E182_NO_STATE_VALUE } from '../inspection/errors.ts'
import { formatKey } from '../inspection/key-text.ts'
import { rawEntries, visitGroups, type OpenCheckpoint, type RawEntry } from '../inspection/operator-parts.ts'
import { toTaggedJson } from '../inspection/tagged-json.ts'
import type { TakenSavepoint } from '../write-savepoint.ts'
import { describeState, partOwning, type Description } from './described-state.ts'
import { rewrite, type RewritePorts, type StateChange, type Target } from './rewrite.ts'
import { stampedAt, unfit } from './stored-value.ts'

export interface Edit {
  readonly operator: string
  readonly state: string
  readonly key: Key
  /** As in an export: a window is [start, end]. Undefined: the one that the key has. */
  readonly namespace?: unknown
  /**
   * As `state get` shows it: of a state with a TTL without the time, which becomes that of the edit; by event time that
   * which the job has reached when it goes on.
   */
  readonly to: { readonly kind: 'set'; readonly value: unknown } | { readonly kind: 'delete' }
}

export interface EditResult {
  readonly savepoint: TakenSavepoint
  /** Tagged JSON; absent: there was nothing, or there is nothing any more. */
  readonly before?: unknown
  readonly after?: unknown
}

/** Throws what `rewrite` throws, E145, E146, E181, E182. */
export function* editState(
  ports: RewritePorts, source: { readonly directory: string; readonly ref: string }, edit: Edit, target: Target,
): Io<EditResult> {
  const { savepoint, result } = yield* rewrite(ports, source, target, (opened) =>
    prepareEdit(opened, edit, ports.clock.wallMs()))
  return { savepoint, ...result }
}

function* prepareEdit(
  opened: OpenCheckpoint, edit: Edit, nowMs: number,
): Io<{ readonly change: StateChange; readonly result: { readonly before?: unknown; readonly after?: unknown } }> {
  const { operator, state, key, to } = edit
  const description = yield* describeState(opened, operator, state)
  const { maxParallelism } = opened.manifest
  const group = keyGroupOf(key, maxParallelism)
  const owner = partOwning(opened, operator, state, group)
  const held: RawEntry[] = []
  yield* visitGroups(opened, operator, { state, groups: { start: group, end: group } }, (_state, content) => {
    held.push(...[...rawEntries(content)].filter((raw) => raw.key === key))
    return true
  })
  const chosen = choose(opened, description, edit, held)
  // What event time there is then, the job knows when it goes on: until then the value has none.
  const stamp = stampsOf(description) === 'event' ? MIN_TIMESTAMP : nowMs
  const stored = to.kind === 'set' ? stampedAt(description, to.value, stamp) : undefined
  if (to.kind === 'set') {
    const problem = unfit(description, stored)
    if (problem !== undefined) throw E182_NO_STATE_VALUE({ what: `The new value of "${state}"`, path: '', problem })
  }
  const namespace = chosen === undefined ? edit.namespace : decodeValue(new ByteReader(chosen.namespace))
  const changes = new KeyedSnapshotBuilder({ ...description, extent: 'changes', maxParallelism })
  if (to.kind === 'set') changes.put(key, namespace, stored)
  else changes.remove(key, namespace)
  const changed = changes.build()
  return {
    change: {
      operator, state,
      of: (part, present) =>
        (part.subtask === owner.subtask ? mergeParts([present ?? { ...description, groups: [] }, changed]) : present),
    },
    result: {
      ...(chosen === undefined ? {} : { before: valueView(description, chosen.value).value }),
      ...(to.kind === 'set' ? { after: toTaggedJson(to.value) } : {}),
    },
  }
}

/** The entry that is meant; undefined: a new one. ED-2, ED-3. */
function choose(
  opened: OpenCheckpoint, { kind }: Description, edit: Edit, held: readonly RawEntry[],
): RawEntry | undefined {
  const { operator, state, key, namespace, to } = edit
  const refuse = (problem: string, ...hints: readonly string[]): Error =>
    E181_NOT_EDITABLE({ operator, state, problem, hints })
  if (kind === 'window' && to.kind === 'delete') {
    const problem = 'when a window fires is kept elsewhere, so that none is removed'
    throw refuse(problem, 'set it to what it should have counted')
  }
  if (namespace === undefined && held.length > 1) {
    const flags = held.slice(0, 4).map(({ namespace: bytes }) =>
      `--window '${JSON.stringify(toTaggedJson(decodeValue(new ByteReader(bytes))))}'`)
    throw refuse(`the key ${formatKey(key)} has ${held.length} windows`, ...flags)
  }
  const writer = new ByteWriter()
  encodeValue(writer, namespace)
  const wanted = writer.peek()
  const found = namespace === undefined ? held[0] : held.find((raw) => compareBytes(raw.namespace, wanted) === 0)
  if (found !== undefined) return found
  if (to.kind === 'delete') {
    throw E146_NO_SUCH_KEY({ key: formatKey(key), state, operator, checkpoint: opened.manifest.checkpoint, near: [] })
  }
  if (kind === 'window' || namespace !== undefined) {
    const problem = `the key ${formatKey(key)} has no such window`
    const hints = ['see its windows: tidemark state get DIR OPERATOR STATE KEY', 'a window is made by records alone']
    throw refuse(problem, ...hints)
  }
  return undefined
}
