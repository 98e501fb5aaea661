import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startJob, type JobHandle, type RunOutcome } from '../../src/host/run.ts'
import { beadJob, beads, committedLines, expectedLines, stagedFiles, temporaryDirectory, writeBeads } from './kit.ts'

const all = beads(20_000)
const expected = expectedLines(all)

function place(): { input: string; out: string; state: string } {
  const directory = temporaryDirectory()
  const input = join(directory, 'beads.jsonl')
  writeBeads(input, all)
  return { input, out: join(directory, 'out'), state: join(directory, 'state') }
}

function finished(outcome: RunOutcome): void {
  if (outcome.kind === 'failed') throw outcome.error
  expect(outcome.kind).toBe('finished')
}

describe('splits of one file are in time order', () => {
  for (const parallelism of [1, 2, 3, 4]) {
    test(`${parallelism} readers on one JSONL file of many splits give the same totals, and nothing is late`, async () => {
      const { input, out, state } = place()
      const handle = startJob(beadJob({ input, out, splitBytes: 10_000 }), { parallelism, stateDirectory: state })
      finished(await handle.done)
      expect(committedLines(out)).toEqual(expected)
      expect(handle.status().late).toBe(0)
      expect(handle.status().recordsIn).toBe(all.length)
      expect(stagedFiles(out)).toEqual([])
    })
  }
})

describe('after a stop', () => {
  test('a run at any other parallelism goes on with the state, and a run after the end writes nothing', async () => {
    const { input, out, state } = place()
    let seen = 0
    let handle: JobHandle | undefined
    const stopAt = [3_000, 7_000, 12_000]
    for (const parallelism of [2, 4, 1, 3]) {
      const tap = (): void => {
        seen += 1
        if (seen === stopAt[0]) {
          stopAt.shift()
          handle?.stop()
        }
      }
      handle = startJob(beadJob({ input, out, splitBytes: 10_000, tap }), { parallelism, stateDirectory: state })
      const outcome = await handle.done
      if (outcome.kind === 'failed') throw outcome.error
      expect(stagedFiles(out)).toEqual([])
      if (outcome.kind === 'finished') break
    }
    expect(committedLines(out)).toEqual(expected)
    const again = await startJob(beadJob({ input, out }), { parallelism: 2, stateDirectory: state }).done
    expect(again.kind).toBe('already-finished')
    expect(committedLines(out)).toEqual(expected)
  })
})

describe('after a failure inside the process', () => {
  for (const parallelism of [1, 3]) {
    for (const thrown of [new Error('sneeze'), null, undefined, 7]) {
      test(`a function that throws ${String(thrown)} changes no total at parallelism ${parallelism}`, async () => {
        const { input, out, state } = place()
        let seen = 0
        const failAt = new Set([900, 9_000, 15_000])
        const tap = (): void => {
          seen += 1
          if (failAt.delete(seen)) throw thrown
        }
        const restarts: string[] = []
        const handle = startJob(beadJob({ input, out, splitBytes: 10_000, tap }), {
          parallelism, stateDirectory: state,
          onEvent: (event) => {
            if (event.kind === 'restarting') restarts.push(event.error.code)
          },
        })
        finished(await handle.done)
        expect(restarts).toEqual(['E061', 'E061', 'E061'])
        expect(committedLines(out)).toEqual(expected)
        expect(handle.status().recordsIn).toBe(all.length)
      })
    }
  }

  test('the restart budget ends in a failure that names operator and position, and the state stays usable', async () => {
    const { input, out, state } = place()
    let broken = true
    const tap = (bead: { at: number }): void => {
      if (broken && bead.at === 13 * 700) throw new Error('always')
    }
    const outcome = await startJob(beadJob({ input, out, tap }), { stateDirectory: state }).done
    expect(outcome.kind).toBe('failed')
    if (outcome.kind === 'failed') {
      expect(outcome.error.code).toBe('E061')
      expect(outcome.error.place.position).toContain('beads.jsonl')
    }
    broken = false
    finished(await startJob(beadJob({ input, out, tap }), { stateDirectory: state }).done)
    expect(committedLines(out)).toEqual(expected)
  })

  test('cancel is like a kill: the next run goes on from the last checkpoint', async () => {
    const { input, out, state } = place()
    let seen = 0
    const running: JobHandle[] = []
    const tap = (): void => {
      seen += 1
      if (seen === 11_000) running[0]?.cancel()
    }
    const handle = startJob(beadJob({ input, out, splitBytes: 20_000, tap }), { parallelism: 2, stateDirectory: state })
    running.push(handle)
    expect((await handle.done).kind).toBe('cancelled')
    finished(await startJob(beadJob({ input, out }), { parallelism: 3, stateDirectory: state }).done)
    expect(committedLines(out)).toEqual(expected)
    expect(stagedFiles(out)).toEqual([])
  })
})
