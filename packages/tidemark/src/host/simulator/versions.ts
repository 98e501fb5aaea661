/**
 * What distinguishes the three versions of a simulated job: names, and what its states hold.
 *
 * Used by the branches, which build each version, and by cut-check.ts, which reads what one of them has written.
 *
 *   from 1 to 2   states that the job declares are renamed and hold their numbers as records; a stateless
 *                 operator comes into each branch
 *   from 2 to 3   the field of these records is renamed; that operator is gone again; sources, stateful
 *                 operators and sinks have new names
 *
 *   VN-1  All versions put out the same lines: what a version changes is never seen from outside.
 *   VN-2  Version 1 is the job as it is without this file.
 */
import { evolve } from '../../api/evolve.ts'
import type { Renamed, Stream } from '../../api/streams.ts'

export type Version = 1 | 2 | 3

export const LAST_VERSION: Version = 3

const ENGINE = 'simulator'

/** As what a process of this version signs its manifests: they say in which version they are written. */
export const engineOf = (version: Version): string => (version === 1 ? ENGINE : `${ENGINE} ${version}`)

export const versionOf = (engine: string): Version => (engine === engineOf(3) ? 3 : engine === engineOf(2) ? 2 : 1)

const ENDING = '-now'

/** What `operator` of the first version is called in this one. */
export const operatorIn = (version: Version, operator: string): string => (version === 3 ? `${operator}${ENDING}` : operator)

/** What it is called in the first. */
export const operatorInFirst = (name: string): string => (name.endsWith(ENDING) ? name.slice(0, -ENDING.length) : name)

/** What state `name` of the first version is called in this one. */
export const stateIn = (version: Version, name: string): string => (version === 1 ? name : `${name}Then`)

/** Says what it was called. */
export function renamed<S extends Renamed>(operator: S, version: Version, before: string): S {
  return version === 3 ? operator.was(before) : operator
}

/** The operator that only version 2 has. */
export function passedOn<T>(stream: Stream<T, 'exactly-once'>, version: Version): Stream<T, 'exactly-once'> {
  return version === 2 ? stream.map((record) => record) : stream
}

/** By the name that the API gives to maps; the others are behind an operator, in its chain, so nothing is in flight to them. */
export const isPassingOn = (operator: string): boolean => /^map-\d+$/.test(operator)

/** How a state that holds numbers holds one. */
export interface Held {
  of(n: number): unknown
  /** The number in it. Fails on what another version would hold. */
  read(stored: unknown): number
}

const bare: Held = { of: (n) => n, read: (stored) => Number.isInteger(stored) ? stored as number : strange(stored) }

const inField = (field: string): Held => ({
  of: (n) => ({ [field]: n }),
  read(stored) {
    const n = (stored as Readonly<Record<string, unknown>> | null)?.[field]
    return Number.isInteger(n) ? n as number : strange(stored)
  },
})

function strange(stored: unknown): never {
  throw new Error(`a state of another version: ${JSON.stringify(stored)}`)
}

const HELD: Readonly<Record<Version, Held>> = { 1: bare, 2: inField('n'), 3: inField('count') }

export const heldIn = (version: Version): Held => HELD[version]

const STEP_2 = (stored: unknown): unknown => HELD[2].of(HELD[1].read(stored))

/** Options of a state `name` of such numbers. */
export function evolved(version: Version, name?: string) {
  if (version === 1) return {}
  const upgrade = version === 2 ? evolve({ 2: STEP_2 }) : evolve({ 2: STEP_2, 3: evolve.rename('n', 'count') })
  return { upgrade, ...(name === undefined ? {} : { was: name }) }
}
