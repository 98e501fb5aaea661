/**
 * Where results go: counted and forgotten, or written as lines to compare them.
 *
 * Counting is idempotent in the sense of the contract: nothing outside changes. Results and commits are marked with
 * their times: with the last result all results were there, the last commit is the end of a run. The time of a result
 * is that of the end of the turn in which it came, so that no clock is read for each. Lines are written at the
 * barrier; a benchmark in which anything fails is void, so they need no second phase.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { mark, nowMs } from './source.mjs'

/** `line`: makes a line of a result; without it results are only counted. */
export function nexmarkSink({ directory, line }) {
  return {
    kind: 'nexmark',
    resource: directory,
    commit: 'idempotent',
    createWriter: ({ subtask }) => (line === undefined
      ? counting(directory)
      : writing(directory, join(directory, `out-${subtask}`), line)),
    createCommitter: () => ({
      *commit(committables) {
        for (const { count } of committables) mark(directory, 'committed', { count })
      },
      *removeAbandoned() {},
    }),
  }
}

function* ready(value) {
  return value
}

function counting(directory) {
  let count = 0
  let last
  let lastAt
  let noted = true
  const note = () => {
    lastAt = nowMs()
    noted = true
  }
  return {
    write(value) {
      count++
      last = value
      if (noted) {
        noted = false
        setImmediate(note)
      }
    },
    full: false,
    prepareCommit() {
      if (!noted) note()
      if (lastAt !== undefined) mark(directory, 'result', { at: lastAt })
      const cut = count
      count = 0
      // Also of nothing, so that every run ends with a commit. The last result is looked at, so that none
      // can be proved useless and left out.
      return ready([{ count: last === undefined ? 0 : cut }])
    },
    close() {},
  }
}

function writing(directory, file, line) {
  let lines = []
  return {
    write(value) {
      lines.push(line(value))
    },
    full: false,
    prepareCommit() {
      const cut = lines
      lines = []
      appendFileSync(file, cut.map((text) => `${text}\n`).join(''))
      return ready([{ count: cut.length }])
    },
    close() {},
  }
}
