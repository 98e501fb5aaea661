/**
 * What has changed from one checkpoint to another: structure, list state, entries.
 *
 * Called by `tidemark checkpoint diff`; the two may lie in different directories. diff-structure.ts compares
 * what the manifests say, diff-groups.ts the entries of one key group, diff-lists.ts the items of list state.
 *
 *   DF-1  A checkpoint does not differ from itself; the other way round, added and removed change places.
 *   DF-2  Key groups with equal digest, count and length are taken as equal and not decoded. The digest is a sum
 *         of 32-bit hashes: a change is overlooked once in four thousand million.
 *   DF-3  Counts are of everything; of entries the first `limit` of each state are shown, by key group and
 *         then by encoded key, so that it does not depend on how a backend orders them.
 *   DF-4  Memory: one part of each side. If the two have other key groups, one state of each side.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { didYouMean } from '../../base/did-you-mean.ts'
import type { Io } from '../../base/io.ts'
import { encodeValue } from '../../record/value-codec.ts'
import type { KeyedStateSnapshot, KeyGroupSnapshot } from '../../state/snapshot.ts'
import type { DecodedSegment } from '../../state/snapshot-format.ts'
import { diffGroup, StateDifference, type StateDiff } from './diff-groups.ts'
import { diffLists, type ListChanges } from './diff-lists.ts'
import { structureChanges, type StructureChange } from './diff-structure.ts'
import { E145_NO_SUCH_STATE } from './errors.ts'
import { operatorsIn, statesIn } from './open.ts'
import { partsOf, readPart, visitGroups, type OpenCheckpoint, type Part } from './operator-parts.ts'

export interface ListDiff extends ListChanges {
  /** How far a source has read; false: any other list state. */
  readonly position: boolean
}

export interface CheckpointDiff {
  readonly schema: 'tidemark.checkpoint.diff/1'
  readonly a: DiffSide
  readonly b: DiffSide
  readonly equal: boolean
  readonly structure: readonly StructureChange[]
  /** Only what differs. */
  readonly lists: readonly ListDiff[]
  /** Only what differs. */
  readonly states: readonly StateDiff[]
}

export interface DiffSide {
  readonly directory: string
  readonly checkpoint: number
  readonly job: string
  readonly completedAtMs: number
}

export interface DiffChoice {
  readonly operator?: string
  readonly state?: string
  readonly limit: number
}

type Two<T> = readonly [T, T]

/** Throws E145 for an operator or state that neither has. */
export function* diffCheckpoints(a: OpenCheckpoint, b: OpenCheckpoint, choice: DiffChoice): Io<CheckpointDiff> {
  const both: Two<OpenCheckpoint> = [a, b]
  const operators = chooseOperators(both, choice)
  const states: StateDiff[] = []
  const lists: ListDiff[] = []
  const sources = new Set([a, b].flatMap(({ manifest }) => manifest.vertices)
    .flatMap((vertex) => vertex.operators).filter(({ kind }) => kind === 'source').map(({ name }) => name))
  for (const operator of operators) {
    const found = yield* diffOperator(both, operator, choice)
    states.push(...found.states)
    lists.push(...found.lists.map((list) => ({ ...list, position: sources.has(operator) })))
  }
  const structure = structureChanges(a.manifest, b.manifest, choice)
  const equal = structure.length === 0 && lists.length === 0 && states.length === 0
  return { schema: 'tidemark.checkpoint.diff/1', a: sideOf(a), b: sideOf(b), equal, structure, lists, states }
}

const sideOf = ({ directory, manifest: { checkpoint, job, completedAtMs } }: OpenCheckpoint): DiffSide =>
  ({ directory, checkpoint, job, completedAtMs })

function chooseOperators([a, b]: Two<OpenCheckpoint>, { operator, state }: DiffChoice): readonly string[] {
  const present = [...new Set([...operatorsIn(a.manifest), ...operatorsIn(b.manifest)])]
  const where = `checkpoints #${a.manifest.checkpoint} and #${b.manifest.checkpoint}`
  if (operator !== undefined && !present.includes(operator)) {
    throw E145_NO_SUCH_STATE({ what: 'operator', name: operator, where, near: didYouMean(operator, present), present })
  }
  const chosen = operator === undefined ? present : [operator]
  if (state === undefined) return chosen
  const states = [a, b].flatMap(({ manifest }) => chosen.flatMap((each) => statesIn(manifest, each)))
  const names = [...new Set(states.map(({ name }) => name))]
  if (names.includes(state)) return chosen
  throw E145_NO_SUCH_STATE({ what: 'state', name: state, where, near: didYouMean(state, names), present: names })
}

interface OperatorDiff {
  readonly states: readonly StateDiff[]
  readonly lists: readonly ListChanges[]
}

