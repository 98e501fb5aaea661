/**
 * Names of unix sockets in a directory, short enough for the kernel however long the directory's path is.
 *
 * Used by the lock of a state directory and by what answers for its metrics. Where the path is too long it is
 * told relative to the working directory, or through a descriptor of the directory, which `close` gives back.
 *
 * Source: unix(7), sun_path.
 */
import { closeSync, openSync } from 'node:fs'
import { platform } from 'node:os'
import { relative, resolve } from 'node:path'
import { storageError } from '../base/storage-errors.ts'
import { E048_LOCK_PATH_TOO_LONG } from '../checkpoint/errors.ts'

/** sun_path holds 108 bytes on Linux and 104 elsewhere, one of them the final zero. */
const LONGEST_PATH = platform() === 'linux' ? 107 : 103
/** Longest name of a socket, with the slash before it. */
const LONGEST_NAME = 24

export class SocketPath {
  readonly directory: string
  readonly #prefix: string
  #descriptor: number | undefined

  /** Throws E048 where no short form is to be had, or what opening the directory gives. */
  constructor(directory: string) {
    this.directory = resolve(directory)
    this.#prefix = this.#shortPrefix()
  }

  /** What bind() and connect() are given for a name of at most 23 bytes in the directory. */
  of(name: string): string {
    return `${this.#prefix}/${name}`
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #shortPrefix(): string {
    const fits = (prefix: string): boolean => Buffer.byteLength(prefix) + LONGEST_NAME <= LONGEST_PATH
    if (fits(this.directory)) return this.directory
    const near = relative(process.cwd(), this.directory) || '.'
    if (fits(near)) return near
    if (platform() !== 'linux') throw E048_LOCK_PATH_TOO_LONG({ directory: this.directory })
    try {
      this.#descriptor = openSync(this.directory, 'r')
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).code ?? 'EIO'
      throw storageError({ errno, operation: 'open', path: this.directory }, error)
    }
    return `/proc/self/fd/${this.#descriptor}`
  }
}
