/**
 * Makes a directory and those above it, as `mkdir -p` does.
 *
 * Node's own recursive mkdir tries again and again, for ever, where a file system says that there is no such directory
 * although the one above is there: below /proc, for example.
 *
 *   MD-1  Each directory is tried twice at most.
 *   MD-2  A directory that is there already is fine, anything else of that name is EEXIST.
 */
import { mkdirSync, statSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
/** MD-1: what is above may be what is missing, once. */
const tryAbove = (path: string, error: unknown, again: boolean): boolean =>
  !again && codeOf(error) === 'ENOENT' && dirname(path) !== path

export async function makeDirectories(path: string, mode: number, again = false): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (!tryAbove(path, error, again)) throw error
    await makeDirectories(dirname(path), mode)
    await makeDirectories(path, mode, true)
  }
}

export function makeDirectoriesSync(path: string, mode: number, again = false): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && statSync(path).isDirectory()) return
    if (!tryAbove(path, error, again)) throw error
    makeDirectoriesSync(dirname(path), mode)
    makeDirectoriesSync(path, mode, true)
  }
}
