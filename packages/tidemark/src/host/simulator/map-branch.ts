/**
 * A branch that counts in maps which are much larger than what changes in them between two checkpoints, so that their
 * increments hold parts of them.
 *
 * Drawn by branches.ts.
 */
import { state, type StateDeclaration } from '../../api/state.ts'
import { files } from '../../connector/file-sink.ts'
import type { MapState } from '../../state/handles.ts'
import { Bag, countKeys, write, type Branch } from './branch.ts'
import type { Row } from './inputs.ts'
import { evolved, heldIn, operatorIn, passedOn, renamed, stateIn } from './versions.ts'

type Declared = Readonly<Record<string, StateDeclaration<unknown>>>

const KEYS = 3
/** Of all maps together. */
const PLACES = 60
/** Every other count of a place is under it and this: each is put behind the others. */
const AWAY = 1000
/** What comes into a map first, and stays as it is: under -1 and below. */
const RESTING = 200

const placeOf = ({ id }: Row): number => id % PLACES

export function mapBranch(name: string): Branch {
  const path = `/out/${name}`
  const operator = `${name}-counts`
  return {
    plan: { kind: 'maps' },
    directories: [path],
    build(rows, bite, version) {
      const counts = stateIn(version, 'counts')
      const options = { state: { [counts]: state.map<number, unknown>(evolved(version, 'counts')) } }
      const held = heldIn(version)
      const done = passedOn(rows, version).keyBy((row) => placeOf(row) % KEYS)
        .process<object, Declared>(operatorIn(version, operator), options as unknown as { state: Declared }, {
          onRecord(row, { state: states }) {
            const kept = states[counts] as MapState<number, unknown>
            const place = placeOf(row)
            if (kept.size === 0) for (let i = 1; i <= RESTING; i++) kept.set(-i, held.of(0))
            const [from, to] = kept.has(place) ? [place, place + AWAY] : [place + AWAY, place]
            const before = kept.get(from)
            const nth = before === undefined ? 1 : held.read(before) + 1
            kept.delete(from)
            kept.set(to, held.of(nth))
            bite(row.id)
            return [{ b: name, place, nth }]
          },
        })
      write(renamed(done, version, operator), `${name}-out`, files({ path }), version)
    },
    lines: (rows) => [...countKeys(rows.map(placeOf))].flatMap(([place, n]) =>
      Array.from({ length: n }, (_, i) => ({ b: name, place, nth: i + 1 }))),
    checkState(rows, moment) {
      const held = heldIn(moment.version)
      const wanted = new Bag()
      for (const [place, n] of countKeys(rows.map(placeOf))) wanted.add(place % KEYS, undefined, [place, n])
      const found = new Bag()
      for (const { key, value } of moment.entries(operator, 'counts')) {
        const entries = Array.from(value as Iterable<[number, unknown]>, ([at, count]) => [at, held.read(count)] as const)
        const moved = entries.splice(0, RESTING).some(([at, n], i) => at !== -1 - i || n !== 0)
        if (moved) return `what rests in ${operator} has moved`
        for (const [at, n] of entries) found.add(key, undefined, [at % AWAY, n])
      }
      return found.differs(wanted, `counts of ${operator}`)
    },
  }
}
