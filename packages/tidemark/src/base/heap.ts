/**
 * Binary min-heap. `before(a, b)` is a strict order; equal elements come out in no promised order,
 * so callers that need one put a sequence number into it.
 */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let hole = items.length
    items.push(item)
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if (!this.#before(item, items[parent] as T)) break
      items[hole] = items[parent] as T
      hole = parent
    }
    items[hole] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (items.length > 0 && last !== undefined) this.#sink(last)
    return top
  }

  clear(): void {
    this.#items.length = 0
  }

  /** In heap order, not sorted. */
  values(): IterableIterator<T> {
    return this.#items.values()
  }

  #sink(item: T): void {
    const items = this.#items
    const size = items.length
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= size) break
      if (child + 1 < size && this.#before(items[child + 1] as T, items[child] as T)) child += 1
      if (!this.#before(items[child] as T, item)) break
      items[hole] = items[child] as T
      hole = child
    }
    items[hole] = item
  }
}
