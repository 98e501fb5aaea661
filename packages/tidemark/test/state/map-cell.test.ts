/** The map of one key beside a plain Map, with whoever goes through both at the time. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Key } from '../../src/graph/key.ts'
import { EntryChanges, MapCell } from '../../src/state/map-cell.ts'
import { PartsTally } from '../../src/state/parts-log.ts'

type Walk = readonly [expected: Iterator<[Key, unknown]>, found: Iterator<[Key, unknown]>]

class Rig {
  readonly tally = new PartsTally()
  readonly model = new Map<Key, unknown>()
  readonly cell = new MapCell(this.tally)
  #held: { readonly map: ReadonlyMap<Key, unknown>; readonly as: readonly (readonly [Key, unknown])[] } | undefined
  #walks: Walk[] = []
  #epoch: { readonly before: Map<Key, unknown>; readonly changes: EntryChanges } | undefined
  /** Walks that came to their end after the map was held, and given free. */
  walkedAcross = 0
  #released = 0

  play(kind: string, key: number, n: number): void {
    const { model, cell } = this
    if (kind === 'set') {
      model.set(key, n)
      cell.set(key, n)
    } else if (kind === 'delete') expect(cell.delete(key)).toBe(model.delete(key))
    else if (kind === 'hold') this.#hold(n % 2 === 0 ? 0 : 5)
    else if (kind === 'release') this.#release()
    else if (kind === 'walk') this.#walks.push([model.entries(), cell.entries()[Symbol.iterator]()])
    else if (kind === 'next') this.#next(n)
    else this.#nextEpoch()
    expect(cell.get(key)).toBe(model.get(key))
    expect(cell.has(key)).toBe(model.has(key))
    expect([...cell.entries()]).toEqual([...model])
    expect([...cell.keys()]).toEqual([...model.keys()])
    expect([...cell.present()]).toEqual([...model])
    expect([cell.size, this.tally.parts]).toEqual([model.size, model.size])
    if (this.#held !== undefined) expect([...this.#held.map]).toEqual(this.#held.as)
  }

  end(): void {
    while (this.#walks.length > 0) this.#next(0)
    this.#nextEpoch()
  }

  /** Nobody goes through a map when it begins to be held (MapLog.settle). */
  #hold(copied: number): void {
    if (this.#held !== undefined) return
    this.#walks = []
    this.#held = { map: this.cell.hold(copied), as: [...this.model] }
  }

  #release(): void {
    if (this.#held !== undefined) this.#released += 1
    this.#held = undefined
    this.cell.release()
  }

  #next(n: number): void {
    const walk = this.#walks[n % this.#walks.length]
    if (walk === undefined) return
    const [expected, found] = walk.map((side) => side.next())
    expect([found?.done === true, found?.value]).toEqual([expected?.done === true, expected?.value])
    if (expected?.done !== true) return
    this.#walks = this.#walks.filter((each) => each !== walk)
    if (this.#released > 0) this.walkedAcross += 1
  }

  #nextEpoch(): void {
    const { before, changes } = this.#epoch ?? {}
    if (changes?.all === false) {
      for (const key of changes.gone) before?.delete(key)
      for (const key of changes.set) before?.set(key, this.model.get(key))
      expect([...before as Map<Key, unknown>]).toEqual([...this.model])
      expect(changes.size).toBeLessThanOrEqual(2 * this.model.size + 64)
    }
    this.#epoch = { before: new Map(this.model), changes: new EntryChanges() }
    this.cell.track(this.#epoch.changes)
  }
}

const event = fc.record({
  kind: fc.constantFrom('set', 'set', 'set', 'delete', 'delete', 'hold', 'release', 'walk', 'next', 'next', 'next', 'epoch'),
  key: fc.nat(9), n: fc.nat(9),
})

test('MK-1, MK-2, MK-3: held or not, a map is a Map, also for who goes through it; its changes make it of what it was', () => {
  let walkedAcross = 0
  fc.assert(fc.property(fc.array(event, { minLength: 20, maxLength: 100 }), (events) => {
    const rig = new Rig()
    for (let key = 0; key < 6; key++) rig.play('set', key, key)
    for (const { kind, key, n } of events) rig.play(kind, key, n)
    rig.end()
    walkedAcross += rig.walkedAcross
  }), { numRuns: 300 })
  expect(walkedAcross).toBeGreaterThan(20)
})

test('MK-3: what is remembered of a small map in which much comes and goes is given up', () => {
  const cell = new MapCell(new PartsTally())
  const changes = new EntryChanges()
  cell.track(changes)
  for (let n = 0; n < 1000; n++) {
    cell.set(n, n)
    if (n > 3) cell.delete(n - 3)
  }
  expect([changes.all, changes.size]).toEqual([true, 0])
})
