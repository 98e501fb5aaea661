/**
 * Windows for which records come too late: results, results again, and the late output.
 *
 * For a world of one split in one subtask whose polls end before every record that is behind (inputs.ts):
 * there the watermark that meets each such record is known, so each decision about lateness is.
 */
import { count, sum } from '../../api/aggregates.ts'
import { sliding, tumbling } from '../../api/windows.ts'
import { MIN_TIMESTAMP } from '../../base/time.ts'
import type { Prng } from '../../base/prng.ts'
import { files } from '../../connector/file-sink.ts'
import { Bag, floor, write, type Branch, type Moment } from './branch.ts'
import type { Row } from './inputs.ts'
import { operatorIn, passedOn, renamed } from './versions.ts'
import { checkPanes, differsFromWindows } from './window-branches.ts'

interface Read {
  /** Results and late records, in the order in which they are told. */
  readonly spoken: readonly unknown[]
  readonly open: readonly Open[]
  readonly inTime: readonly Row[]
}

interface Open { readonly key: number; readonly start: number; n: number; sum: number }

export function lateBranch(random: Prng, name: string): Branch {
  const slide = random.pick([40, 150])
  const size = slide * random.pick([1, 1, 3])
  const lateness = random.pick([0, 0, 100])
  const path = `/out/${name}`
  const late = `/late/${name}`
  const window = `${name}-window`

  /** Reads `rows` one by one. */
  function read(rows: readonly Row[], watermarkAtEnd: number): Read {
    const spoken: unknown[] = []
    const inTime: Row[] = []
    const open = new Map<string, Open>()
    const tell = ({ key, start, n, sum: total }: Open): void => {
      spoken.push({ b: name, key, start, n, sum: total })
    }
    let watermark = MIN_TIMESTAMP
    const advance = (to: number): void => {
      for (const [id, each] of open) {
        const last = each.start + size - 1
        if (last > watermark && last <= to) tell(each)
        if (last + lateness <= to) open.delete(id)
      }
      watermark = to
    }
    let most = MIN_TIMESTAMP
    for (const row of rows) {
      if (most > MIN_TIMESTAMP && most - 1 > watermark) advance(most - 1)
      let taken = false
      for (let start = floor(row.at, slide, 0); start > row.at - size; start -= slide) {
        const last = start + size - 1
        if (last + lateness <= watermark) continue
        taken = true
        const id = `${row.key} ${start}`
        const each = open.get(id) ?? { key: row.key, start, n: 0, sum: 0 }
        open.set(id, each)
        each.n += 1
        each.sum += row.value
        if (last <= watermark) tell(each)
      }
      if (taken) inTime.push(row)
      else spoken.push({ b: name, late: row.id, key: row.key, at: row.at, lateByMs: watermark - row.at })
      most = Math.max(most, row.at)
    }
    if (watermarkAtEnd > watermark) advance(watermarkAtEnd)
    return { spoken, inTime, open: [...open.values()] }
  }

  return {
    plan: { kind: 'late', size, slide, lateness },
    directories: [path, late],
    clock: window,
    build(rows, bite, version) {
      const value = (row: Row): number => {
        bite(row.id)
        return row.value
      }
      const windows = size === slide ? tumbling(size) : sliding(size, { every: slide })
      const windowed = passedOn(rows, version).keyBy((row) => row.key)
        .window(operatorIn(version, window), windows, { lateness })
        .aggregate({ n: count(), sum: sum(value, { integers: true }) })
      const lines = renamed(windowed, version, window)
        .map((row) => ({ b: name, key: row.key, start: row.start.getTime(), n: row.n, sum: row.sum }))
      write(lines, `${name}-out`, files({ path }), version)
      const tooLate = windowed.late.map(({ key, record, eventTime, lateByMs }) => ({
        b: name, late: record.id, key, at: eventTime.getTime(), lateByMs,
      }))
      write(tooLate, `${name}-late`, files({ path: late }), version)
    },
    lines: (rows, moment) => read(rows, moment.watermark(window)).spoken,
    checkState(rows, moment: Moment) {
      const watermark = moment.watermark(window)
      const { open, inTime } = read(rows, watermark)
      if (size > slide) return checkPanes(inTime, { size, slide, lateness }, ({ key }) => key, moment, window)
      const contents = new Bag()
      for (const { key, start, n, sum: total } of open) contents.add(key, [start, start + size], [n, total])
      return differsFromWindows(contents, moment, window)
    },
  }
}
