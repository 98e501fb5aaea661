/**
 * Looks at every checkpoint of a simulated job when it is said to be complete, or is gone on from.
 *
 * Owned by the simulator, which tells it what happens. What it finds is a violation.
 */
import type { CheckpointId, Epoch } from '../../base/ids.ts'
import { ascending, checkpointsDirectory, manifestFile, parseManifestFile } from '../../checkpoint/layout.ts'
import { notDurable, readCut, unreadableCheckpoint, type Cut } from './cut.ts'
import { SimulatedDirectory, SimulatedFile } from './inodes.ts'
import { describeError } from './judge.ts'
import type { Violation } from './result.ts'
import type { SimulatedDisk } from './storage.ts'
import type { World } from './world.ts'

export class Examiner {
  readonly #world: World
  readonly #disk: SimulatedDisk
  readonly #violate: (violation: Violation) => void
  #directory = ''
  /** Committables that a durable checkpoint covers. */
  readonly #covered = new Set<string>()
  /** Manifests that were found right; after a power cut there are others in their place. */
  readonly #examined = new WeakSet<SimulatedFile>()
  /** Said to be complete, or gone on from. */
  #complete = new Map<CheckpointId, Epoch>()
  /** Those that hold what a barrier overtook. */
  readonly #inFlight = new Set<CheckpointId>()
  overtaken = 0
  increments = 0

  constructor(world: World, disk: SimulatedDisk, violate: (violation: Violation) => void) {
    this.#world = world
    this.#disk = disk
    this.#violate = violate
  }

  /** The job is at work in this state directory from now on. */
  moveTo(directory: string): void {
    if (directory === this.#directory) return
    this.#directory = directory
    this.#complete = new Map()
  }

  hasInFlight(id: CheckpointId): boolean {
    return this.#inFlight.has(id)
  }

  /** Complete ones of this directory that are there still, ascending. */
  get present(): readonly CheckpointId[] {
    return [...this.#complete.keys()].filter((id) => this.#disk.lookup(manifestFile(this.#directory, id)) !== undefined)
      .toSorted((a, b) => a - b)
  }

  /** Undefined if it was examined before, or cannot be read. */
  examine(id: CheckpointId): Cut | undefined {
    const directory = this.#directory
    const file = this.#disk.lookup(manifestFile(directory, id))
    if (file instanceof SimulatedFile) {
      if (this.#examined.has(file)) return undefined
      this.#examined.add(file)
    }
    try {
      const cut = readCut(this.#disk, directory, id)
      this.#complete.set(id, cut.manifest.epoch)
      if (cut.manifest.files.some(({ checkpoint }) => checkpoint !== undefined)) this.increments += 1
      if (cut.overtaken.length > 0) {
        this.#inFlight.add(id)
        this.overtaken += 1
      } else this.#inFlight.delete(id)
      const missing = notDurable(this.#disk, directory, cut.manifest)
      if (missing !== undefined) this.#violate({ kind: 'checkpoint-not-durable', checkpoint: id, what: missing })
      const wrong = this.#world.checkCut(cut, this.#disk)
      if (wrong !== undefined) this.#violate({ kind: 'inconsistent-checkpoint', checkpoint: id, what: wrong })
      for (const committable of cut.committables) this.#covered.add(this.#world.committableId(committable))
      return cut
    } catch (error) {
      this.#violate({ kind: 'unreadable-checkpoint', what: describeError(error) })
      return undefined
    }
  }

  /** The one checkpoint of a directory that was begun elsewhere, as soon as it is there. */
  get newest(): CheckpointId | undefined {
    const found = this.#disk.lookup(checkpointsDirectory(this.#directory))
    return found instanceof SimulatedDirectory ? ascending(found.names.map(parseManifestFile)).at(-1) : undefined
  }

  covers(id: string): boolean {
    return this.#covered.has(id)
  }

  /** A committable is about to become visible. */
  onVisible(id: string): void {
    if (!this.#covered.has(id)) this.#violate({ kind: 'early', what: id })
  }

  checkRetained(): void {
    const what = unreadableCheckpoint(this.#disk, this.#directory, this.#complete)
    if (what !== undefined) this.#violate({ kind: 'unreadable-checkpoint', what })
  }
}
