/**
 * One run of one side of the comparison of word counts, in a process of its own.
 *
 *   node sides/words.mjs (engine|loop|batches) LINES
 *
 * Lines of eight words of 5,000, some far more often than others, are split, and each word has a running count, of which
 * every thousandth is a result. loop: a Map.
 */
import { count, generator, job } from 'tidemark'
import { besideLoop } from '../lib/beside-loop.mjs'

const WORDS = Array.from({ length: 5_000 }, (_, i) => `${'word'.slice(0, 1 + (i % 4))}${i.toString(36)}`)
const WORDS_A_LINE = 8
const EACH = 1_000

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

const makeJob = (sink, lines) => job('words', (j) => {
  j.from('lines', generator({ record, count: lines }), { eventTime: () => 0 })
    .flatMap(wordsOf)
    .keyBy((word) => word)
    .aggregate('counts', { times: count() })
    .filter(({ times }) => times % EACH === 0)
    .map(({ key, times }) => ({ key, start: 0, value: times }))
    .to('results', sink)
})

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

  end() {
    return this.results
  }
}

await besideLoop({ job: makeJob, record, fold: () => new Counts() })
