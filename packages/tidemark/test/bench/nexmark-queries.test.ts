/** Each query of the benchmark as a job beside the same query as a loop written by hand, on a few events. */
import { expect, test } from 'vitest'
import { collect, collection, job, startJob } from 'tidemark'
import { NexmarkGenerator } from '../../../../bench/nexmark/generator.mjs'
import { comparable } from '../../../../bench/nexmark/lines.mjs'
import { LOOPS } from '../../../../bench/nexmark/loops.mjs'
import { QUERIES } from '../../../../bench/nexmark/queries.mjs'

const EVENTS = 5000
const generator = new NexmarkGenerator()
const events = Array.from({ length: EVENTS }, (_, n) => generator.event(n))

test('every query is there as a job and as a loop', () => {
  expect(Object.keys(QUERIES).sort()).toEqual(Object.keys(LOOPS).sort())
})

for (const [query, { stream, line }] of Object.entries(QUERIES)) {
  test(`${query}: the job gives what the loop gives`, async () => {
    const expected: string[] = []
    LOOPS[query]?.(EVENTS, (n) => events[n]!, (result) => expected.push(line(result)))
    const out = collect<string>()
    const outcome = await startJob(job(query, (j) => {
      const all = j.from('events', collection(events), { eventTime: ({ dateTime }) => dateTime })
      stream(all, { lines: true }).map(line).to('lines', out)
    })).done
    if (outcome.kind === 'failed') throw outcome.error
    expect(expected.length).toBeGreaterThan(0)
    expect(comparable(query, out.committed)).toEqual(comparable(query, expected))
  })
}
