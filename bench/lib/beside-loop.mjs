/**
 * A job beside the loop that one would write by hand for it: what the sides of such comparisons share.
 *
 * The arguments of the process are the side and the number of records. engine: the job, state in memory. loop: the same by
 * hand. batches: the loop over arrays of records from the generator source, so with its records made as for the engine:
 * it shows which part is the source's.
 */
import { collect, generator, startJob } from 'tidemark'
import { digestOf } from './chain.mjs'
import { forEachBatch } from './generated.mjs'
import { report, timed } from './measure.mjs'

/**
 * `job` gets a sink and the number of records. `fold` makes what `add` is called on with each record, and which gives the
 * results at its `end`; or `loop` does all of it, without batches. `digest`: of results whose fields are others.
 */
export async function besideLoop({ job, record, fold, loop, digest = digestOf }) {
  const count = Number(process.argv[3])
  const sides = {
    async engine() {
      const sink = collect()
      const outcome = await startJob(job(sink, count)).done
      if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
      return sink.committed
    },
    loop: loop === undefined ? handWritten : () => loop(count),
    batches() {
      const state = fold()
      forEachBatch(generator({ record, count }), (records) => {
        for (const each of records) state.add(each)
      })
      return state.end()
    },
  }

  function handWritten() {
    const state = fold()
    for (let n = 0; n < count; n++) state.add(record(n))
    return state.end()
  }

  const { result, times } = await timed(sides[process.argv[2]])
  report({ times, digest: digest(result) })
  process.exit(0)
}
