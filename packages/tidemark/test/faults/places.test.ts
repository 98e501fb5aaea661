/** F42: directories with odd names, behind symbolic links, on another file system than each other. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { lockDirectory } from '../../src/host/directory-lock.ts'
import { startJob } from '../../src/index.ts'
import { beadJob, beads, committedLines, expectedLines, stagedFiles, temporaryDirectory, writeBeads } from '../host/kit.ts'

const all = beads(2000)
const expected = expectedLines(all)
const elsewhere: string[] = []

afterEach(() => {
  for (const directory of elsewhere.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** Runs to the middle, is stopped, runs to the end: both halves must find the directories. */
async function twoRuns({ input, out, state }: { input: string; out: string; state: string }): Promise<void> {
  let seen = 0
  const tap = (): void => {
    seen += 1
    if (seen === 700) first.stop()
  }
  const first = startJob(beadJob({ input, out, tap, splitBytes: 10_000 }), { stateDirectory: state })
  const stopped = await first.done
  if (stopped.kind === 'failed') throw stopped.error
  const second = await startJob(beadJob({ input, out, splitBytes: 10_000 }), { stateDirectory: state }).done
  if (second.kind === 'failed') throw second.error
  expect(committedLines(out)).toEqual(expected)
  expect(stagedFiles(out)).toEqual([])
}

describe('a name', () => {
  test.each([
    ['spaces', 'two  words '],
    ['letters beyond ASCII', 'grün 日本 🧵 e\u0301'],
    ['characters that shells and URLs read', '%2f#?&$(x)`\'"*\\'],
    ['a newline', 'one\ntwo'],
    ['255 bytes', 'x'.repeat(255)],
  ])('with %s serves for input, output and state', async (_what, name) => {
    const root = temporaryDirectory()
    const base = join(root, name)
    mkdirSync(base)
    const place = { input: join(base, 'beads.jsonl'), out: join(base, 'out'), state: join(base, 'state') }
    writeBeads(place.input, all)
    await twoRuns(place)
    expect(readdirSync(root)).toEqual([name])
  })

  test('longer than the file system allows is refused with the path, and nothing is made', async () => {
    const root = temporaryDirectory()
    const input = join(root, 'beads.jsonl')
    writeBeads(input, all)
    const state = join(root, 'x'.repeat(256))
    const outcome = await startJob(beadJob({ input, out: join(root, 'out') }), { stateDirectory: state }).done
    expect(outcome.kind).toBe('failed')
    if (outcome.kind === 'failed') {
      expect(outcome.error.message).toContain(state)
      expect(outcome.error.message).toContain('ENAMETOOLONG')
    }
    expect(existsSync(join(root, 'out'))).toBe(false)
  })
})

test('state and output behind symbolic links are where the links lead', async () => {
  const root = temporaryDirectory()
  const input = join(root, 'beads.jsonl')
  writeBeads(input, all)
  for (const name of ['out', 'state']) {
    mkdirSync(join(root, `real-${name}`))
    symlinkSync(`real-${name}`, join(root, name))
  }
  await twoRuns({ input, out: join(root, 'out'), state: join(root, 'state') })
  expect(readdirSync(join(root, 'real-state'))).toContain('job.json')
  expect(committedLines(join(root, 'real-out'))).toEqual(expected)
})

test('one lock for a directory, whichever way leads to it', async () => {
  const root = temporaryDirectory()
  const input = join(root, 'beads.jsonl')
  writeBeads(input, all)
  mkdirSync(join(root, 'state'))
  symlinkSync('state', join(root, 'link'))
  const start = () => startJob(beadJob({ input, out: join(root, 'out') }), { stateDirectory: join(root, 'link') }).done
  const lock = await lockDirectory(join(root, 'state'))
  expect(await start()).toMatchObject({ kind: 'failed', error: { code: 'E051' } })
  await lock.release()
  expect((await start()).kind).toBe('finished')
})

const SHARED_MEMORY = '/dev/shm'
const twoFileSystems = existsSync(SHARED_MEMORY) && statSync(SHARED_MEMORY).dev !== statSync(process.cwd()).dev

// Without a second file system there is nothing to cross.
test.skipIf(!twoFileSystems)('state on one file system and output on another: no file is linked across', async () => {
  const root = temporaryDirectory()
  const other = mkdtempSync(join(SHARED_MEMORY, 'tidemark-test-'))
  elsewhere.push(other)
  const input = join(root, 'beads.jsonl')
  writeBeads(input, all)
  expect(statSync(root).dev).not.toBe(statSync(other).dev)
  await twoRuns({ input, out: join(other, 'out'), state: join(root, 'state') })
  await twoRuns({ input, out: join(root, 'out'), state: join(other, 'state') })
})
