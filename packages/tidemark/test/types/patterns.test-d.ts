/** Matches are typed by the names of the steps, and conditions by the records before them. */
import { job } from '../../src/api/job.ts'
import { pattern } from '../../src/api/pattern-builder.ts'
import { is, items, parts, type Equal, type Flight, type RecordOf } from './fixtures.ts'

type Login = { readonly user: string; readonly ok: boolean }
type Known = Login & { readonly known: true }
declare const logins: readonly Login[]

job('patterns', (j) => {
  const keyed = j.from('logins', items(logins), { eventTime: () => 0 }).keyBy((login) => login.user)

  const matches = keyed.match('break-in', (p) => p
    .begin('failed', (login) => !login.ok).times(3)
    .next('pause').optional()
    .notFollowedBy('reset', (login) => login.user === 'admin')
    .followedBy('known', (login): login is Known => 'known' in login)
    .followedByAny('end', (login, matched) => login.ok && matched.failed.length === 3 && matched.known.length === 1)
    .within('10s'))
  type Match = RecordOf<typeof matches>
  is<Equal<Match['key'], string>>()
  is<Equal<Match['records'], {
    readonly failed: readonly [Login, ...Login[]]
    readonly pause: readonly Login[]
    readonly known: readonly [Known]
    readonly end: readonly [Login]
  }>>()
  is<Equal<RecordOf<typeof matches.timedOut>['records'], {
    readonly failed: readonly Login[]
    readonly pause: readonly Login[]
    readonly known: readonly Known[]
    readonly end: readonly Login[]
  }>>()
  is<Equal<RecordOf<typeof matches.timedOut>['deadline'], Date>>()
  is<Equal<RecordOf<typeof matches.late>['record'], Login>>()
  matches.was('old').map(({ records }) => records.known[0].known satisfies true)
  matches.timedOut.to('late', parts({ path: '.' }))

  // A group, repeated; and a pattern that is a value of its own.
  const pair = pattern<Login>().begin('a').followedBy('b')
  const groups = keyed.match('pairs', pattern<Login>().begin('first').next(pair).oneOrMore().skipToLast('b'))
  is<Equal<RecordOf<typeof groups>['records'], {
    readonly first: readonly [Login]
    readonly a: readonly [Login, ...Login[]]
    readonly b: readonly [Login, ...Login[]]
  }>>()

  const ordered = keyed.match('ordered', pair, { compare: (a, b) => a.user.localeCompare(b.user) })
  is<Equal<RecordOf<typeof ordered>['records']['a'], readonly [Login]>>()

  // @ts-expect-error a step that is not there
  pair.skipToFirst('c')
  // @ts-expect-error an absence has no quantifier
  pair.notNext('x').oneOrMore()
  // @ts-expect-error a pattern over other records
  keyed.match('wrong', pattern<Flight>().begin('a', (f) => f.delay > 0))
  // @ts-expect-error a record that has no such field
  keyed.match('field', (p) => p.begin('a', (login) => login.delay > 0))
  // @ts-expect-error no duration
  pair.within('soon')
})
