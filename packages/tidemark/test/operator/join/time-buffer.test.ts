import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TimeBuffer } from '../../../src/operator/join/time-buffer.ts'
import { ChangeLog } from '../../../src/state/change-log.ts'

interface Row {
  readonly time: number
  readonly value: number
  mark: boolean
}

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ mark: fc.nat(), to: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ removeUpTo: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ removeFirst: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ replace: fc.nat() }) },
)

test('a buffer is a list in order of time, then of arrival, whatever is added, marked and removed', () => {
  fc.assert(fc.property(fc.array(action, { maxLength: 150 }), (actions) => {
    const buffer = new TimeBuffer('k', { log: new ChangeLog(), count: 0 })
    let rows: Row[] = []
    actions.forEach((each, n) => {
      if ('add' in each) {
        const at = rows.filter((row) => row.time <= each.add).length
        expect(buffer.add(each.add, n)).toBe(at)
        rows.splice(at, 0, { time: each.add, value: n, mark: false })
      } else if ('removeUpTo' in each) {
        buffer.removeUpTo(each.removeUpTo)
        rows = rows.filter((row) => row.time > each.removeUpTo)
      } else if ('removeFirst' in each) {
        const count = Math.min(each.removeFirst, rows.length)
        buffer.removeFirst(count)
        rows = rows.slice(count)
      } else if (rows.length > 0) {
        const i = ('mark' in each ? each.mark : each.replace) % rows.length
        const row = rows[i] as Row
        if ('mark' in each) {
          buffer.mark(i, each.to)
          row.mark = each.to
        } else {
          buffer.replace(i, -n)
          rows[i] = { ...row, value: -n }
        }
      }
      expect(buffer.rows()).toEqual(rows.map(({ time, value, mark }) => [time, value, mark]))
    })
    for (let time = -1; time <= 41; time++) {
      expect(buffer.countBefore(time)).toBe(rows.filter((row) => row.time < time).length)
      expect(buffer.countUpTo(time)).toBe(rows.filter((row) => row.time <= time).length)
    }
    expect(buffer.timeAt(rows.length)).toBe(Infinity)
    expect(buffer.timeAt(-1)).toBe(Infinity)
  }), { numRuns: 200 })
})
