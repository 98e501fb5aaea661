/**
 * Places that a person or a program names: directories of this machine, and `s3://bucket/prefix`.
 *
 * Called wherever a path given from outside is made absolute, and wherever something of a state directory must lie
 * on this machine although its checkpoints do not: lock, sockets, process id.
 *
 *   PLC-1  What lies on this machine for a state directory in object storage lies in a directory that belongs to
 *          this user alone; one that somebody else has made under its name is refused (E054).
 *   PLC-2  Its name follows from user and URL, so that all processes of that user on this machine meet there. On
 *          another machine nobody is met: there the epochs decide alone (EP-1).
 */
import { createHash } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { storageError } from '../base/storage-errors.ts'
import { makeDirectoriesSync } from './make-directories.ts'
import { isS3, normalS3 } from './s3/place.ts'

/** True where the directory is not one of this machine. */
export const isRemote = isS3

/** Absolute, in the one form that is stored and compared. Throws E190. */
export const resolvePlace = (given: string): string => (isRemote(given) ? normalS3(given) : resolve(given))

/** For people: below the working directory without it. */
export function shownPlace(place: string): string {
  const shown = isRemote(place) ? place : relative(process.cwd(), place)
  return shown.startsWith('..') ? place : shown || '.'
}

/** PLC-1: the directory itself, or the one that stands for it here, which is made. */
export function localPlace(directory: string): string {
  if (!isRemote(directory)) return directory
  const user = process.getuid?.() ?? 0
  const above = join(tmpdir(), `tidemark-${user}`)
  const place = join(above, createHash('sha256').update(normalS3(directory)).digest('hex').slice(0, 24))
  for (const path of [above, place]) ownDirectory(path, user)
  return place
}

function ownDirectory(path: string, user: number): void {
  try {
    makeDirectoriesSync(path, 0o700)
    const about = lstatSync(path)
    if (about.isDirectory() && about.uid === user && (about.mode & 0o077) === 0) return
  } catch (error) {
    throw storageError({ errno: (error as NodeJS.ErrnoException).code ?? 'EIO', operation: 'mkdir', path }, error)
  }
  throw storageError({ errno: 'EACCES', operation: 'use', path })
}
