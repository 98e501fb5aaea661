/**
 * Every state that a power cut may leave of a simulated disk, one after the other.
 *
 * A power cut asks chance what survives. Here the answers are not drawn but counted through: a tape of
 * choices, turned like an odometer, until each combination was there once.
 *
 *   EN-1  Of each name every prefix of its unsynced changes survives, independently of other names.
 *   EN-2  Of unsynced bytes survive none, all, or a part; in the fine grain each page may also be zeros.
 *   EN-3  Two states that read the same are one: `image` is equal iff names, links and bytes are equal.
 */
import { crc32 } from '../../src/base/crc32.ts'
import { start } from '../../src/base/io.ts'
import type { Io } from '../../src/base/io.ts'
import type { Random, Storage } from '../../src/base/ports.ts'
import { SimulatedDirectory, type SimulatedFile } from '../../src/host/simulator/inodes.ts'
import { SimulatedDisk } from '../../src/host/simulator/storage.ts'

/** Twelve operations that may or may not have reached the disk. */
const MOST_STATES = 2 ** 12
/** A larger choice is about bytes, not about changes of a name. */
const MOST_CHANGES = 7

interface Choice {
  taken: number
  readonly of: number
}

class Tape implements Random {
  readonly #fine: boolean
  #choices: Choice[] = []
  #at = 0

  constructor(fine: boolean) {
    this.#fine = fine
  }

  below(bound: number): number {
    if (bound <= MOST_CHANGES) return this.#choose(bound)
    const kept = this.#choose(this.#fine ? 3 : 2)
    return kept === 2 ? Math.floor(bound / 2) : kept * (bound - 1)
  }

  chance(): boolean {
    return this.#fine && this.#choose(2) === 1
  }

  uint32(): number {
    return 0
  }

  /** False when every combination was there. */
  next(): boolean {
    this.#at = 0
    for (;;) {
      const last = this.#choices.at(-1)
      if (last === undefined) return false
      last.taken += 1
      if (last.taken < last.of) return true
      this.#choices.pop()
    }
  }

  #choose(of: number): number {
    const known = this.#choices[this.#at]
    this.#at += 1
    if (known !== undefined) return known.taken
    this.#choices.push({ taken: 0, of })
    return 0
  }
}

export interface States {
  readonly states: readonly SimulatedDirectory[]
  /** 'fine': with torn bytes; 'coarse': all subsets of whole operations; 'part': too many for all of them. */
  readonly grain: 'fine' | 'coarse' | 'part'
}

export function legalStates(disk: SimulatedDisk, torn: boolean): States {
  const fine = torn ? statesBy(disk, true) : undefined
  if (fine !== undefined) return { states: fine, grain: 'fine' }
  const coarse = statesBy(disk, false)
  return coarse === undefined ? { states: [], grain: 'part' } : { states: coarse, grain: 'coarse' }
}

function statesBy(disk: SimulatedDisk, fine: boolean): SimulatedDirectory[] | undefined {
  const tape = new Tape(fine)
  const states: SimulatedDirectory[] = []
  do {
    if (states.length === MOST_STATES) return undefined
    states.push(disk.root.afterPowerCut(tape, 'some', new Map()))
  } while (tape.next())
  return states
}

/** EN-3. */
export function imageOf(root: SimulatedDirectory): string {
  const inodes = new Map<SimulatedFile, number>()
  let image = ''
  const walk = (directory: SimulatedDirectory): void => {
    for (const name of [...directory.entries.keys()].toSorted()) {
      const inode = directory.entries.get(name)
      if (inode instanceof SimulatedDirectory) {
        image += `${name}{`
        walk(inode)
        image += '}'
      } else if (inode !== undefined) {
        const known = inodes.get(inode)
        if (known === undefined) inodes.set(inode, inodes.size)
        image += known === undefined
          ? `${name}=${inode.length}:${crc32(inode.read(0, inode.length))};`
          : `${name}->${known};`
      }
    }
  }
  walk(root)
  return image
}

/** A disk that holds that state, all of it durable. */
export function diskOf(root: SimulatedDirectory): SimulatedDisk {
  const disk = new SimulatedDisk()
  const storage = disk.mount()
  start(write(storage, '', root, new Map()), (outcome) => {
    if (!outcome.ok) throw outcome.error as Error
  })
  disk.killAll()
  return disk
}

function* write(
  storage: Storage, path: string, directory: SimulatedDirectory, written: Map<SimulatedFile, string>,
): Io<void> {
  for (const [name, inode] of directory.entries) {
    const at = `${path}/${name}`
    if (inode instanceof SimulatedDirectory) {
      yield* storage.makeDirectory(at)
      yield* write(storage, at, inode, written)
      continue
    }
    const known = written.get(inode)
    if (known !== undefined) {
      yield* storage.link(known, at)
      continue
    }
    const file = yield* storage.create(at)
    yield* storage.append(file, inode.read(0, inode.length))
    yield* storage.sync(file)
    yield* storage.close(file)
    written.set(inode, at)
  }
  yield* storage.syncDirectory(path === '' ? '/' : path)
}
