import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startJob } from 'tidemark'
import guessed from '../../../../examples/patterns/job.ts'
import { committedLines, temporaryDirectory } from './kit.ts'

const BEGIN = Date.UTC(2024, 0, 1)

test('the example of patterns finds every password that was guessed, and everyone who gave up', async () => {
  const out = temporaryDirectory()
  const outcome = await startJob(guessed, { stateDirectory: join(out, 'state'), config: { out } }).done
  if (outcome.kind === 'failed') throw outcome.error
  const lines = (name: string): unknown[] => committedLines(join(out, name)).map((line) => JSON.parse(line) as unknown)
  const minute = (round: number): number => BEGIN + round * 60_000
  expect(lines('alarms')).toEqual([0, 5, 10, 15, 20].map((round) =>
    ({ user: 'ada', from: minute(round), at: minute(round) + 3000 })))
  expect(lines('given-up')).toEqual([4, 8, 12, 16, 20, 24].map((round) =>
    ({ user: 'bob', from: minute(round) + 1000, deadline: new Date(minute(round) + 11_000).toJSON() })))
})
