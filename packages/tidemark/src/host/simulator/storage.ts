/**
 * A disk that forgets: the Storage port with everything POSIX does not promise.
 *
 * Used by the simulator and by fault tests. A `SimulatedDisk` outlives processes; each process has a
 * mount. Bytes of a file and entries of a directory become durable separately, by `sync` and
 * `syncDirectory`; a power cut keeps the durable part and whatever of the rest the survival says.
 *
 *   SD-1  A power cut never takes away what was synced, and never leaves what was not written.
 *   SD-2  The operations of a dead mount never end and have no further effect.
 *   SD-3  After a failed sync the bytes that were to be written are gone for good, even if a later
 *         sync succeeds (ATC'20); until a power cut they can still be read.
 *   SD-4  Unsynced changes of different names survive independently of each other and of the bytes;
 *         the changes of one name survive in order.
 *
 * Source: POSIX; Pillai et al., "All file systems are not created equal" (OSDI'14); Rebello et al.,
 * "Can applications recover from fsync failures?" (ATC'20).
 */
import { assert } from '../../base/assert.ts'
import { wait, type Io } from '../../base/io.ts'
import type { FileHandle, FileInfo, Random, Storage } from '../../base/ports.ts'
import { storageError } from '../../base/storage-errors.ts'
import { SimulatedDirectory, SimulatedFile, type Survival } from './inodes.ts'

export type StorageOperation =
  | 'create' | 'openRead' | 'append' | 'read' | 'sync' | 'close' | 'readWhole' | 'link' | 'unlink' | 'list' | 'stat'
  | 'makeDirectory' | 'removeDirectory' | 'syncDirectory'

export interface OperationInfo {
  /** Counts all operations on the disk from 1. */
  readonly index: number
  readonly operation: StorageOperation
  readonly path: string
}

/** What becomes of one operation. The two crashes kill the mount that asked. */
export type Fate =
  | { readonly kind: 'ok' }
  | { readonly kind: 'fail'; readonly errno: string; readonly partial?: number }
  | { readonly kind: 'crash-before' }
  | { readonly kind: 'crash-after' }

export const OK: Fate = { kind: 'ok' }

/** Decides when an operation takes place; the default is at once. */
export type Schedule = (info: OperationInfo, run: () => void) => void

class SimulatedHandle implements FileHandle {
  readonly path: string
  readonly file: SimulatedFile
  readonly writable: boolean
  open = true

  constructor(path: string, file: SimulatedFile, writable: boolean) {
    this.path = path
    this.file = file
    this.writable = writable
  }
}

const failure = (errno: string, operation: string, path: string): Error => storageError({ errno, operation, path })

/** Every file below `directory` with its path in it. */
export function filesBelow(directory: SimulatedDirectory, prefix = ''): [path: string, file: SimulatedFile][] {
  return [...directory.entries].flatMap(([name, inode]) =>
    inode instanceof SimulatedFile ? [[`${prefix}${name}`, inode]] : filesBelow(inode, `${prefix}${name}/`))
}

export class SimulatedDisk {
  #root = new SimulatedDirectory()
  #operations = 0
  #mounts: SimulatedStorage[] = []
  /** Set by tests and by the simulator's fault plan. */
  onOperation: (info: OperationInfo) => Fate = () => OK

  get operations(): number {
    return this.#operations
  }
  get root(): SimulatedDirectory {
    return this.#root
  }

  mount(schedule: Schedule = (_info, run) => run()): SimulatedStorage {
    const mount = new SimulatedStorage(this, schedule)
    this.#mounts.push(mount)
    return mount
  }

  /** A dead process is not kept in memory by its disk. */
  unmount(mount: SimulatedStorage): void {
    this.#mounts = this.#mounts.filter((one) => one !== mount)
  }