function* diffOperator(both: Two<OpenCheckpoint>, operator: string, choice: DiffChoice): Io<OperatorDiff> {
  const sides = both.map((opened) => new Side(opened, operator)) as unknown as Two<Side>
  const found = new Map<string, StateDifference>()
  const difference = (state: Pick<KeyedStateSnapshot, 'name' | 'kind'>): StateDifference => {
    const known = found.get(state.name) ?? new StateDifference(operator, state, choice.limit)
    found.set(state.name, known)
    return known
  }
  const compare = (states: Two<ReadonlyMap<string, OwnGroup>>): void => {
    for (const name of new Set([...states[0].keys(), ...states[1].keys()])) {
      if (choice.state !== undefined && name !== choice.state) continue
      const [before, after] = [states[0].get(name), states[1].get(name)]
      diffGroup(difference((after ?? before as OwnGroup).state), before, after)
    }
  }
  const [{ manifest }, { manifest: other }] = both
  const sameGroups = manifest.maxParallelism === other.maxParallelism
  for (let group = 0; sameGroups && group < manifest.maxParallelism; group++) {
    compare([yield* sides[0].at(group), yield* sides[1].at(group)])
  }
  if (!sameGroups) compare([yield* wholeStates(both[0], operator), yield* wholeStates(both[1], operator)])
  yield* sides[0].rest()
  yield* sides[1].rest()
  return {
    states: [...found.values()].map((one) => one.result()).filter((one) => one !== undefined),
    lists: diffLists(operator, [sides[0].lists, sides[1].lists], choice),
  }
}

/** One key group of one state; of a state as a whole the group is -1. */
export interface OwnGroup {
  readonly state: KeyedStateSnapshot
  readonly group: KeyGroupSnapshot
}

const NOTHING: ReadonlyMap<string, OwnGroup> = new Map()

/** Goes once through the parts of an operator, by key group; collects list state on its way. */
class Side {
  readonly #opened: OpenCheckpoint
  readonly #left: Part[]
  readonly #lists = new Map<string, Uint8Array[]>()
  #part: { readonly end: number; readonly groups: ReadonlyMap<number, ReadonlyMap<string, OwnGroup>> } | undefined

  constructor(opened: OpenCheckpoint, operator: string) {
    this.#opened = opened
    this.#left = [...partsOf(opened.manifest, operator)]
  }

  /** Called with ascending numbers. */
  *at(group: number): Io<ReadonlyMap<string, OwnGroup>> {
    while (this.#part === undefined || this.#part.end < group) {
      const next = this.#left[0]
      if (next === undefined) return NOTHING
      this.#left.shift()
      this.#part = undefined
      this.#part = { end: next.keyGroups?.end ?? -1, groups: byGroup(yield* this.#read(next)) }
    }
    return this.#part.groups.get(group) ?? NOTHING
  }

  /** Reads what no key group led to. */
  *rest(): Io<void> {
    this.#part = undefined
    for (const part of this.#left.splice(0)) yield* this.#read(part)
  }

  /** Names of list states with their items, encoded. */
  get lists(): ReadonlyMap<string, readonly Uint8Array[]> {
    return this.#lists
  }

  *#read(part: Part): Io<DecodedSegment> {
    const decoded = yield* readPart(this.#opened, part)
    for (const { name, items } of decoded.snapshot.lists) {
      const all = this.#lists.get(name) ?? []
      this.#lists.set(name, all)
      for (const item of items) {
        const writer = new ByteWriter()
        encodeValue(writer, item)
        all.push(writer.toBytes())
      }
    }
    return decoded
  }
}

/** Number of a key group → state → its group. */
function byGroup({ snapshot }: DecodedSegment): ReadonlyMap<number, ReadonlyMap<string, OwnGroup>> {
  const groups = new Map<number, Map<string, OwnGroup>>()
  for (const state of snapshot.keyed) {
    for (const group of state.groups) {
      const own = groups.get(group.group) ?? new Map<string, OwnGroup>()
      groups.set(group.group, own.set(state.name, { state, group }))
    }
  }
  return groups
}

function* wholeStates(opened: OpenCheckpoint, operator: string): Io<ReadonlyMap<string, OwnGroup>> {
  const states = new Map<string, { state: KeyedStateSnapshot; groups: KeyGroupSnapshot[] }>()
  yield* visitGroups(opened, operator, {}, (state, group) => {
    const known = states.get(state.name) ?? { state, groups: [] }
    states.set(state.name, known)
    known.groups.push(group)
    return true
  })
  const whole = new Map<string, OwnGroup>()
  for (const [name, { state, groups }] of states) {
    const writer = new ByteWriter()
    for (const { bytes } of groups) writer.raw(bytes)
    // A digest is a sum of entry hashes, so that sums over groups compare as well.
    const digest = groups.reduce((all, group) => (all + group.digest) >>> 0, 0)
    const entries = groups.reduce((all, group) => all + group.entries, 0)
    whole.set(name, { state, group: { group: -1, entries, digest, bytes: writer.toBytes() } })
  }
  return whole
}
