/**
 * The state file of one process: the segments of all its subtasks, one file a checkpoint.
 *
 * Subtasks append through it before they acknowledge; the coordinator's host seals the file before
 * the manifest, or discards it. One checkpoint is open at a time.
 *
 *   CF-1  Appends are serialised: a segment is contiguous and its offset is known when it is written.
 *   CF-2  After a failed write or fsync the file is dead: nothing more is written to it, it is never
 *         synced again, and the checkpoint fails.
 *   CF-3  Content and directory entries are durable when `seal` returns.
 *   CF-4  A part that comes after its checkpoint was sealed or discarded is refused with E043.
 *   CF-5  Cancelling a caller does not cancel its write: a file is never closed under a write.
 *
 * Source: decision D7; Rebello et al., "Can applications recover from fsync failures?" (ATC'20).
 */
import { crc32, joinCrc32 } from '../base/crc32.ts'
import type { CheckpointId, Epoch } from '../base/ids.ts'
import { all, start, wait, type Done, type Io } from '../base/io.ts'
import type { FileHandle, Ports } from '../base/ports.ts'
import { quietly } from './document.ts'
import { E043_CHECKPOINT_ABANDONED } from './errors.ts'
import { checkpointDirectory, checkpointFile, checkpointsDirectory, stateFileName } from './layout.ts'
import type { FileEntry } from './manifest.ts'

/** Where an appended segment lies: the storage part of a StateSegment. */
export interface Appended {
  readonly file: string
  readonly offset: number
  readonly length: number
  readonly crc32: number
}

interface Open {
  readonly checkpoint: CheckpointId
  handle: FileHandle | undefined
  length: number
  crc: number
  /** Set by the first error; every later call fails with it. */
  dead: unknown
  closed: boolean
}

export class CheckpointFiles {
  readonly #ports: Pick<Ports, 'storage' | 'probe'>
  readonly #directory: string
  readonly #name: string
  #open: Open | undefined
  #busy = false
  readonly #waiting: Done<void>[] = []

  constructor(init: {
    readonly ports: Pick<Ports, 'storage' | 'probe'>
    readonly directory: string
    readonly epoch: Epoch
    /** Lower-case letters and digits; different for every process or thread that writes files. */
    readonly process: string
  }) {
    this.#ports = init.ports
    this.#directory = init.directory
    this.#name = stateFileName(init.epoch, init.process)
  }

  append(checkpoint: CheckpointId, bytes: Uint8Array): Io<Appended> {
    return detached(this.#append(checkpoint, bytes))
  }

  /** Makes the file durable and closes it; undefined if nothing was written for this checkpoint. */
  seal(checkpoint: CheckpointId): Io<FileEntry | undefined> {
    return detached(this.#seal(checkpoint))
  }

  /** Gives the checkpoint up and removes what was written of it; never fails. */
  discard(checkpoint: CheckpointId): Io<void> {
    return detached(this.#discard(checkpoint))
  }

  *#append(checkpoint: CheckpointId, bytes: Uint8Array): Io<Appended> {
    yield* this.#lock()
    try {
      const open = this.#current(checkpoint)
      const { storage, probe } = this.#ports
      const offset = open.length
      try {
        open.handle ??= yield* this.#create(checkpoint)
        yield* storage.append(open.handle, bytes)
      } catch (error) {
        open.dead = error
        throw error
      }
      probe('task.snapshot.write')
      const crc = crc32(bytes)
      open.length += bytes.length
      open.crc = joinCrc32(open.crc, crc, bytes.length)
      return { file: this.#name, offset, length: bytes.length, crc32: crc }
    } finally {
      this.#unlock()
    }
  }

  *#seal(checkpoint: CheckpointId): Io<FileEntry | undefined> {
    yield* this.#lock()
    try {
      const open = this.#current(checkpoint)
      open.closed = true
      const handle = open.handle
      if (handle === undefined) return undefined
      const { storage, probe } = this.#ports
      try {
        // The three are independent: one journal commit serves them all.
        yield* all([
          storage.sync(handle),
          storage.syncDirectory(checkpointDirectory(this.#directory, checkpoint)),
          storage.syncDirectory(checkpointsDirectory(this.#directory)),
        ])
      } catch (error) {
        open.dead = error
        throw error
      }
      probe('task.snapshot.fsync')
      open.handle = undefined
      yield* storage.close(handle)
      return { name: this.#name, length: open.length, crc32: open.crc }
    } finally {
      this.#unlock()
    }
  }

  *#discard(checkpoint: CheckpointId): Io<void> {
    yield* this.#lock()
    try {
      if (this.#open !== undefined && this.#open.checkpoint > checkpoint) return
      const handle = this.#open?.checkpoint === checkpoint ? this.#open.handle : undefined
      this.#open = { checkpoint, handle: undefined, length: 0, crc: 0, dead: undefined, closed: true }
      const { storage } = this.#ports
      if (handle !== undefined) yield* quietly(storage.close(handle))
      yield* quietly(storage.unlink(checkpointFile(this.#directory, checkpoint, this.#name)))
      yield* quietly(storage.removeDirectory(checkpointDirectory(this.#directory, checkpoint)))
    } finally {
      this.#unlock()
    }
  }

  #current(checkpoint: CheckpointId): Open {
    const open = this.#open
    if (open !== undefined && open.checkpoint >= checkpoint) {
      if (open.checkpoint > checkpoint || open.closed) throw E043_CHECKPOINT_ABANDONED({ checkpoint })
      if (open.dead !== undefined) throw open.dead
      return open
    }
    // An older one that was neither sealed nor discarded lost its coordinator; collection removes it.
    const fresh: Open = { checkpoint, handle: undefined, length: 0, crc: 0, dead: undefined, closed: false }
    this.#open = fresh
    return fresh
  }

  *#create(checkpoint: CheckpointId): Io<FileHandle> {
    const { storage } = this.#ports
    yield* storage.makeDirectory(checkpointDirectory(this.#directory, checkpoint))
    return yield* storage.create(checkpointFile(this.#directory, checkpoint, this.#name))
  }

  *#lock(): Io<void> {
    if (this.#busy) yield* wait<void>((done) => void this.#waiting.push(done))
    this.#busy = true
  }

  #unlock(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#busy = false
    else next({ ok: true, value: undefined })
  }
}

/** Runs in a fiber of its own, so that it goes on if the one that waits for it is cancelled. */
function detached<T>(io: Io<T>): Io<T> {
  return wait<T>((done) => void start(io, done))
}
