/** The maps of one state on the heap, written entry by entry: see parts-table.ts. Owned by map-state.ts. */
import type { Key } from '../graph/key.ts'
import { encodeMapEntry, encodeMapHead, encodeValue } from '../record/value-codec.ts'
import { EntryChanges, type MapAtCut } from './map-cell.ts'
import type { PartsSlot } from './parts-log.ts'
import { HeapParts, type Building, type HeapPartsInit, type PartForm, type Work } from './parts-table.ts'

const ONCE = [undefined]

export class HeapMaps<S extends PartsSlot<MapAtCut, EntryChanges>> extends HeapParts<MapAtCut, EntryChanges, S> {
  constructor(init: HeapPartsInit<S>) {
    super(init, () => new EntryChanges())
  }

  protected override whole(builder: Building, key: Key, _slot: S, map: MapAtCut, alive: PartForm['aliveAtCut']): Work {
    const writer = this.emptyWriter()
    let entries = 0
    const encode = ([of, value]: readonly [Key, unknown]): void => {
      if (alive !== undefined && !alive(value)) return
      encodeMapEntry(writer, of, this.part.stored(value))
      entries += 1
    }
    return {
      runs: [[map, encode]],
      done: () => {
        if (entries > 0) builder().putParts('map', key, entries, writer.peek())
        return entries
      },
    }
  }

  protected override patch(
    builder: Building, key: Key, _slot: S, map: MapAtCut, { all, set, gone, size }: EntryChanges,
  ): Work | undefined {
    if (all || size * 2 >= map.size) return undefined
    const writer = this.emptyWriter()
    writer.varint(gone.size)
    return {
      runs: [
        [gone, (of: Key) => encodeValue(writer, of)],
        [ONCE, () => encodeMapHead(writer, set.size)],
        [set, (of: Key) => encodeMapEntry(writer, of, this.part.stored(map.get(of)))],
      ],
      done: () => {
        builder().patch(key, undefined, writer.peek())
        return size
      },
    }
  }

  protected override nothing(): EntryChanges {
    return new EntryChanges()
  }

  /** MK-3. */
  protected override * join(one: EntryChanges, next: EntryChanges): Generator<void, void, undefined> {
    if (next.all) one.giveUp()
    if (one.all) return
    yield* this.inSteps(next.gone, (key) => one.remove(key))
    yield* this.inSteps(next.set, (key) => one.set.add(key))
  }
}
