/** One flipped bit at a time, in a file of a state directory; put right again when the process that met it is over. */
import type { Prng } from '../../base/prng.ts'
import { SimulatedDirectory, type SimulatedFile } from './inodes.ts'
import { filesBelow, type SimulatedDisk } from './storage.ts'

export class Flips {
  readonly #disk: SimulatedDisk
  readonly #random: Prng
  #flip: { readonly file: SimulatedFile; readonly bit: number } | undefined

  constructor(disk: SimulatedDisk, random: Prng) {
    this.#disk = disk
    this.#random = random
  }

  get flipped(): boolean {
    return this.#flip !== undefined
  }

  /** In words what was flipped; undefined: there is nothing to flip. */
  flipOne(path: string): string | undefined {
    const directory = this.#disk.lookup(path)
    if (!(directory instanceof SimulatedDirectory)) return undefined
    const files = filesBelow(directory).filter(([, file]) => file.length > 0)
    if (files.length === 0) return undefined
    const [name, file] = this.#random.pick(files)
    const bit = this.#random.below(file.length * 8)
    file.flip(bit)
    this.#flip = { file, bit }
    return `bit ${bit} of ${name}`
  }

  repair(): void {
    const flip = this.#flip
    if (flip === undefined) return
    flip.file.flip(flip.bit)
    this.#flip = undefined
  }
}
