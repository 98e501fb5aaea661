/**
 * From a pattern to an automaton without empty moves: one position for every record a match may take.
 *
 * A partial match rests at the position of its last record and looks at the edges that leave it. An edge
 * says what the next record of the match must be, and what may not come before it. Pure; called once by
 * every matching operator.
 *
 *   NC-1  Every sequence of records that the pattern means is one path; every path is one such sequence.
 *   NC-2  A step that may be left out is left out by an edge that goes past it, so contiguity is always that
 *         of the step which takes the record.
 *   NC-3  Positions and edges depend on the pattern alone and are numbered in its order: snapshots hold
 *         these numbers, and `shape` tells whether they still mean the same.
 *
 * Source: Glushkov 1961 (the automaton); Flink NFACompiler (the meaning), which has PROCEED edges instead.
 */
import { assert } from '../../base/assert.ts'
import { E130_IMPOSSIBLE_PATTERN } from '../../graph/errors.ts'
import {
  stepNames, type AbsenceSpec, type Contiguity, type GroupSpec, type PatternCondition, type PatternItem,
  type PatternSpec, type StepSpec,
} from '../../graph/pattern-spec.ts'

/** Holds if `where` (undefined: always) does and none of `not`. Numbers are places in `conditions`. */
export interface Test {
  readonly where: number | undefined
  readonly not: readonly number[]
}

/** Its test must not hold for the next record ('next'), or for any up to the one taken ('between'). */
export interface Guard {
  readonly test: Test
  readonly scope: 'next' | 'between'
  /** The guard no longer counts from the first record on for which one of these holds. */
  readonly lifted: readonly number[]
  /** It stands for greed: without meaning where nothing follows. */
  readonly greedy: boolean
  /** How long the absence must last, where it ends the pattern. */
  readonly withinMs?: number | undefined
}

export interface Edge {
  /** Undefined: the end of a pattern whose last item is an absence. */
  readonly to: Position | undefined
  readonly contiguity: Contiguity
  readonly guards: readonly Guard[]
  /** From the record before; Infinity: no limit. */
  readonly withinMs: number
  /** The edge that takes over when one of the guards is lifted. */
  readonly lifts: readonly { readonly conditions: readonly number[]; readonly edge: number }[]
  /** Nothing closes or lifts it: no guards, no limit from the record before. */
  readonly plain: boolean
  /** For the end: the next record decides, or only time does. */
  readonly settledBy: 'next' | 'time'
}

export interface Position {
  readonly index: number
  readonly name: string
  readonly test: Test
  /** A match is complete with its record. */
  accepts: boolean
  /** At most 30: a partial match keeps a bit for each. */
  readonly edges: Edge[]
  /** Bits of the edges that are open after its record. */
  open: number
  /** Bits of the edges that lead to the end. */
  ends: number
  /**
   * A condition: as long as it does not hold, a partial match that rests here stays as it is. NONE where
   * there is no such condition, since edges compete, are guarded or have a limit of their own.
   */
  awaits: number
}

export const NONE = -1

export interface Automaton {
  readonly positions: readonly Position[]
  readonly start: readonly Edge[]
  /** The condition that alone says whether a match begins; NONE: there is more to it. */
  readonly begins: number
  readonly conditions: readonly PatternCondition[]
  /** Names of steps in order, as matches list them. */
  readonly names: readonly string[]
  readonly withinMs: number
  readonly stepLimits: boolean
  readonly shape: string
}

interface Entry {
  readonly position: Position
  readonly contiguity: Contiguity
  readonly withinMs: number
  readonly guards: readonly Guard[]
  /** Entered at the first item of its group: takes the contiguity of the group. */
  readonly head: boolean
}

type Enters = Pick<Entry, 'contiguity' | 'withinMs'>

interface Exit {
  readonly position: Position
  readonly guards: readonly Guard[]
}

interface Fragment {
  readonly first: readonly Entry[]
  readonly last: readonly Exit[]
  /** Undefined: it takes at least one record. Otherwise what must not come where it takes none. */
  readonly empty: readonly Guard[] | undefined
}

const MOST_EDGES = 30
const END: Omit<Entry, 'position'> = { contiguity: 'any', withinMs: Infinity, guards: [], head: false }

export function compilePattern(spec: PatternSpec, operator: string): Automaton {
  return new Compiler(operator).compile(spec)
}

class Compiler {
  readonly #operator: string
  readonly #positions: Position[] = []
  readonly #conditions: PatternCondition[] = []

  constructor(operator: string) {
    this.#operator = operator
  }

