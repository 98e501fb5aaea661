/** The maps of one state on the heap, written entry by entry: see parts-table.ts. Owned by map-state.ts. */
import type { Key } from '../graph/key.ts'
import { encodeMapEntry, encodeMapHead, encodeValue } from '../record/value-codec.ts'
import type { KeyedSnapshotBuilder } from './keyed-snapshot.ts'
import { EntryChanges, type MapAtCut } from './map-cell.ts'
import type { PartsSlot } from './parts-log.ts'
import { HeapParts, type HeapPartsInit, type PartForm, type Steps } from './parts-table.ts'

export class HeapMaps<S extends PartsSlot<MapAtCut, EntryChanges>> extends HeapParts<MapAtCut, EntryChanges, S> {
  constructor(init: HeapPartsInit<S>) {
    super(init, () => new EntryChanges())
  }

  protected override * whole(
    builder: () => KeyedSnapshotBuilder, key: Key, _slot: S, map: MapAtCut, alive: PartForm['aliveAtCut'],
  ): Steps<number> {
    const writer = this.emptyWriter()
    let entries = 0
    yield* this.inSteps(map, this.placing(key, ([of, value]) => {
      if (alive !== undefined && !alive(value)) return
      encodeMapEntry(writer, of, this.part.stored(value))
      entries += 1
    }))
    if (entries > 0) builder().putParts('map', key, entries, writer.peek())
    return entries
  }

  protected override * patch(
    builder: () => KeyedSnapshotBuilder, key: Key, _slot: S, map: MapAtCut, { all, set, gone, size }: EntryChanges,
  ): Steps<boolean> {
    if (all || size * 2 >= map.size) return false
    const writer = this.emptyWriter()
    writer.varint(gone.size)
    yield* this.inSteps(gone, (of) => encodeValue(writer, of))
    encodeMapHead(writer, set.size)
    yield* this.inSteps(set, this.placing(key, (of) => encodeMapEntry(writer, of, this.part.stored(map.get(of)))))
    builder().patch(key, undefined, writer.peek())
    return true
  }

  protected override nothing(): EntryChanges {
    return new EntryChanges()
  }

  /** MK-3. */
  protected override * join(one: EntryChanges, next: EntryChanges): Steps {
    if (next.all) one.giveUp()
    if (one.all) return
    yield* this.inSteps(next.gone, (key) => one.remove(key))
    yield* this.inSteps(next.set, (key) => one.set.add(key))
  }
}
