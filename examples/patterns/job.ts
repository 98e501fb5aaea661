/**
 * Passwords that were guessed: three failed logins of one user, then a successful one, all within 10 seconds.
 *
 *   npx tidemark run examples/patterns/job.ts -c out=out/patterns
 *
 * alarms/ gets one line for each such success. given-up/ gets the users whose last three attempts failed and
 * who then stopped: partial matches whose time was over. Nobody else is mentioned.
 *
 * Settings: out (directory of the results).
 */
import { files, generator, job } from 'tidemark'

interface Login {
  readonly user: string
  readonly at: number
  readonly ok: boolean
}

const USERS = ['ada', 'bob', 'cyn', 'dan'] as const
const ROUNDS = 25
const ATTEMPTS = 4
const BEGIN = Date.UTC(2024, 0, 1)

/**
 * A round a minute, of four attempts a user, a second apart. In every fifth round only the last of ada's
 * succeeds, in every fourth (but the first) none of bob's does. All others do.
 */
const login = (n: number): Login => {
  const user = USERS[n % USERS.length] as string
  const attempt = Math.floor(n / USERS.length) % ATTEMPTS
  const round = Math.floor(n / (USERS.length * ATTEMPTS))
  const guesses = user === 'ada' && round % 5 === 0
  const givesUp = user === 'bob' && round % 4 === 0 && round > 0
  const ok = guesses ? attempt === ATTEMPTS - 1 : !givesUp
  return { user, at: BEGIN + round * 60_000 + attempt * 1000, ok }
}

export default job('guessed', (j) => {
  const out = j.config.string('out', 'out/patterns')
  const count = ROUNDS * ATTEMPTS * USERS.length

  const guessed = j
    .from('logins', generator({ count, record: login }), { eventTime: (l) => l.at })
    .keyBy((l) => l.user)
    .match('guessed', (p) => p
      .begin('failed', (l) => !l.ok).times(3).consecutive()
      .next('success', (l) => l.ok)
      .within('10s')
      .skipPastLastEvent())

  guessed
    .map(({ key, records: { failed, success } }) => ({ user: key, from: failed[0].at, at: success[0].at }))
    .to('alarms', files({ path: `${out}/alarms` }))

  guessed.timedOut
    .filter(({ records }) => records.failed.length === 3)
    .map(({ key, records, deadline }) => ({ user: key, from: records.failed[0]?.at, deadline }))
    .to('given-up', files({ path: `${out}/given-up` }))
})
