/**
 * Watches a transactional sink: how long after each record was due its output was committed.
 *
 * A record belongs to the committables of the cut that follows it, and is committed when the commit of all of
 * them has returned: for files, when the final name is linked and the directory synced. Wraps the sink in the thread
 * where it runs and changes nothing about it.
 */
export class Ledger {
  #committed
  /** Due times of the records of a cut, by the last of its committables. */
  #staged = new Map()

  /** `committed(dueMs, atMs)` is called for each record. */
  constructor({ now, committed }) {
    this.now = now
    this.#committed = committed
  }

  /** Records that were staged and of whose commit nothing is known yet. */
  get open() {
    return [...this.#staged.values()].reduce((sum, due) => sum + due.length, 0)
  }

  /** `dueOf(value)`: when the record of which this came was due, ms. */
  watch(sink, dueOf) {
    return {
      ...sink,
      createWriter: (context) => this.#writer(sink.createWriter(context), dueOf),
      createCommitter: (context) => this.#committer(sink.createCommitter(context)),
    }
  }

  #writer(writer, dueOf) {
    const staged = this.#staged
    let written = []
    return {
      write(value, timestamp) {
        written.push(dueOf(value))
        writer.write(value, timestamp)
      },
      get full() {
        return writer.full
      },
      *prepareCommit(checkpoint) {
        // Before the first step of the sink's own cut, which is the instant that separates the records.
        const cut = written
        written = []
        const committables = yield* writer.prepareCommit(checkpoint)
        if (cut.length === 0) return committables
        if (committables.length === 0) throw new Error(`${cut.length} records were written and nothing was staged`)
        const key = JSON.stringify(committables.at(-1))
        staged.set(key, [...(staged.get(key) ?? []), ...cut])
        return committables
      },
      close: () => writer.close(),
    }
  }

  #committer(committer) {
    const commit = (...committables) => this.#note(...committables)
    return {
      *commit(committables) {
        yield* committer.commit(committables)
        commit(committables)
      },
      removeAbandoned: (...what) => committer.removeAbandoned(...what),
    }
  }

  #note(committables) {
    const at = this.now()
    for (const committable of committables) {
      const key = JSON.stringify(committable)
      for (const due of this.#staged.get(key) ?? []) this.#committed(due, at)
      this.#staged.delete(key)
    }
  }
}
