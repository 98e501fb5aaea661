/**
 * Everything the core may know of the world. A host supplies all of them or none.
 *
 * Real: host/in-process. Simulated: host/simulator, where one seed decides every answer. Code below
 * `host` uses no ambient clock, timer, chance, thread, file or promise.
 */
import type { Io } from './io.ts'

export interface Clock {
  /** Milliseconds since 1970 (wall clock): may jump; only for processing time and for reports. */
  wallMs(): number
  /** Monotonic milliseconds from an arbitrary zero: for every interval, timeout and back-off. */
  monotonicMs(): number
}

export interface TimerHandle {
  cancel(): void
}

export interface Timers {
  /** Runs `fire` once, from the host's loop, not before `delayMs` (monotonic) have passed. */
  after(delayMs: number, fire: () => void): TimerHandle
}

export interface Random {
  uint32(): number
  /** Integer in [0, bound). */
  below(bound: number): number
  chance(numerator: number, denominator: number): boolean
}

/**
 * Runs mail from the host's loop. Mail of one lane runs in the order in which it was posted; between
 * lanes there is no order (the simulator permutes them).
 */
export interface Executor {
  post(lane: string, mail: () => void): void
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void

/**
 * A named step of the protocol was reached (docs/guide/reliability.md lists the names). A no-op in
 * production; a failpoint in fault tests; a crash point in the simulator.
 */
export type Probe = (step: string) => void

export interface FileInfo {
  readonly sizeBytes: number
  readonly isDirectory: boolean
}

/** An open file; only the Storage that made it looks inside. */
export interface FileHandle {
  readonly path: string
}

/**
 * Who may read what is created. 'private' (mode 0600, directories 0700) is for everything of the engine;
 * 'shared' (0644 and 0755, less the umask) is for output that the user asked for.
 */
export type Access = 'private' | 'shared'

/**
 * A file system with the durability rules of POSIX: written bytes survive a crash after `sync` of
 * the file; a directory entry survives after `syncDirectory`. Paths are absolute, '/'-separated.
 * Every operation throws a StreamError of base/storage-errors.ts (the errno in `details.errno`).
 */
export interface Storage {
  /** Creates a file that must not exist (O_EXCL), open for appending; 'private' unless said otherwise. */
  create(path: string, access?: Access): Io<FileHandle>
  openRead(path: string): Io<FileHandle>
  append(file: FileHandle, bytes: Uint8Array): Io<void>
  /** Up to `length` bytes at `offset`; shorter only at the end of the file. */
  read(file: FileHandle, offset: number, length: number): Io<Uint8Array>
  /** fsync. After an error the file is dead: abandon it, never sync it again (ATC'20). */
  sync(file: FileHandle): Io<void>
  close(file: FileHandle): Io<void>
  readWhole(path: string): Io<Uint8Array>
  /** Atomic claim: 'exists' if `to` is there already, which is an outcome and not an error. */
  link(from: string, to: string): Io<'linked' | 'exists'>
  /** False if it was not there. */
  unlink(path: string): Io<boolean>
  /** Names, sorted by code unit; undefined if the directory does not exist. */
  list(directory: string): Io<readonly string[] | undefined>
  stat(path: string): Io<FileInfo | undefined>
  /** With parents; fine if it exists; 'private' unless said otherwise. */
  makeDirectory(path: string, access?: Access): Io<void>
  /** Removes an empty directory; false if it was not there. */
  removeDirectory(path: string): Io<boolean>
  syncDirectory(path: string): Io<void>
}

/** All ports of one incarnation of a job. */
export interface Ports {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly executor: Executor
  readonly storage: Storage
  readonly log: Log
  readonly probe: Probe
}
