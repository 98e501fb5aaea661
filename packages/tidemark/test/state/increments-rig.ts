/** What is cut in increments, as a subtask cuts and writes it; every acknowledgement is read back. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { checkpointId, type CheckpointId } from '../../src/base/ids.ts'
import { start, wait, type Done, type Fiber } from '../../src/base/io.ts'
import type { StateSegment } from '../../src/base/protocol.ts'
import { mergeChains } from '../../src/state/segment-chain.ts'
import { decodeSegment, readEntries, type DecodedSegment } from '../../src/state/snapshot-format.ts'
import { isBag, type KeyedEntry, type KeyedStateSnapshot, type OperatorSnapshot } from '../../src/state/snapshot.ts'
import { SegmentChains } from '../../src/task/segment-chains.ts'
import { writeSnapshot } from '../../src/task/write-snapshot.ts'

/** Of an operator. */
export interface Subject {
  cut(checkpoint: CheckpointId): OperatorSnapshot
  confirm(checkpoint: CheckpointId): void
  abort(checkpoint: CheckpointId): void
  /** All entries there are now, by `nameOfStored`. */
  entries(): Readonly<Record<string, unknown>>
  /** What is to be compared with `entries` of that time; absent: what was found. */
  read?(found: Readonly<Record<string, unknown>>, expected: Readonly<Record<string, unknown>>): unknown
}

export const nameOf = (state: string, key: unknown, namespace?: unknown): string =>
  `${state} ${String(key)}${namespace === undefined ? '' : ` ${JSON.stringify(namespace)}`}`

/** The same of a stored entry; in a bag it is known by its value, too. */
export const nameOfStored = (
  { name, kind }: Pick<KeyedStateSnapshot, 'name' | 'kind'>, { key, namespace, value }: KeyedEntry,
): string => nameOf(name, key, isBag(kind) ? [namespace ?? null, value] : namespace)

/** Of a Map the order counts, too. */
export const inOrder = (value: unknown): unknown => (value instanceof Map ? [...value] : value)

const keyGroups = { start: 0, end: 3 }
/** The maximum parallelism that subjects have to have. */
export const KEY_GROUPS = 4

/** What `play` takes. */
export const rigEvent = fc.record({
  kind: fc.constantFrom('cut', 'step', 'step', 'finish', 'complete', 'complete', 'abort'), n: fc.nat(3),
})

interface Place { readonly file: string; readonly offset: number; readonly length: number; readonly crc32: number }

export class IncrementsRig {
  readonly #subject: Subject
  readonly #files = new Map<string, Uint8Array>()
  readonly #chains = new SegmentChains()
  readonly #acknowledged = new Map<number, readonly StateSegment[]>()
  readonly #options: { readonly sliceEntries: number; readonly segmentBytes: number }
  #last = 0
  #newestComplete = 0
  #writing: { readonly id: CheckpointId; readonly fiber: Fiber } | undefined
  #slice: Done<void> | undefined
  increments = 0
  checked = 0

  constructor(subject: Subject, options: { readonly sliceEntries: number; readonly segmentBytes: number }) {
    this.#subject = subject
    this.#options = options
  }

  /** What random events call, but `step`s of the subject. */
  play(kind: string, n: number): void {
    if (kind === 'cut') this.cut()
    else if (kind === 'step') this.step()
    else if (kind === 'finish') this.finishWriting()
    else if (kind === 'complete') this.complete(n)
    else this.abort()
  }

  /** A first checkpoint, which completes; the events, of which `apply` gives back what is for `play`; a last checkpoint. */
  playThrough<E>(events: readonly E[], apply: (event: E) => { readonly kind: string; readonly n: number } | undefined): void {
    this.cut()
    this.finishWriting()
    this.complete(0)
    for (const each of events) {
      const ofRig = apply(each)
      if (ofRig !== undefined) this.play(ofRig.kind, ofRig.n)
    }
    this.cut()
    this.finishWriting()
    expect(this.checked).toBeGreaterThan(0)
  }

