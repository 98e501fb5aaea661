/**
 * Reads a source with the connector's own split readers, without the engine.
 *
 * The least that the contract of a source asks of whoever drives it (src/graph/source.ts), over the
 * engine's own file port. It gives the reader its best case: batches are as large as the reader
 * makes them, and the event loop gets a turn often enough for the next row group to be fetched and
 * decoded while this one is read. A loop that never yielded would wait for each row group in full.
 */
import { start } from '../../packages/tidemark/dist/base/io.js'
import { nodeStorage } from '../../packages/tidemark/dist/host/node-storage.js'

const TURN_MS = 4

const run = (io) => new Promise((resolve, reject) => {
  start(io, (outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error)))
})

const nextTurn = () => new Promise((resolve) => { setImmediate(resolve) })

const timers = {
  after(delayMs, fire) {
    const timer = setTimeout(() => fire(), delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Calls `take` with each array of records, in order. */
export async function readAll(source, take) {
  const storage = nodeStorage()
  const { splits } = await run(source.discover({ storage, parallelism: 1, state: undefined }))
  for (const split of splits) await readSplit(source, split, storage, take)
}

async function readSplit(source, split, storage, take) {
  let wake
  let failure
  let woken = new Promise((resolve) => { wake = resolve })
  const reader = source.openSplit(split, undefined, {
    storage,
    ports: { timers, storage },
    log: () => {},
    wake: () => wake(),
    fail: (error) => {
      failure = error
      wake()
    },
  })
  try {
    let turnEnds = performance.now() + TURN_MS
    for (;;) {
      const batch = reader.poll(Infinity)
      if (batch === 'end') return
      if (batch === 'pending') {
        await woken
        if (failure !== undefined) throw failure
        woken = new Promise((resolve) => { wake = resolve })
        continue
      }
      take(batch.records)
      if (performance.now() >= turnEnds) {
        await nextTurn()
        turnEnds = performance.now() + TURN_MS
      }
    }
  } finally {
    reader.close()
  }
}