  compile(spec: PatternSpec): Automaton {
    const { first, last } = this.#sequence(spec.items, undefined, [])
    const start: Edge[] = []
    for (const entry of first) start.push(edgeTo(entry, entry.guards))
    for (const { position, guards } of last) {
      // Nothing follows, so there is nothing that greed could come before.
      const absences = guards.filter((guard) => !guard.greedy)
      if (absences.length === 0) {
        position.accepts = true
        continue
      }
      this.#add(position, undefined, END, absences)
    }
    assert(first.length > 0, 'a checked pattern takes a record')
    const positions = this.#positions
    for (const position of positions) position.awaits = awaited(position)
    const shape = positions.map(({ name, accepts, edges }) =>
      `${name}${accepts ? '!' : ''}>${edges.map(({ to }) => to?.index ?? 'end').join()}`).join(' ')
    return {
      positions, start, conditions: this.#conditions, names: stepNames(spec.items),
      begins: start.length === 1 ? soleCondition(start[0]) : NONE,
      withinMs: spec.withinMs ?? Infinity,
      stepLimits: positions.some(({ edges }) => edges.some(({ withinMs }) => withinMs !== Infinity)),
      shape,
    }
  }

  /** `head`: what the first item takes from its group. `untils`: conditions that end the groups around. */
  #sequence(
    items: readonly PatternItem[], head: Enters | undefined, untils: readonly number[],
  ): Fragment {
    const first: Entry[] = []
    let last: readonly Exit[] = []
    let empty: readonly Guard[] | undefined = []
    items.forEach((item, i) => {
      const from = i === 0 ? head : undefined
      const fragment = item.kind === 'absence'
        ? { first: [], last: [], empty: [this.#absence(item)] }
        : this.#repeated(item, entering(item, from), untils, this.#absencesAfter(items, i))
      this.#connect(last, fragment.first, this.#between(untils))
      if (empty !== undefined) {
        const passed: readonly Guard[] = empty
        for (const entry of fragment.first) {
          first.push({ ...entry, head: entry.head && i === 0, guards: [...passed, ...entry.guards] })
        }
      }
      const skipped = fragment.empty
      last = skipped === undefined
        ? fragment.last
        : [...fragment.last, ...last.map((exit) => ({ ...exit, guards: [...exit.guards, ...skipped] }))]
      empty = empty === undefined || skipped === undefined ? undefined : [...empty, ...skipped]
    })
    return { first, last, empty }
  }

  /** Copies of a step or group, one after the other; the last repeats itself if there is no upper bound. */
  #repeated(
    item: StepSpec | GroupSpec, enters: Enters, untils: readonly number[],
    absences: readonly Guard[],
  ): Fragment {
    const { from, to, inner, greedy, until } = item.repeat
    const inside = until === undefined ? untils : [...untils, this.#condition(until)]
    // As in Flink, what must not follow a loop must not come between its repetitions either.
    const within = [...this.#between(inside), ...absences]
    const repeated = entering(item, { contiguity: inner, withinMs: Infinity })
    const copies: Fragment[] = []
    // The last copy repeats itself, unless it is also the first and came under a limit that ends with it.
    const apart = from === 1 && enters.withinMs !== repeated.withinMs
    const count = to !== Infinity ? to : apart ? 2 : from
    for (let i = 0; i < count; i++) {
      const copy = this.#once(item, i === 0 ? enters : repeated, inside)
      const before = copies.at(-1)
      if (before !== undefined) this.#connect(before.last, copy.first, within)
      copies.push(copy)
    }
    const end = copies[count - 1]
    assert(end !== undefined, 'a step is there at least once')
    if (to === Infinity) {
      const again = end.first.map((entry) => (entry.head ? { ...entry, contiguity: inner } : entry))
      this.#connect(end.last, again, within)
    }
    const more = greedy ? [this.#greed(item, inside)] : []
    const last = copies.slice(from - 1).flatMap((copy, i) => {
      const full = from + i === to
      return copy.last.map((exit) => (full ? exit : { ...exit, guards: [...exit.guards, ...more] }))
    })
    const first = copies[0]?.first ?? []
    return { first, last, empty: item.optional ? more : copies[0]?.empty }
  }

  #once(
    item: StepSpec | GroupSpec, enters: Enters, untils: readonly number[],
  ): Fragment {
    if (item.kind === 'group') return this.#sequence(item.items, enters, untils)
    const position: Position = {
      index: this.#positions.length, name: item.name, test: this.#test(item.where, untils),
      accepts: false, edges: [], open: 0, ends: 0, awaits: NONE,
    }
    this.#positions.push(position)
    const first: Entry[] = [{ position, ...enters, guards: [], head: true }]
    return { first, last: [{ position, guards: [] }], empty: undefined }
  }

  #connect(from: readonly Exit[], to: readonly Entry[], guards: readonly Guard[]): void {
    for (const exit of from) {
      for (const entry of to) {
        this.#add(exit.position, entry.position, entry, [...exit.guards, ...guards, ...entry.guards])
      }
    }
  }

  /** The edge, and one for every set of its guards that may be lifted. */
  #add(
    from: Position, to: Position | undefined, entry: Omit<Entry, 'position'>, guards: readonly Guard[],
  ): void {
    const index = this.#addLiftable(from, to, entry, guards)
    from.open |= 1 << index
  }

  #addLiftable(
    from: Position, to: Position | undefined, entry: Omit<Entry, 'position'>, guards: readonly Guard[],
  ): number {
    const lifts = guards.filter(({ lifted }) => lifted.length > 0).map((guard) => ({
      conditions: guard.lifted,
      edge: this.#addLiftable(from, to, entry, guards.filter((other) => other !== guard)),
    }))
    const index = from.edges.push({ ...edgeTo({ ...entry, position: to }, guards), lifts }) - 1
    if (index >= MOST_EDGES) {
      throw this.#refusal(`can go on in more than ${MOST_EDGES} ways after "${from.name}"`,
        'Each step that may be left out adds one.', 'make some of the steps after it required')
    }
    if (to === undefined) from.ends |= 1 << index
    return index
  }

  #refusal(what: string, why: string, fix: string): Error {
    const operator = this.#operator
    return E130_IMPOSSIBLE_PATTERN({ operator, what, why, fix }, { place: { operator } })
  }

  #absence({ where, scope, withinMs }: AbsenceSpec): Guard {
    return { test: this.#test(where, []), scope, lifted: [], greedy: false, withinMs }
  }

  #absencesAfter(items: readonly PatternItem[], index: number): Guard[] {
    const guards: Guard[] = []
    for (let i = index + 1; ; i++) {
      const item = items[i]
      if (item?.kind !== 'absence') return guards
      guards.push(this.#absence(item))
    }
  }

  #greed(item: StepSpec | GroupSpec, untils: readonly number[]): Guard {
    assert(item.kind === 'step', 'a checked pattern has no greedy group')
    const test = this.#test(item.where, untils)
    return { test, scope: 'between', lifted: test.not, greedy: true }
  }

  #between(conditions: readonly number[]): Guard[] {
    return conditions.map((where) =>
      ({ test: { where, not: [] }, scope: 'between', lifted: [], greedy: false }))
  }

  #test(where: PatternCondition | undefined, not: readonly number[]): Test {
    return { where: where === undefined ? undefined : this.#condition(where), not }
  }

  #condition(condition: PatternCondition): number {
    const known = this.#conditions.indexOf(condition)
    return known >= 0 ? known : this.#conditions.push(condition) - 1
  }
}

