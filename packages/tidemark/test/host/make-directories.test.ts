/** Directories and those above them, beside what a file system may say. */
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDirectories, makeDirectoriesSync } from '../../src/host/make-directories.ts'
import { temporaryDirectory } from './kit.ts'

const FORMS = [
  ['later', makeDirectories],
  ['at once', async (path: string, mode: number) => makeDirectoriesSync(path, mode)],
] as const

test.each(FORMS)('made %s: those that are missing are there, with their mode, and those that are there are left alone', async (_, make) => {
  const home = temporaryDirectory()
  await make(join(home, 'a', 'b', 'c'), 0o700)
  expect(statSync(join(home, 'a')).mode & 0o777).toBe(0o700)
  await make(join(home, 'a', 'b', 'c'), 0o755)
  expect(statSync(join(home, 'a', 'b', 'c')).mode & 0o777).toBe(0o700)
  await make(home, 0o700)
})

test.each(FORMS)('made %s: a file in the way is an error, and stays', async (_, make) => {
  const home = temporaryDirectory()
  writeFileSync(join(home, 'file'), '')
  await expect(make(join(home, 'file'), 0o700)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(make(join(home, 'file', 'below'), 0o700)).rejects.toMatchObject({ code: 'ENOTDIR' })
  expect(statSync(join(home, 'file')).isFile()).toBe(true)
})

test.runIf(existsSync('/proc/self')).each(FORMS)('MD-1: made %s below a file system that takes none, it ends with an error', async (_, make) => {
  await expect(make('/proc/tidemark/x', 0o700)).rejects.toMatchObject({ code: 'ENOENT' })
})
