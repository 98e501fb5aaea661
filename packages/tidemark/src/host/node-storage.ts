/**
 * The Storage port over node:fs: callbacks only, no synchronous call, and no promise but below `makeDirectory`.
 *
 * Owns nothing but open file descriptors. Made by the hosts that run on a real machine; `done` is
 * called straight from the fs callback, so a host that wants completions in a lane of its executor
 * wraps this port.
 *
 * Invariants
 *   NS-1  A file is created with O_EXCL and is only ever appended to.
 *   NS-2  `append` returns after all bytes were taken: a short write is continued.
 *   NS-3  Every failure is a StreamError of base/storage-errors.ts with the errno in its details.
 *
 * Source: POSIX open, link, fsync; T. Pillai et al., OSDI'14 (all file systems are not equal).
 */
import * as fs from 'node:fs'
import { callbackify } from 'node:util'
import { assert } from '../base/assert.ts'
import { wait, type Done, type Io } from '../base/io.ts'
import type { Access, FileHandle, FileInfo, Storage } from '../base/ports.ts'
import { storageError } from '../base/storage-errors.ts'
import { makeDirectories } from './make-directories.ts'

const makeAll = callbackify((path: string, mode: number) => makeDirectories(path, mode))

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void
type PlainCallback = (error: NodeJS.ErrnoException | null) => void

class NodeFile implements FileHandle {
  readonly path: string
  readonly fd: number
  open = true

  constructor(path: string, fd: number) {
    this.path = path
    this.fd = fd
  }
}

const FILE_MODE: Readonly<Record<Access, number>> = { private: 0o600, shared: 0o644 }
const DIRECTORY_MODE: Readonly<Record<Access, number>> = { private: 0o700, shared: 0o755 }
/** What file systems answer that have no fsync for directories; their entries are durable by themselves or never. */
const NO_DIRECTORY_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

const errnoOf = (error: NodeJS.ErrnoException): string => error.code ?? 'EUNKNOWN'

/** Runs one fs call. `accept` may turn an expected errno into a value. */
function call<T>(
  operation: string,
  path: string,
  run: (callback: Callback<T>) => void,
  accept?: (errno: string) => { readonly value: T } | undefined,
): Io<T> {
  return wait<T>((done: Done<T>) => {
    run((error, value) => {
      if (error === null || error === undefined) {
        done({ ok: true, value })
        return
      }
      const accepted = accept?.(errnoOf(error))
      if (accepted !== undefined) done({ ok: true, value: accepted.value })
      else done({ ok: false, error: storageError({ errno: errnoOf(error), operation, path }, error) })
    })
  })
}

const plain = (callback: Callback<undefined>): PlainCallback => (error) => callback(error, undefined)

function fdOf(file: FileHandle): number {
  assert(file instanceof NodeFile && file.open, 'a file handle is used only by its storage and before close')
  return file.fd
}

class NodeStorage implements Storage {
  *create(path: string, access: Access = 'private'): Io<FileHandle> {
    const fd = yield* call<number>('create', path, (done) => fs.open(path, 'ax', FILE_MODE[access], done))
    return new NodeFile(path, fd)
  }

  *openRead(path: string): Io<FileHandle> {
    const fd = yield* call<number>('open', path, (done) => fs.open(path, 'r', done))
    return new NodeFile(path, fd)
  }

  *append(file: FileHandle, bytes: Uint8Array): Io<void> {
    const fd = fdOf(file)
    for (let at = 0; at < bytes.length; ) {
      const written = yield* call<number>('write', file.path, (done) =>
        fs.write(fd, bytes, at, bytes.length - at, null, done))
      // A write that takes nothing and reports no error would be retried for ever.
      if (written === 0) throw storageError({ errno: 'EIO', operation: 'write', path: file.path })
      at += written
    }
  }

  *read(file: FileHandle, offset: number, length: number): Io<Uint8Array> {
    const fd = fdOf(file)
    // Never from the shared pool: what is read may be transferred to a thread.
    const bytes = Buffer.allocUnsafeSlow(length)
    let filled = 0
    while (filled < length) {
      const got = yield* call<number>('read', file.path, (done) =>
        fs.read(fd, bytes, filled, length - filled, offset + filled, done))
      if (got === 0) break
      filled += got
    }
    return new Uint8Array(bytes.buffer, bytes.byteOffset, filled)
  }

  *sync(file: FileHandle): Io<void> {
    const fd = fdOf(file)
    yield* call<undefined>('fsync', file.path, (done) => fs.fsync(fd, plain(done)))
  }

  *close(file: FileHandle): Io<void> {
    const fd = fdOf(file)
    ;(file as NodeFile).open = false
    yield* call<undefined>('close', file.path, (done) => fs.close(fd, plain(done)))
  }

  *readWhole(path: string): Io<Uint8Array> {
    const bytes = yield* call<Buffer>('read', path, (done) => fs.readFile(path, done))
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  *link(from: string, to: string): Io<'linked' | 'exists'> {
    return yield* call<'linked' | 'exists'>(
      'link', `${from} -> ${to}`,
      (done) => fs.link(from, to, (error) => done(error, 'linked')),
      (errno) => (errno === 'EEXIST' ? { value: 'exists' } : undefined),
    )
  }

  *unlink(path: string): Io<boolean> {
    return yield* call<boolean>(
      'unlink', path, (done) => fs.unlink(path, (error) => done(error, true)), absentIs(false))
  }

  *list(directory: string): Io<readonly string[] | undefined> {
    const names = yield* call<string[] | undefined>(
      'list', directory, (done) => fs.readdir(directory, done), absentIs(undefined))
    // The default order of sort() is by UTF-16 code unit, whatever the locale.
    return names?.sort()
  }

  *stat(path: string): Io<FileInfo | undefined> {
    const stats = yield* call<fs.Stats | undefined>(
      'stat', path, (done) => fs.stat(path, done), absentIs(undefined))
    return stats === undefined ? undefined : { sizeBytes: stats.size, isDirectory: stats.isDirectory() }
  }

  *makeDirectory(path: string, access: Access = 'private'): Io<void> {
    yield* call<undefined>('mkdir', path, (done) =>
      makeAll(path, DIRECTORY_MODE[access], plain(done)))
  }

  *removeDirectory(path: string): Io<boolean> {
    return yield* call<boolean>(
      'rmdir', path, (done) => fs.rmdir(path, (error) => done(error, true)), absentIs(false))
  }

  *syncDirectory(path: string): Io<void> {
    yield* syncDirectory(path)
  }
}

function absentIs<T>(value: T): (errno: string) => { readonly value: T } | undefined {
  return (errno) => (errno === 'ENOENT' ? { value } : undefined)
}

/** True if the file system really synced the directory, false if it offers no such call. */
function* syncDirectory(path: string): Io<boolean> {
  const fd = yield* call<number>('open', path, (done) => fs.open(path, 'r', done))
  try {
    return yield* call<boolean>(
      'fsync', path, (done) => fs.fsync(fd, (error) => done(error, true)),
      (errno) => (NO_DIRECTORY_SYNC.has(errno) ? { value: false } : undefined),
    )
  } finally {
    // Nothing was written through this descriptor, so the outcome of its close does not matter.
    fs.close(fd, () => {})
  }
}

export function nodeStorage(): Storage {
  return new NodeStorage()
}

/**
 * Asks once, at start, whether a directory entry can be made durable under `directory`. False means
 * that a power cut (not a crash of the process) may lose files that were reported durable: the host
 * says so in its Safety line.
 */
export function probeDirectorySync(directory: string): Io<boolean> {
  return syncDirectory(directory)
}
