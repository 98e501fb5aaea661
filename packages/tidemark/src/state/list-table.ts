/** The lists of one state on the heap, written item by item: see parts-table.ts. Owned by list-state.ts. */
import type { Key } from '../graph/key.ts'
import { encodeArrayHead, encodeItem } from '../record/value-codec.ts'
import type { ListAtCut, ListCell, ListChanges } from './list-cell.ts'
import type { PartsSlot } from './parts-log.ts'
import { HeapParts, type Building, type HeapPartsInit, type PartForm, type Work } from './parts-table.ts'

interface ListSlot extends PartsSlot<ListAtCut, ListChanges> {
  readonly cell: ListCell
}

export class HeapLists<S extends ListSlot> extends HeapParts<ListAtCut, ListChanges, S> {
  constructor(init: HeapPartsInit<S>) {
    super(init, ({ size }) => ({ kept: size }))
  }

  protected override whole(builder: Building, key: Key, { cell }: S, list: ListAtCut, alive: PartForm['aliveAtCut']): Work {
    const writer = this.emptyWriter()
    let items = 0
    const encode = (item: unknown): void => {
      if (alive !== undefined && !alive(item)) return
      encodeItem(writer, this.part.stored(item))
      items += 1
    }
    return {
      runs: [[itemsOf(list, 0), encode]],
      done: () => {
        if (items < list.size) cell.trim()
        if (items > 0) builder().putParts('array', key, items, writer.peek())
        return items
      },
    }
  }

  protected override patch(builder: Building, key: Key, { cell }: S, list: ListAtCut, { kept }: ListChanges): Work | undefined {
    const added = list.size - kept
    if (cell.trimmed || added * 2 >= list.size) return undefined
    const writer = this.emptyWriter()
    writer.varint(kept)
    encodeArrayHead(writer, added)
    return {
      runs: [[itemsOf(list, kept), (item: unknown) => encodeItem(writer, this.part.stored(item))]],
      done: () => {
        builder().patch(key, undefined, writer.peek())
        return added
      },
    }
  }

  protected override nothing(): ListChanges {
    return { kept: Infinity }
  }

  /** LX-2. */
  protected override join(one: ListChanges, next: ListChanges): Iterable<void> {
    one.kept = Math.min(one.kept, next.kept)
    return []
  }
}

/** While it is gone through, items may be added, which are none of it. */
function* itemsOf({ items, size }: ListAtCut, from: number): Generator<unknown, void, undefined> {
  for (let i = from; i < size; i++) yield items[i]
}
