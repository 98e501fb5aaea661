/**
 * Every state that a power cut may leave of a simulated disk, one after the other.
 *
 * A power cut asks chance what survives. Here the answers are not drawn but counted through: a tape of
 * choices, turned like an odometer, until each combination was there once.
 *
 *   EN-1  Of each name every prefix of its unsynced changes survives, independently of other names.
 *   EN-2  Of the unsynced bytes of a file survive none, half or all, and of all of them any page may be zeros:
 *         either of the file that was written last, or of every file, and then also all but the last byte,
 *         and zeros in a part. Of other files survive none or all.
 *   EN-3  Two states that read the same are one: `image` is equal iff names, links and bytes are equal.
 */
import { crc32 } from '../../src/base/crc32.ts'
import { start } from '../../src/base/io.ts'
import type { Io } from '../../src/base/io.ts'
import type { Random, Storage } from '../../src/base/ports.ts'
import { SimulatedDirectory, type SimulatedFile } from '../../src/host/simulator/inodes.ts'
import { SimulatedDisk } from '../../src/host/simulator/storage.ts'

/** Fourteen operations that may or may not have reached the disk, or thirteen and a torn file. */
const MOST_STATES = 2 ** 14
/** A larger choice is about bytes, not about changes of a name. */
const MOST_CHANGES = 7

interface Choice {
  taken: number
  readonly of: number
}

/** Of which files the unsynced bytes are torn apart. */
export type Torn = 'every' | { readonly only: SimulatedFile | undefined }

class Tape implements Random {
  /** What may be left of the bytes that are asked about next. */
  torn: 'whole' | 'torn' | 'finely' = 'whole'
  #choices: Choice[] = []
  #at = 0
  #zeros = false

  below(bound: number): number {
    if (bound <= MOST_CHANGES) return this.#choose(bound)
    const all = bound - 1
    const kept = [0, all, Math.floor(bound / 2), all - 1]
    const chosen = kept[this.#choose({ whole: 2, torn: 3, finely: 4 }[this.torn])] as number
    this.#zeros = this.torn === 'finely' || (this.torn === 'torn' && chosen === all)
    return chosen
  }

  chance(): boolean {
    return this.#zeros && this.#choose(2) === 1
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

/** The copies of a power cut, of which each is looked up right before it is made: tells whose turn it is. */
class CopiesInTurn<K, V> extends Map<K, V> {
  readonly #turn: (original: unknown) => void

  constructor(turn: (original: unknown) => void) {
    super()
    this.#turn = turn
  }

  override get(original: K): V | undefined {
    this.#turn(original)
    return super.get(original)
  }
}

/** Undefined if there are more than can be gone through. */
export function legalStates(disk: SimulatedDisk, torn: Torn): SimulatedDirectory[] | undefined {
  const tape = new Tape()
  const states: SimulatedDirectory[] = []
  const turn = (inode: unknown): void => {
    tape.torn = torn === 'every' ? 'finely' : torn.only === inode ? 'torn' : 'whole'
  }
  do {
    if (states.length === MOST_STATES) return undefined
    states.push(disk.root.afterPowerCut(tape, 'some', new CopiesInTurn(turn)))
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
