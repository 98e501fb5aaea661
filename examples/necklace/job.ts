/**
 * Three friends count the beads of a necklace, each one colour, at different speeds. Bands are
 * checkpoints; a sneeze is a failure, after which all go back to the last band.
 *
 *   node examples/necklace/play.mjs                the story, told
 *   npx tidemark run examples/necklace/job.ts      the job alone
 *
 * Settings: out (directory of the results), sneezeAt (number of the bead at which one of them
 * sneezes; 0 for never).
 */
import { files, generator, job, sliding, state } from 'tidemark'
import { bead, BEADS, BEADS_A_SECOND, FRIENDS } from './beads.mjs'

/** Outside of all state on purpose: a sneeze is not undone by going back, or it would come for ever. */
let sneezed = false

export default job('necklace', { checkpoint: { every: '1s' }, parallelism: 3 }, (j) => {
  const out = j.config.string('out', 'out/necklace')
  const sneezeAt = j.config.number('sneezeAt', 0)

  const beads = j
    .from('box', generator({ count: BEADS, rate: BEADS_A_SECOND, record: bead }), { eventTime: (b) => b.at })
    .keyBy((b) => b.colour)

  beads
    .process('counters', { state: { counted: state.value<number>() } }, {
      *onRecord({ n, colour }, ctx) {
        const { name, msPerBead } = FRIENDS[colour]
        takeTime(msPerBead)
        if (n === sneezeAt && n > 0 && !sneezed) {
          sneezed = true
          throw new Error(`${name} sneezed at bead ${n} and forgot the number`)
        }
        const counted = (ctx.state.counted.get() ?? 0) + 1
        ctx.state.counted.set(counted)
        if (counted % 10 === 0) yield `${name} has counted ${counted} ${colour} beads`
      },
    })
    .print('counters')

  beads
    .window('last-minute', sliding('1m', { every: '20s' }))
    .count()
    .map(({ key, start, end, value }) => ({ colour: key, start: start.getTime(), end: end.getTime(), count: value }))
    .to('book', files({ path: out }))
})

/** A hand that takes its time. Real jobs do not wait; here, speeds are the story. */
function takeTime(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}
