/**
 * The savepoints of a simulated job: those that stand, those that never came to be, and what lies in them.
 *
 * Owned by story.ts, told of what was asked for and what came of it.
 *
 *   SB-1  One that was reported as taken is there from then on, whatever happens, every byte of it durable; nothing
 *         overtook its barriers, its state is the fold over the exact prefix of every source, and all output that it
 *         promises is committed.
 *   SB-2  One that was not reported is refused as a savepoint, or is whole and means the same.
 *   SB-3  Moved to another path it begins a state directory that goes on from the same cut.
 *   SB-4  Taking one, a stop and a change of the parallelism fail only for a reason: the job ended, restarted or was
 *         asked for something else, its checkpoint failed, or the disk did.
 *   SB-5  One that a directory has claimed is whole until a checkpoint of that directory's own has completed, and gone
 *         when its job has ended.
 */
import { crc32 } from '../../base/crc32.ts'
import { isStreamError, type StreamError } from '../../base/errors.ts'
import type { CheckpointId } from '../../base/ids.ts'
import type { Io } from '../../base/io.ts'
import type { Prng } from '../../base/prng.ts'
import { beginFrom, type BeginOptions } from '../../checkpoint/begin-from.ts'
import {
  E116_SAVEPOINT_FAILED, E117_TARGET_IN_USE, E154_NOT_A_SAVEPOINT, E155_NOT_STOPPED,
} from '../../checkpoint/errors-savepoint.ts'
import {
  checkpointFile, checkpointsDirectory, manifestFile, parseManifestFile, savepointFile,
} from '../../checkpoint/layout.ts'
import { writerOf } from '../../checkpoint/manifest.ts'
import { openDirectory, type OpenOutcome } from '../../checkpoint/open.ts'
import { readSavepoint, type Restorable } from '../../checkpoint/savepoint.ts'
import { formerNamesOf, resourcesOf } from '../../graph/resources.ts'
import { E184_NOT_RESCALED } from '../errors.ts'
import { byHand } from './by-hand.ts'
import { notDurable, readCut } from './cut.ts'
import { SimulatedDirectory, SimulatedFile } from './inodes.ts'
import { describeError } from './judge.ts'
import type { SimulatedDisk } from './storage.ts'
import { LAST_VERSION } from './versions.ts'
import type { World } from './world.ts'

const SAVEPOINTS = '/savepoints'
const MOVED = '/moved'

/** What ends or hinders one without a fault: of E116, E155. */
const REASONS: readonly RegExp[] = [
  /the job is (starting or restarting|stopping|ending)/, /are being started again/,
  /the job ended, or a part of it went back to its last checkpoint/,
  /another one is being taken/, /a savepoint of it is being taken/, /its parallelism is being changed/,
  /it has (ended|failed)/, /its input has ended/, /it was stopped meanwhile/, /its checkpoint failed/, /its last checkpoint did not complete/,
  /it is stopping already/, /it failed while it was being stopped/, /it was waiting to be restarted/,
]

export class Savepoints {
  readonly #world: World
  readonly #disk: SimulatedDisk
  readonly #random: Prng
  /** Path to number; undefined: nobody was told that it stands. */
  readonly #asked = new Map<string, CheckpointId | undefined>()
  /** Path to the directory whose own it is to become. */
  readonly #owners = new Map<string, string>()

  constructor(world: World, disk: SimulatedDisk, random: Prng) {
    this.#world = world
    this.#disk = disk
    this.#random = random
  }

