/**
 * A branch that keeps maps and lists which are much larger than what changes in them between two checkpoints, so that
 * their increments hold parts of them.
 *
 * Drawn by branches.ts.
 */
import { state, type StateDeclaration } from '../../api/state.ts'
import { files } from '../../connector/file-sink.ts'
import type { ListState, MapState } from '../../state/handles.ts'
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

/** A list of so many ids, or a multiple of it, is turned round. */
const ANEW = 50

const placeOf = ({ id }: Row): number => id % PLACES

export function partsBranch(name: string): Branch {
  const path = `/out/${name}`
  const operator = `${name}-counts`
  return {
    plan: { kind: 'parts' },
    directories: [path],
    build(rows, bite, version) {
      const [counts, ids] = [stateIn(version, 'counts'), stateIn(version, 'ids')] as [string, string]
      const options = {
        state: { [counts]: state.map<number, unknown>(evolved(version, 'counts')), [ids]: state.list<unknown>(evolved(version, 'ids')) },
      }
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
            const seen = states[ids] as ListState<unknown>
            seen.push(held.of(row.id))
            // From time to time it begins anew, with what it had.
            if (seen.length % ANEW === 0) seen.set(seen.get().toReversed())
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
      const seen = new Bag()
      for (const row of rows) seen.add(placeOf(row) % KEYS, undefined, row.id)
      const remembered = new Bag()
      for (const { key, value } of moment.entries(operator, 'ids')) {
        for (const id of value as readonly unknown[]) remembered.add(key, undefined, held.read(id))
      }
      return found.differs(wanted, `counts of ${operator}`) ?? remembered.differs(seen, `ids of ${operator}`)
    },
  }
}
