/**
 * Files and directories of the simulated disk: what is there, and what of it would survive.
 *
 * Owned by storage.ts (SD-1, SD-3, SD-4 are kept here). Files grow at the end only, as the Storage
 * port has no other way to write.
 */
import type { Random } from '../../base/ports.ts'

/** Of what was not synced: nothing, everything, or what chance leaves. */
export type Survival = 'none' | 'all' | 'some'

const PAGE = 512

const NOTHING = new Uint8Array(0)

export class SimulatedFile {
  /** Never written to once somebody may have read it; longer than the file while it grows. */
  #bytes: Uint8Array = NOTHING
  #length = 0
  #synced = 0
  /** Ranges that a failed sync has lost. */
  readonly #lost: (readonly [number, number])[] = []

  get length(): number {
    return this.#length
  }

  /** All of it was synced, and no sync failed. */
  get durable(): boolean {
    return this.#synced === this.#length && this.#lost.length === 0
  }

  /** Takes the bytes over. Most files are written in one piece. */
  append(more: Uint8Array): void {
    const need = this.#length + more.length
    if (this.#length === 0) {
      // A plain view: slices of a Buffer would be no copies.
      this.#bytes = new Uint8Array(more.buffer, more.byteOffset, more.byteLength)
    } else {
      if (need > this.#bytes.length) {
        const grown = new Uint8Array(need * 2)
        grown.set(this.#bytes.subarray(0, this.#length))
        this.#bytes = grown
      }
      this.#bytes.set(more, this.#length)
    }
    this.#length = need
  }

  /** Not to be written to. */
  read(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.#length)
    if (offset === 0 && end === this.#bytes.length) return this.#bytes
    return this.#bytes.subarray(Math.min(offset, end), end)
  }

  sync(): void {
    this.#synced = this.#length
  }

  failSync(): void {
    if (this.#synced < this.#length) this.#lost.push([this.#synced, this.#length])
    this.#synced = this.#length
  }

  flip(bit: number): void {
    const at = Math.floor(bit / 8)
    if (at >= this.#length) return
    this.#bytes = this.#bytes.slice(0, this.#length)
    this.#bytes[at] = (this.#bytes[at] as number) ^ (1 << (bit % 8))
  }

  afterPowerCut(random: Random, survival: Survival): SimulatedFile {
    const pending = this.#length - this.#synced
    const kept = survival === 'none' ? 0 : survival === 'all' ? pending : random.below(pending + 1)
    const after = new SimulatedFile()
    after.append(this.#bytes.slice(0, this.#synced + kept))
    for (const [from, to] of this.#lost) after.#bytes.fill(0, from, to)
    if (survival === 'some') {
      // The length can reach the disk before the pages do.
      for (let at = this.#synced; at < after.#length; at += PAGE) {
        if (random.chance(1, 4)) after.#bytes.fill(0, at, Math.min(at + PAGE, after.#length))
      }
    }
    after.#synced = after.#length
    return after
  }
}

type Inode = SimulatedFile | SimulatedDirectory
type Change = { readonly name: string; readonly inode: Inode | undefined }

export class SimulatedDirectory {
  readonly entries = new Map<string, Inode>()
  /** Of `entries`, sorted; made when asked for. */
  #names: readonly string[] | undefined
  readonly #durable = new Map<string, Inode>()
  #pending: Change[] = []

  add(name: string, inode: Inode): void {
    this.entries.set(name, inode)
    this.#names = undefined
    this.#pending.push({ name, inode })
  }

  remove(name: string): void {
    this.entries.delete(name)
    this.#names = undefined
    this.#pending.push({ name, inode: undefined })
  }

  get names(): readonly string[] {
    this.#names ??= [...this.entries.keys()].sort()
    return this.#names
  }

  /** True if the entry, as it is now, survives a power cut. */
  keeps(name: string): boolean {
    return this.entries.has(name) && this.#durable.get(name) === this.entries.get(name)
  }

  sync(): void {
    if (this.#pending.length === 0) return
    for (const { name, inode } of this.#pending) {
      if (inode === undefined) this.#durable.delete(name)
      else this.#durable.set(name, inode)
    }
    this.#pending = []
  }

  /** `copies` keeps two names of one file two names of one file. */
  afterPowerCut(random: Random, survival: Survival, copies: Map<Inode, Inode>): SimulatedDirectory {
    const left = new Map(this.#durable)
    const byName = new Map<string, Change[]>()
    for (const change of this.#pending) {
      const changes = byName.get(change.name)
      if (changes === undefined) byName.set(change.name, [change])
      else changes.push(change)
    }
    for (const [name, changes] of byName) {
      const kept = survival === 'none' ? 0 : survival === 'all' ? changes.length : random.below(changes.length + 1)
      for (const { inode } of changes.slice(0, kept)) {
        if (inode === undefined) left.delete(name)
        else left.set(name, inode)
      }
    }
    const after = new SimulatedDirectory()
    for (const [name, inode] of left) {
      let copy = copies.get(inode)
      if (copy === undefined) {
        copy = inode instanceof SimulatedFile
          ? inode.afterPowerCut(random, survival)
          : inode.afterPowerCut(random, survival, copies)
        copies.set(inode, copy)
      }
      after.entries.set(name, copy)
      after.#durable.set(name, copy)
    }
    return after
  }
}
