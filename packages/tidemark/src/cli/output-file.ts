/**
 * A file that a command writes for the user: it is there whole or not at all.
 *
 *   OF-1  Lines go to a file beside it, which takes its name when all are written and durable; what had the name
 *         before is replaced only then.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { storageError } from '../base/storage-errors.ts'

const CHUNK_CHARACTERS = 1 << 16

export class OutputFile {
  readonly #path: string
  readonly #temporary: string
  #descriptor: number | undefined
  #pending: string[] = []
  #length = 0

  constructor(path: string) {
    this.#path = path
    this.#temporary = `${path}.${process.pid}.tmp`
    // State may be personal data: only its owner reads it, as the state directory itself.
    this.#descriptor = this.#attempt('create', () => openSync(this.#temporary, 'w', 0o600))
  }

  write(line: string): void {
    this.#pending.push(line, '\n')
    this.#length += line.length + 1
    if (this.#length >= CHUNK_CHARACTERS) this.#flush()
  }

  finish(): void {
    this.#flush()
    const descriptor = this.#descriptor
    if (descriptor === undefined) return
    this.#attempt('sync', () => fsyncSync(descriptor))
    this.#close()
    this.#attempt('rename', () => renameSync(this.#temporary, this.#path))
  }

  /** Does nothing after `finish`. */
  abandon(): void {
    if (this.#descriptor === undefined) return
    this.#close()
    rmSync(this.#temporary, { force: true })
  }

  #flush(): void {
    const descriptor = this.#descriptor
    const bytes = Buffer.from(this.#pending.join(''), 'utf8')
    this.#pending = []
    this.#length = 0
    if (descriptor === undefined) return
    this.#attempt('write', () => {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
    })
  }

  #close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #attempt<T>(operation: string, run: () => T): T {
    try {
      return run()
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).code ?? 'EIO'
      throw storageError({ errno, operation, path: this.#path }, error)
    }
  }
}
