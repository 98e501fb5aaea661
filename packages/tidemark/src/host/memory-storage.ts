/**
 * The Storage port in memory, every operation done at once: for tests and for jobs without a disk.
 *
 * Owns the whole tree. It has no crash model (the simulator's storage loses what was not synced);
 * the conformance suite test/host/storage.suite.ts holds for this one and for host/node-storage.ts.
 *
 * Invariants
 *   MS-1  Names made by `link` share one file: bytes appended through a handle are seen by all.
 *   MS-2  An open handle outlives the removal of its name, as in POSIX.
 */
import { assert } from '../base/assert.ts'
import type { Io } from '../base/io.ts'
import type { FileHandle, FileInfo, Storage } from '../base/ports.ts'
import { storageError } from '../base/storage-errors.ts'

class MemoryFile {
  bytes = new Uint8Array(0)
  length = 0

  append(more: Uint8Array): void {
    const need = this.length + more.length
    if (need > this.bytes.length) {
      const grown = new Uint8Array(Math.max(need, this.bytes.length * 2))
      grown.set(this.bytes.subarray(0, this.length))
      this.bytes = grown
    }
    this.bytes.set(more, this.length)
    this.length = need
  }
}

class MemoryHandle implements FileHandle {
  readonly path: string
  readonly file: MemoryFile
  readonly writable: boolean
  open = true

  constructor(path: string, file: MemoryFile, writable: boolean) {
    this.path = path
    this.file = file
    this.writable = writable
  }
}

const normal = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path)
const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 1))
const failure = (errno: string, operation: string, path: string): Error => storageError({ errno, operation, path })

// The methods are generators because the port says so; none of them ever waits.
/* oxlint-disable require-yield */
export class MemoryStorage implements Storage {
  readonly #directories = new Set<string>(['/'])
  readonly #files: Map<string, MemoryFile>

  constructor() {
    this.#files = new Map()
  }

  *create(path: string): Io<FileHandle> {
    this.#needParent(path, 'create')
    if (this.#exists(path)) throw failure('EEXIST', 'create', path)
    const file = new MemoryFile()
    this.#files.set(path, file)
    return new MemoryHandle(path, file, true)
  }

  *openRead(path: string): Io<FileHandle> {
    return new MemoryHandle(path, this.#file(path, 'open'), false)
  }

  *append(file: FileHandle, bytes: Uint8Array): Io<void> {
    const handle = handleOf(file)
    if (!handle.writable) throw failure('EBADF', 'write', file.path)
    handle.file.append(bytes)
  }

  *read(file: FileHandle, offset: number, length: number): Io<Uint8Array> {
    const { bytes, length: size } = handleOf(file).file
    return bytes.slice(Math.min(offset, size), Math.min(offset + length, size))
  }

  *sync(file: FileHandle): Io<void> {
    handleOf(file)
  }

  *close(file: FileHandle): Io<void> {
    handleOf(file).open = false
  }

  *readWhole(path: string): Io<Uint8Array> {
    const file = this.#file(path, 'read')
    return file.bytes.slice(0, file.length)
  }

  *link(from: string, to: string): Io<'linked' | 'exists'> {
    const file = this.#file(from, 'link')
    this.#needParent(to, 'link')
    if (this.#exists(to)) return 'exists'
    this.#files.set(to, file)
    return 'linked'
  }

  *unlink(path: string): Io<boolean> {
    if (this.#directories.has(path)) throw failure('EISDIR', 'unlink', path)
    return this.#files.delete(path)
  }

  *list(directory: string): Io<readonly string[] | undefined> {
    const path = normal(directory)
    if (this.#files.has(path)) throw failure('ENOTDIR', 'list', path)
    return this.#directories.has(path) ? this.#names(path) : undefined
  }

  *stat(path: string): Io<FileInfo | undefined> {
    if (this.#directories.has(normal(path))) return { sizeBytes: 0, isDirectory: true }
    const file = this.#files.get(path)
    return file === undefined ? undefined : { sizeBytes: file.length, isDirectory: false }
  }

  *makeDirectory(path: string): Io<void> {
    for (let at = normal(path); !this.#directories.has(at); at = parentOf(at)) {
      if (this.#files.has(at)) throw failure(at === path ? 'EEXIST' : 'ENOTDIR', 'mkdir', path)
      this.#directories.add(at)
    }
  }

  *removeDirectory(path: string): Io<boolean> {
    const at = normal(path)
    if (this.#files.has(at)) throw failure('ENOTDIR', 'rmdir', path)
    if (!this.#directories.has(at)) return false
    if (this.#names(at).length > 0) throw failure('ENOTEMPTY', 'rmdir', path)
    return this.#directories.delete(at)
  }

  *syncDirectory(path: string): Io<void> {
    if (!this.#directories.has(normal(path))) throw failure('ENOENT', 'open', path)
  }

  #names(directory: string): string[] {
    const prefix = directory === '/' ? '/' : `${directory}/`
    const names: string[] = []
    for (const paths of [this.#files.keys(), this.#directories]) {
      for (const path of paths) {
        const name = path.slice(prefix.length)
        if (path.startsWith(prefix) && name !== '' && !name.includes('/')) names.push(name)
      }
    }
    return names.sort()
  }

  #exists(path: string): boolean {
    return this.#files.has(path) || this.#directories.has(normal(path))
  }

  #file(path: string, operation: string): MemoryFile {
    const file = this.#files.get(path)
    if (file !== undefined) return file
    throw failure(this.#directories.has(normal(path)) ? 'EISDIR' : 'ENOENT', operation, path)
  }

  #needParent(path: string, operation: string): void {
    const parent = parentOf(path)
    if (this.#directories.has(parent)) return
    throw failure(this.#files.has(parent) ? 'ENOTDIR' : 'ENOENT', operation, path)
  }
}

function handleOf(file: FileHandle): MemoryHandle {
  assert(file instanceof MemoryHandle && file.open, 'a file handle is used only by its storage and before close')
  return file
}