/** What alone says whether the edge takes a record; NONE: there is more to it. */
function soleCondition(edge: Edge | undefined): number {
  if (edge?.to === undefined || !edge.plain) return NONE
  const { where, not } = edge.to.test
  return not.length === 0 ? where ?? NONE : NONE
}

const awaited = ({ edges }: Position): number =>
  edges.length === 1 && edges[0]?.contiguity !== 'strict' ? soleCondition(edges[0]) : NONE

/** The first item of a group comes in the way of the group; durations of both hold. */
function entering(item: StepSpec | GroupSpec, head: Enters | undefined): Enters {
  const withinMs = item.withinMs ?? Infinity
  if (head === undefined) return { contiguity: item.contiguity, withinMs }
  return { contiguity: head.contiguity, withinMs: Math.min(head.withinMs, withinMs) }
}

function edgeTo(
  entry: Omit<Entry, 'position'> & { readonly position: Position | undefined }, guards: readonly Guard[],
): Edge {
  const { position: to, contiguity, withinMs } = entry
  const end = to === undefined
  const limits = end ? guards.map((guard) => guard.withinMs ?? Infinity) : []
  const limit = Math.min(withinMs, ...limits)
  return {
    to, contiguity, guards, lifts: [], withinMs: limit,
    plain: guards.length === 0 && limit === Infinity,
    settledBy: guards.some(({ scope }) => scope === 'between') ? 'time' : 'next',
  }
}
