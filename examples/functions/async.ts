/**
 * Asking a slow service about every record, many at a time: mapAsync().
 *
 *   npx tidemark run examples/functions/async.ts -c out=out/async
 *
 * cities/ gets each visit with the city of its address, in the order of the visits; unknown/ those for which
 * the service failed at every try. Stop it with Ctrl-C or kill it and start it again: what was asked and not
 * yet answered is asked again, and every visit is there once.
 *
 * Settings: out (directory of the results).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { files, generator, job } from 'tidemark'

const VISITS = 300

const visit = (n: number) => ({ id: n, address: `10.0.${n % 7}.${n % 250}` })
type Visit = ReturnType<typeof visit>

/** Stands for a call over the network, slow and sometimes failing, such as fetch(url, { signal }). */
async function cityOf({ id, address }: Visit, signal: AbortSignal): Promise<{ id: number; city: string }> {
  await sleep(1 + (id * 7) % 10, undefined, { signal })
  if (id % 50 === 49) throw new Error(`no answer for ${address}`)
  return { id, city: `city ${address.split('.')[2]}` }
}

export default job('cities', { checkpoint: { every: '100ms' } }, (j) => {
  const cities = j.from('visits', generator({ count: VISITS, record: visit })).mapAsync('city', cityOf, {
    capacity: 50, timeout: '5s', retry: { attempts: 3, delay: '10ms', backoff: 2 }, onFailed: 'side',
  })
  const out = j.config.string('out', 'out/async')
  cities.to('cities', files({ path: `${out}/cities` }))
  cities.failed.map(({ record, tries }) => ({ id: record.id, tries }))
    .to('unknown', files({ path: `${out}/unknown` }))
})
