/**
 * Makes a directory and those above it, as `mkdir -p` does.
 *
 * Node's own recursive mkdir tries again and again, for ever, where a file system says that there is no such directory
 * although the one above is there: below /proc, for example.
 *
 *   MD-1  Each directory is tried twice at most.
 *   MD-2  A directory that is there already is fine, anything else of that name is EEXIST.
 */
import fs from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

type Done = (error: NodeJS.ErrnoException | null) => void

export function makeDirectories(path: string, mode: number, done: Done): void {
  fs.mkdir(path, mode, (error) => {
    if (error?.code === 'EEXIST') mustBeDirectory(path, error, done)
    else if (error?.code !== 'ENOENT' || dirname(path) === path) done(error)
    else {
      makeDirectories(dirname(path), mode, (above) => {
        if (above === null) fs.mkdir(path, mode, (again) => (again?.code === 'EEXIST' ? mustBeDirectory(path, again, done) : done(again)))
        else done(above)
      })
    }
  })
}

export const madeDirectories: (path: string, mode: number) => Promise<void> = promisify(makeDirectories)

export function makeDirectoriesSync(path: string, mode: number): void {
  try {
    fs.mkdirSync(path, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && fs.statSync(path).isDirectory()) return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    makeDirectoriesSync(dirname(path), mode)
    onceMore(path, mode)
  }
}

function onceMore(path: string, mode: number): void {
  try {
    fs.mkdirSync(path, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !fs.statSync(path).isDirectory()) throw error
  }
}

function mustBeDirectory(path: string, exists: NodeJS.ErrnoException, done: Done): void {
  fs.stat(path, (error, about) => done(error ?? (about.isDirectory() ? null : exists)))
}
