import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PidFile } from '../../src/cli/pid-file.ts'

describe('pid file', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tidemark-pid-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))
  const path = (): string => join(directory, 'state', 'tidemark.pid')
  const content = (): string => readFileSync(path(), 'utf8').trim()

  test('it names this process as soon as it is announced, in a directory made for it', () => {
    new PidFile(join(directory, 'state')).announce()
    expect(content()).toBe(String(process.pid))
    expect(readdirSync(join(directory, 'state'))).toEqual(['tidemark.pid'])
  })

  test('PF-1 the file of a process that lives stays until the lock is won', () => {
    const file = new PidFile(join(directory, 'state'))
    writeFileSync(path(), `${process.ppid}\n`)
    file.announce()
    expect(content()).toBe(String(process.ppid))
    file.claim()
    expect(content()).toBe(String(process.pid))
  })

  test('the file of a process that is gone is replaced at once', () => {
    const file = new PidFile(join(directory, 'state'))
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    writeFileSync(path(), `${gone}\n`)
    file.announce()
    expect(content()).toBe(String(process.pid))
  })

  test('PF-2 only the own number is removed', () => {
    const file = new PidFile(join(directory, 'state'))
    writeFileSync(path(), `${process.ppid}\n`)
    file.remove()
    expect(content()).toBe(String(process.ppid))
    file.claim()
    file.remove()
    expect(existsSync(path())).toBe(false)
  })

  test('a state directory that cannot be made is an error with its path', () => {
    writeFileSync(join(directory, 'state'), 'a file')
    expect(() => new PidFile(join(directory, 'state'))).toThrow(/state failed with E/)
  })
})
