/** Errors of the Storage port: one per errno class, so that callers can decide without text. */
import { defineError, type StreamError } from './errors.ts'

export interface StorageFailure {
  readonly errno: string
  readonly operation: string
  readonly path: string
}

const what = (d: StorageFailure): string => `${d.operation} of ${d.path} failed with ${d.errno}.`

export const E052_DISK_FULL = defineError<StorageFailure>({
  code: 'E052', kind: 'resource', retryable: true, title: 'The disk is full', what,
  why: () => 'Nothing was lost: the last completed checkpoint is untouched.',
  fix: () => ['free space or raise the quota on that file system, then run the same command again'],
})

export const E053_IO_ERROR = defineError<StorageFailure>({
  code: 'E053', kind: 'resource', retryable: true, title: 'The disk reports an error', what,
  why: () => 'The operating system could not read or write; the file written at that moment is abandoned.',
  fix: () => ['check the disk (dmesg), then run the same command again: it goes on from the last checkpoint'],
})

export const E054_NO_PERMISSION = defineError<StorageFailure>({
  code: 'E054', kind: 'environment', retryable: false, title: 'No permission', what,
  fix: (d) => [`give this user the right to do it: check owner and mode of ${d.path} and its directory`],
})

export const E055_FILE_MISSING = defineError<StorageFailure>({
  code: 'E055', kind: 'not-found', retryable: false, title: 'A file is missing', what,
  fix: (d) => [d.errno === 'ENOTDIR' ? `a file stands where ${d.path} needs a directory: give another path` : `check the path ${d.path}`],
})

export const E056_FILE_EXISTS = defineError<StorageFailure>({
  code: 'E056', kind: 'environment', retryable: false, title: 'A file is in the way', what,
  fix: (d) => [`remove or rename ${d.path}, or use another directory`],
})

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS'])
const MISSING = new Set(['ENOENT', 'ENOTDIR'])

export function storageError(failure: StorageFailure, cause?: unknown): StreamError {
  const define = FULL.has(failure.errno)
    ? E052_DISK_FULL
    : DENIED.has(failure.errno)
      ? E054_NO_PERMISSION
      : MISSING.has(failure.errno)
        ? E055_FILE_MISSING
        : failure.errno === 'EEXIST'
          ? E056_FILE_EXISTS
          : E053_IO_ERROR
  return define(failure, { place: { file: failure.path }, cause })
}