  /** Every process dies; what was written stays (kill -9). */
  killAll(): void {
    for (const mount of this.#mounts) mount.kill()
  }

  /** Every process dies and what was not synced is lost, as far as `survival` says. */
  powerCut(random: Random, survival: Survival = 'some'): void {
    this.killAll()
    this.#root = this.#root.afterPowerCut(random, survival, new Map())
  }

  begin(operation: StorageOperation, path: string): OperationInfo {
    this.#operations += 1
    return { index: this.#operations, operation, path }
  }

  /** Flips one bit of a file at rest, durable and cached. */
  corrupt(path: string, bit: number): void {
    const file = this.lookup(path)
    if (file instanceof SimulatedFile) file.flip(bit)
  }

  lookup(path: string): SimulatedFile | SimulatedDirectory | undefined {
    let at: SimulatedFile | SimulatedDirectory | undefined = this.#root
    for (let from = 0; from < path.length;) {
      const slash = path.indexOf('/', from)
      const end = slash < 0 ? path.length : slash
      if (end > from) {
        if (!(at instanceof SimulatedDirectory)) return undefined
        at = at.entries.get(path.slice(from, end))
      }
      from = end + 1
    }
    return at
  }

  /** True if no power cut could take the file, as it is now, away. */
  durable(path: string): boolean {
    let at: SimulatedFile | SimulatedDirectory | undefined = this.#root
    for (const part of path.split('/')) {
      if (part === '') continue
      if (!(at instanceof SimulatedDirectory) || !at.keeps(part)) return false
      at = at.entries.get(part)
    }
    return at instanceof SimulatedFile && at.durable
  }
}

export class SimulatedStorage implements Storage {
  readonly #disk: SimulatedDisk
  readonly #schedule: Schedule
  #alive = true

  constructor(disk: SimulatedDisk, schedule: Schedule) {
    this.#disk = disk
    this.#schedule = schedule
  }

  get alive(): boolean {
    return this.#alive
  }

  kill(): void {
    this.#alive = false
    this.#disk.unmount(this)
  }

  create(path: string): Io<FileHandle> {
    return this.#io('create', path, () => {
      const [parent, name] = this.#parent('create', path)
      if (parent.entries.has(name)) throw failure('EEXIST', 'create', path)
      const file = new SimulatedFile()
      parent.add(name, file)
      return new SimulatedHandle(path, file, true)
    })
  }

  openRead(path: string): Io<FileHandle> {
    return this.#io('openRead', path, () => new SimulatedHandle(path, this.#file('openRead', path), false))
  }

