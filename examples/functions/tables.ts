/**
 * Running tables: first records, rankings, and counts that take back what has changed.
 *
 *   npx tidemark run examples/functions/tables.ts -c out=out/tables
 *
 * podium/ gets the three best scores of each game as they change hands; levels/ how many players are on each
 * level, where a player who moves up leaves the old level. Both are changelogs: the last change of a place or
 * of a level says what it is now.
 *
 * Settings: out (directory of the results).
 */
import { files, generator, job } from 'tidemark'

const SCORES = 400
const PLAYERS = 25

/** Every score is reported twice, as a client does that is not sure whether the first report came through. */
const report = (n: number) => {
  const score = Math.floor(n / 2)
  return {
    report: score, player: `player-${(score * 7) % PLAYERS}`, game: `game-${score % 3}`,
    points: (score * 7919) % 1000, level: 1 + Math.floor(score / 40),
  }
}

export default job('tables', (j) => {
  const scores = j.from('reports', generator({ count: 2 * SCORES, record: report }))
    .keyBy((r) => r.report)
    .dedupe('once')

  const out = j.config.string('out', 'out/tables')
  scores.keyBy((r) => r.game)
    .topN('podium', 3, { by: (r) => r.points })
    .map(({ op, row }) => ({ op, game: row.key, rank: row.rank, points: row.row.points }))
    .to('podium-changes', files({ path: `${out}/podium` }))

  scores.latestBy('players', (r) => r.player)
    .groupBy((r) => r.level)
    .count('levels')
    .map(({ op, row }) => ({ op, level: row.key, players: row.value }))
    .to('level-changes', files({ path: `${out}/levels` }))
})