  cut(): void {
    this.#writing?.fiber.cancel()
    this.#slice = undefined
    this.#last += 1
    const id = checkpointId(this.#last)
    const entries = Object.entries(this.#subject.entries())
    const expected = Object.fromEntries(entries.map(([name, value]) => [name, inOrder(value)]))
    const cut = this.#subject.cut(id)
    if (cut.slices?.onto !== undefined) this.increments += 1
    const snapshot = { ...cut, lists: [{ name: 'n', redistribute: 'split' as const, items: [this.#last] }] }
    const place = {
      subtask: 0, keyGroups, probe: () => {}, options: this.#options,
      segments: {
        append: (checkpoint: CheckpointId, bytes: Uint8Array) => wait<Place>((done) => {
          const file = `f${this.#files.size}`
          this.#files.set(`${checkpoint}/${file}`, bytes)
          done({ ok: true, value: { file, offset: 0, length: bytes.length, crc32: 0 } })
        }),
      },
    }
    const pause = () => wait<void>((done) => {
      this.#slice = done
    })
    const { known } = this.#chains
    const fiber = start(writeSnapshot(place, id, [{ operator: 'op', snapshot }], pause), (outcome) => {
      if (!outcome.ok) throw outcome.error
      const segments = this.#chains.add(id, outcome.value, known)
      this.#acknowledged.set(id, segments)
      this.#check(id, segments, expected)
    })
    this.#writing = { id, fiber }
  }

  step(): void {
    const slice = this.#slice
    this.#slice = undefined
    slice?.({ ok: true, value: undefined })
  }

  finishWriting(): void {
    while (this.#slice !== undefined) this.step()
  }

  /** One of those that were acknowledged, perhaps with others cut since. */
  complete(n: number): void {
    const open = [...this.#acknowledged.keys()].filter((id) => id > this.#newestComplete)
    const id = open[n % open.length]
    if (id === undefined) return
    this.#newestComplete = id
    this.#chains.complete(checkpointId(id))
    this.#subject.confirm(checkpointId(id))
  }

  abort(): void {
    const id = this.#last
    if (id === 0 || id <= this.#newestComplete) return
    if (this.#writing?.id === id) this.#writing.fiber.cancel()
    this.#slice = undefined
    this.#acknowledged.delete(id)
    this.#chains.abort(checkpointId(id))
    this.#subject.abort(checkpointId(id))
  }

  segmentsOfLast(): readonly StateSegment[] {
    return this.#acknowledged.get(this.#last) ?? []
  }

  #check(id: number, segments: readonly StateSegment[], expected: Readonly<Record<string, unknown>>): void {
    // Garbage collection keeps what the newest complete checkpoint consists of, and nothing else.
    const safe = (this.#acknowledged.get(this.#newestComplete) ?? [])
      .map(({ checkpoint, file }) => `${checkpoint ?? this.#newestComplete}/${file}`)
    for (const { checkpoint, file } of segments) if (checkpoint !== undefined) expect(safe).toContain(`${checkpoint}/${file}`)
    const [merged, ...others] = mergeChains(segments.map((segment) =>
      decodeSegment(this.#files.get(`${segment.checkpoint ?? id}/${segment.file}`) as Uint8Array)))
    expect(others).toEqual([])
    const { snapshot: { keyed, lists } } = merged as DecodedSegment
    const found: Record<string, unknown> = {}
    for (const state of keyed) {
      for (const entry of state.groups.flatMap((group) => [...readEntries(group)])) {
        found[nameOfStored(state, entry)] = inOrder(entry.value)
      }
    }
    expect(this.#subject.read?.(found, expected) ?? found).toEqual(expected)
    expect(lists).toEqual([{ name: 'n', redistribute: 'split', items: [id] }])
    this.checked += 1
  }
}