  append(handle: FileHandle, bytes: Uint8Array): Io<void> {
    const copy = bytes.slice()
    return this.#io(
      'append', handle.path,
      () => this.#opened(handle, 'append', true).append(copy),
      (partial) => this.#opened(handle, 'append', true).append(copy.subarray(0, partial)),
    )
  }

  read(handle: FileHandle, offset: number, length: number): Io<Uint8Array> {
    return this.#io('read', handle.path, () => this.#opened(handle, 'read').read(offset, length))
  }

  sync(handle: FileHandle): Io<void> {
    return this.#io(
      'sync', handle.path,
      () => this.#opened(handle, 'sync').sync(),
      () => this.#opened(handle, 'sync').failSync(),
    )
  }

  close(handle: FileHandle): Io<void> {
    return this.#io('close', handle.path, () => {
      this.#opened(handle, 'close')
      ;(handle as SimulatedHandle).open = false
    })
  }

  readWhole(path: string): Io<Uint8Array> {
    return this.#io('readWhole', path, () => {
      const file = this.#file('readWhole', path)
      return file.read(0, file.length)
    })
  }

  link(from: string, to: string): Io<'linked' | 'exists'> {
    return this.#io('link', to, () => {
      const file = this.#file('link', from)
      const [parent, name] = this.#parent('link', to)
      if (parent.entries.has(name)) return 'exists'
      parent.add(name, file)
      return 'linked'
    })
  }

  unlink(path: string): Io<boolean> {
    return this.#io('unlink', path, () => {
      const found = this.#disk.lookup(path)
      if (found === undefined) return false
      if (found instanceof SimulatedDirectory) throw failure('EISDIR', 'unlink', path)
      const [parent, name] = this.#parent('unlink', path)
      parent.remove(name)
      return true
    })
  }

  list(directory: string): Io<readonly string[] | undefined> {
    return this.#io('list', directory, () => {
      const found = this.#disk.lookup(directory)
      if (found === undefined) return undefined
      if (found instanceof SimulatedFile) throw failure('ENOTDIR', 'list', directory)
      return found.names
    })
  }

  stat(path: string): Io<FileInfo | undefined> {
    return this.#io('stat', path, () => {
      const found = this.#disk.lookup(path)
      if (found === undefined) return undefined
      return found instanceof SimulatedFile
        ? { sizeBytes: found.length, isDirectory: false }
        : { sizeBytes: 0, isDirectory: true }
    })
  }

  makeDirectory(path: string): Io<void> {
    return this.#io('makeDirectory', path, () => {
      let at = this.#disk.root
      for (const part of path.split('/')) {
        if (part === '') continue
        const next = at.entries.get(part)
        if (next instanceof SimulatedFile) throw failure('EEXIST', 'makeDirectory', path)
        if (next === undefined) at.add(part, new SimulatedDirectory())
        at = at.entries.get(part) as SimulatedDirectory
      }
    })
  }

  removeDirectory(path: string): Io<boolean> {
    return this.#io('removeDirectory', path, () => {
      const found = this.#disk.lookup(path)
      if (found === undefined) return false
      if (found instanceof SimulatedFile) throw failure('ENOTDIR', 'removeDirectory', path)
      if (found.entries.size > 0) throw failure('ENOTEMPTY', 'removeDirectory', path)
      const [parent, name] = this.#parent('removeDirectory', path)
      parent.remove(name)
      return true
    })
  }

  syncDirectory(path: string): Io<void> {
    return this.#io('syncDirectory', path, () => {
      const found = this.#disk.lookup(path)
      if (!(found instanceof SimulatedDirectory)) throw failure('ENOENT', 'syncDirectory', path)
      found.sync()
    })
  }

  #io<T>(
    operation: StorageOperation, path: string, effect: () => T, onFailure?: (partial: number) => void,
  ): Io<T> {
    return wait<T>((done) => {
      if (!this.#alive) return
      const info = this.#disk.begin(operation, path)
      this.#schedule(info, () => {
        if (!this.#alive) return
        const fate = this.#disk.onOperation(info)
        if (fate.kind === 'crash-before') {
          this.kill()
          return
        }
        if (fate.kind === 'fail') {
          onFailure?.(fate.partial ?? 0)
          done({ ok: false, error: failure(fate.errno, operation, path) })
          return
        }
        let value: T
        try {
          value = effect()
        } catch (error) {
          done({ ok: false, error })
          return
        }
        if (fate.kind === 'crash-after') this.kill()
        else done({ ok: true, value })
      })
    })
  }

  #parent(operation: string, path: string): [SimulatedDirectory, string] {
    const cut = path.lastIndexOf('/')
    const parent = this.#disk.lookup(path.slice(0, cut))
    if (!(parent instanceof SimulatedDirectory)) throw failure('ENOENT', operation, path)
    return [parent, path.slice(cut + 1)]
  }

  #file(operation: string, path: string): SimulatedFile {
    const found = this.#disk.lookup(path)
    if (found === undefined) throw failure('ENOENT', operation, path)
    if (found instanceof SimulatedDirectory) throw failure('EISDIR', operation, path)
    return found
  }

  #opened(handle: FileHandle, operation: string, writing = false): SimulatedFile {
    assert(handle instanceof SimulatedHandle, 'a file handle is used only by its storage')
    assert(handle.open, 'a file handle is used only before close')
    if (writing && !handle.writable) throw failure('EBADF', operation, handle.path)
    return handle.file
  }
}
