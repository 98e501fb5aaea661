/**
 * One run of one side of the comparison of word counts, in a process of its own.
 *
 *   node sides/words.mjs (engine|loop|batches) LINES
 *
 * Lines of eight words of 5,000, some far more often than others, are split, and each word has a running count, of which every
 * thousandth is a result. engine: the job, state in memory. loop: a Map. batches: the same over arrays of lines from the
 * generator source, so with its records made as for the engine.
 */
import { collect, count, generator, job, startJob } from 'tidemark'
import { digestOf } from '../lib/chain.mjs'
import { forEachBatch } from '../lib/generated.mjs'
import { report, timed } from '../lib/measure.mjs'

const WORDS = Array.from({ length: 5_000 }, (_, i) => `${'word'.slice(0, 1 + (i % 4))}${i.toString(36)}`)
const WORDS_A_LINE = 8
const EACH = 1_000

const side = process.argv[2]
const lines = Number(process.argv[3])

/** The product of two numbers that are spread evenly is small more often than not. */
function wordOf(n) {
  const mixed = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d) >>> 0
  return WORDS[Math.floor(((mixed >>> 16) * (mixed & 0xffff) * WORDS.length) / 2 ** 32)]
}

function record(n) {
  let text = wordOf(n * WORDS_A_LINE)
  for (let i = 1; i < WORDS_A_LINE; i++) text += ` ${wordOf(n * WORDS_A_LINE + i)}`
  return { text }
}
const wordsOf = ({ text }) => text.split(' ')

async function engine() {
  const sink = collect()
  const words = job('words', (j) => {
    j.from('lines', generator({ record, count: lines }), { eventTime: () => 0 })
      .flatMap(wordsOf)
      .keyBy((word) => word)
      .aggregate('counts', { times: count() })
      .filter(({ times }) => times % EACH === 0)
      .map(({ key, times }) => ({ key, start: 0, value: times }))
      .to('results', sink)
  })
  const outcome = await startJob(words).done
  if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
  return sink.committed
}

class Counts {
  results = []
  counts = new Map()

  add(line) {
    for (const word of wordsOf(line)) {
      const times = (this.counts.get(word) ?? 0) + 1
      this.counts.set(word, times)
      if (times % EACH === 0) this.results.push({ key: word, start: 0, value: times })
    }
  }
}

function loop() {
  const counts = new Counts()
  for (let n = 0; n < lines; n++) counts.add(record(n))
  return counts.results
}

function batches() {
  const counts = new Counts()
  forEachBatch(generator({ record, count: lines }), (records) => {
    for (const each of records) counts.add(each)
  })
  return counts.results
}

const work = { engine, loop, batches }[side]
const { result, times } = await timed(work)
report({ times, digest: digestOf(result) })
process.exit(0)
