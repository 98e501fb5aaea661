/** A paged store on the heap: for tests and the simulator, whose state is small. A view is a copy. */
import { assert } from '../../base/assert.ts'
import type { PagedBatch, PagedEntries, PagedStore, PagedTable, PagedView } from './paged-store.ts'

type Entry = readonly [key: Uint8Array, value: Uint8Array]

/** Bytes as text: its order is theirs. */
function textOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

export class MemoryPagedTable implements PagedTable {
  readonly #entries: Map<string, Entry>
  /** Its keys in order; undefined since one came or went. */
  #order: readonly string[] | undefined
  #views = 0
  /** Entries written, since the table was made. */
  writes = 0

  constructor(entries = new Map<string, Entry>()) {
    this.#entries = entries
  }

  get entries(): number {
    return this.#entries.size
  }

  /** Views that are open. */
  get views(): number {
    return this.#views
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(textOf(key))?.[1]
  }

  write(batch: PagedBatch): void {
    for (const [key, value] of batch) {
      this.writes += 1
      const name = textOf(key)
      const before = this.#entries.size
      if (value === undefined) this.#entries.delete(name)
      else this.#entries.set(name, [key.slice(), value.slice()])
      if (this.#entries.size !== before) this.#order = undefined
    }
  }

  * entriesAfter(key: Uint8Array | undefined): Generator<Entry, void, undefined> {
    let last = key === undefined ? undefined : textOf(key)
    for (;;) {
      // What is written between two steps may change the order, so each looks for its place anew.
      const order = (this.#order ??= [...this.#entries.keys()].sort())
      const name = order[last === undefined ? 0 : firstAfter(order, last)]
      if (name === undefined) return
      yield this.#entries.get(name) as Entry
      last = name
    }
  }

  view(): PagedView {
    const copy = new MemoryPagedTable(new Map(this.#entries))
    let open = true
    this.#views += 1
    const use = <T>(read: () => T): T => {
      assert(open, 'a view is used until it is closed')
      return read()
    }
    return {
      get: (key) => use(() => copy.get(key)),
      entries: (): PagedEntries => use(() => copy.entriesAfter(undefined)),
      close: () => use(() => {
        open = false
        this.#views -= 1
      }),
    }
  }

  clear(): void {
    this.#entries.clear()
    this.#order = undefined
  }
}

function firstAfter(order: readonly string[], name: string): number {
  let [low, high] = [0, order.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((order[middle] as string) <= name) low = middle + 1
    else high = middle
  }
  return low
}

export class MemoryPagedStore implements PagedStore {
  readonly cacheBytes: number
  readonly #tables = new Map<string, MemoryPagedTable>()

  constructor(cacheBytes: number) {
    this.cacheBytes = cacheBytes
  }

  table(name: string): MemoryPagedTable {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const made = new MemoryPagedTable()
    this.#tables.set(name, made)
    return made
  }

  dispose(): void {
    this.#tables.clear()
  }
}
