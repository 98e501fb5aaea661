/**
 * `tidemark.pid` in the state directory: the process id of the engine, for scripts and supervisors.
 *
 * Called by run.ts. It is information, not a lock: who may write is decided by the engine's lock.
 *
 * Invariants
 *   PF-1  The file of a process that lives is never replaced before the engine's lock was won.
 *   PF-2  A process removes only its own number.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { storageError } from '../base/storage-errors.ts'
import { makeDirectoriesSync } from '../host/make-directories.ts'
import { localPlace } from '../host/places.ts'

export const PID_FILE = 'tidemark.pid'

export class PidFile {
  readonly #path: string

  /** Creates the state directory if need be; for one in object storage, that which stands for it here. */
  constructor(stateDirectory: string) {
    const directory = localPlace(stateDirectory)
    this.#path = join(directory, PID_FILE)
    try {
      makeDirectoriesSync(directory, 0o700)
    } catch (error) {
      throw failure(error, 'creating', directory)
    }
  }

  /** As early as possible, unless another process that lives is named there. */
  announce(): void {
    const holder = this.#read()
    if (holder !== undefined && holder !== process.pid && isAlive(holder)) return
    this.#write()
  }

  /** Once the engine holds the lock: now the number is ours, whatever was there. */
  claim(): void {
    if (this.#read() !== process.pid) this.#write()
  }

  remove(): void {
    try {
      if (this.#read() === process.pid) rmSync(this.#path, { force: true })
    } catch {
      // On a disk that became read-only: a dead number is harmless, and it must not hide why the job ended.
    }
  }

  #write(): void {
    // Renamed into place, so that nobody reads half a number.
    const fresh = `${this.#path}.new`
    try {
      writeFileSync(fresh, `${process.pid}\n`, { mode: 0o600 })
      renameSync(fresh, this.#path)
    } catch (error) {
      throw failure(error, 'writing', this.#path)
    }
  }

  #read(): number | undefined {
    try {
      const pid = Number(readFileSync(this.#path, 'utf8').trim())
      return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
    } catch {
      return undefined
    }
  }
}

function failure(error: unknown, operation: string, path: string): Error {
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  return storageError({ errno, operation, path }, error)
}

/** Of this machine; true also of one of another user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