  get taken(): number {
    return [...this.#asked.values()].filter((id) => id !== undefined).length
  }

  /** A path for the next one. */
  ask(): string {
    const path = `${SAVEPOINTS}/${this.#asked.size + 1}`
    this.#asked.set(path, undefined)
    return path
  }

  /** What is wrong; undefined: nothing. */
  reported(path: string, id: CheckpointId): string | undefined {
    this.#asked.set(path, id)
    return this.#examine(path, id) ?? this.#promises(path, id)
  }

  /** SB-4: whether this explains itself; what the faults of the world explain is not asked here. */
  explains(error: StreamError): boolean {
    const { code } = error
    if (code === E117_TARGET_IN_USE.definition.code) return false
    const ours: readonly string[] = [E116_SAVEPOINT_FAILED, E155_NOT_STOPPED, E184_NOT_RESCALED].map((one) => one.definition.code)
    return ours.includes(code) && REASONS.some((reason) => reason.test(error.message))
  }

  claimed(path: string, directory: string): void {
    this.#owners.set(path, directory)
  }

  /** SB-5. `ended`: the directory whose job has come to its end. */
  checkClaimed(ended?: string): string | undefined {
    for (const [path, owner] of this.#owners) {
      const id = this.#asked.get(path) as CheckpointId
      const wrong = hasNewer(this.#disk, owner, id)
        ? (owner === ended ? leftAt(this.#disk, path) : undefined)
        : this.#examine(path, id)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  /** When no process is at work: what is wrong with any of them that is nobody's own. */
  checkAll(): string | undefined {
    for (const [path, id] of this.#asked) {
      if (this.#owners.has(path)) continue
      const wrong = id === undefined ? this.#unreported(path) : this.#examine(path, id)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  /** SB-3, of one of them. At the end: it is gone from where it was. */
  checkMoved(): string | undefined {
    const taken = [...this.#asked].filter(([path, id]) => id !== undefined && !this.#owners.has(path))
    if (taken.length === 0) return undefined
    const [path, id] = this.#random.pick(taken) as [string, CheckpointId]
    const to = this.#move(path)
    const directory = `${MOVED}/job`
    const graph = this.#world.graphOf(this.#world.story?.evolves === true ? LAST_VERSION : 1)
    const resources = resourcesOf(graph).map(({ operator, kind, resource }) => ({ operator, resource, role: kind }))
    const options: BeginOptions = {
      job: graph.job, maxParallelism: graph.maxParallelism, resources, formerNames: formerNamesOf(graph),
      engine: 'simulator', pid: 0, host: 'simulator',
    }
    const result = byHand(this.#disk, this.#random, function* (ports): Io<OpenOutcome> {
      yield* beginFrom(ports, directory, { path: to }, options)
      return yield* openDirectory(ports, directory, { ...options, fresh: false })
    })
    if (result === 'died' || !result.ok) return `${to} begins nothing: ${result === 'died' ? '' : describeError(result.error)}`
    if (result.value.kind !== 'opened' || result.value.opened.restore?.checkpoint !== id) {
      return `${to}, which holds checkpoint ${id}, came to ${JSON.stringify(result.value)}`
    }
    return this.#contents(directory, id)
  }

  #move(path: string): string {
    const storage = this.#disk.mount()
    const name = path.slice(path.lastIndexOf('/') + 1)
    const made = storage.makeDirectory(MOVED)
    byHand(this.#disk, this.#random, () => made)
    const [from, to] = [this.#disk.lookup(SAVEPOINTS), this.#disk.lookup(MOVED)] as [SimulatedDirectory, SimulatedDirectory]
    const moved = this.#disk.lookup(path) as SimulatedDirectory
    from.remove(name)
    to.add(name, moved)
    storage.kill()
    return `${MOVED}/${name}`
  }

  #unreported(path: string): string | undefined {
    const result = byHand(this.#disk, this.#random, ({ storage }): Io<Restorable> => readSavepoint(storage, path))
    if (result === 'died') return undefined
    if (result.ok) return this.#examine(path, result.value.manifest.checkpoint)
    if (isStreamError(result.error) && result.error.code === E154_NOT_A_SAVEPOINT.definition.code) return undefined
    return `${path}, which nobody was told of, is neither a savepoint nor none: ${describeError(result.error)}`
  }

  /** SB-1. */
  #examine(path: string, id: CheckpointId): string | undefined {
    if (!(this.#disk.lookup(savepointFile(path)) instanceof SimulatedFile)) return `${path} is no savepoint any more`
    return this.#contents(path, id)
  }

  #contents(directory: string, id: CheckpointId): string | undefined {
    try {
      const cut = readCut(this.#disk, directory, id)
      const { manifest } = cut
      for (const entry of manifest.files) {
        const file = this.#disk.lookup(checkpointFile(directory, writerOf(manifest, entry), entry.name))
        const bytes = file instanceof SimulatedFile ? file.read(0, file.length) : new Uint8Array()
        if (crc32(bytes) !== entry.crc32) return `${directory}: ${entry.name} is damaged`
      }
      if (cut.overtaken.length > 0) return `${directory} holds what a barrier overtook`
      const wrong = this.#world.checkAgain(cut)
      return wrong === undefined ? undefined : `${directory}: ${wrong}`
    } catch (error) {
      return `${directory}: ${describeError(error)}`
    }
  }

  /** What holds from the moment on in which it is reported. */
  #promises(path: string, id: CheckpointId): string | undefined {
    const cut = readCut(this.#disk, path, id)
    const lost = [savepointFile(path), manifestFile(path, id)].find((file) => !this.#disk.durable(file)) ??
      notDurable(this.#disk, path, cut.manifest)
    if (lost !== undefined) return `${lost} is not durable`
    const open = cut.committables.map((committable) => this.#world.committableId(committable))
      .find((name) => !this.#world.directories.some((directory) => this.#disk.lookup(`${directory}/${name}`) !== undefined))
    return open === undefined ? undefined : `${path} says that ${open} is committed, which it is not`
  }
}

/** The directory has completed a checkpoint above `id`. */
function hasNewer(disk: SimulatedDisk, directory: string, id: CheckpointId): boolean {
  const found = disk.lookup(checkpointsDirectory(directory))
  return found instanceof SimulatedDirectory && found.names.some((name) => (parseManifestFile(name) ?? 0) > id)
}

/** An empty directory may stay. */
function leftAt(disk: SimulatedDisk, path: string): string | undefined {
  const found = disk.lookup(path)
  const [name] = found instanceof SimulatedDirectory ? found.names : []
  return name === undefined ? undefined : `${path}, which was claimed, still holds ${name}`
}
