import { describe, expect, test } from 'vitest'
import { defineError, reportOf } from '../../src/base/errors.ts'
import { foldFrames, renderError, renderPlace, stackOf } from '../../src/cli/render-error.ts'
import { terminalForTest } from './terminal-for-test.ts'

const E900 = defineError<{ name: string }>({
  code: 'E900', kind: 'job', retryable: false, title: 'A sample',
  what: (d) => `"${d.name}" is wrong.`,
  why: () => 'It has two lines,\nwhich keep their indent.',
  fix: () => ['first remedy', 'second remedy'],
})

describe('rendered errors', () => {
  test('code, title, what, why, cause, place and remedies stand in this order', () => {
    const error = E900({ name: 'x' }, {
      place: { job: 'departures', operator: 'flights', subtask: 1, position: 'a.csv, byte 5120', code: 'job.ts:17' },
      cause: new Error('the reason below'),
    })
    expect(renderError(reportOf(error), terminalForTest().terminal)).toBe(`E900  A sample.

      "x" is wrong.
      It has two lines,
      which keep their indent.
      Cause: the reason below

      at job departures · operator flights[1] · a.csv, byte 5120 · job.ts:17

      Fix one of:
        first remedy
        second remedy
      docs: docs/errors.md#e900`)
  })

  test('a file is named once, also where the position names it', () => {
    expect(renderPlace({ file: '/a.csv', position: '/a.csv, byte 3' })).toBe('/a.csv, byte 3')
    expect(renderPlace({ file: '/a.csv', position: 'byte 3' })).toBe('/a.csv · byte 3')
  })

  test('frames of the user come first, all others become one line', () => {
    const engine = new URL('../../src/task/subtask.ts', import.meta.url).pathname
    expect(foldFrames(`Error: boom
    at score (file:///home/me/job.ts:17:9)
    at Subtask.run (${engine}:10:5)
    at processTicksAndRejections (node:internal/process/task_queues:95:5)`)).toEqual([
      'at score (/home/me/job.ts:17:9)',
      '… 2 frames inside the engine',
    ])
  })

  test('a stack without a frame of the user is left out', () => {
    expect(foldFrames('Error: x\n    at a (node:fs:1:1)')).toEqual([])
  })

  test('the innermost cause with a frame of the user gives the stack', () => {
    const inner = Object.assign(new Error('inner'), { stack: 'Error: inner\n    at f (/home/me/job.ts:1:2)' })
    const outer = Object.assign(new Error('outer', { cause: inner }), { stack: 'Error: outer\n    at a (node:fs:1:1)' })
    expect(stackOf(outer)).toBe(inner.stack)
    expect(stackOf('no error at all')).toBeUndefined()
  })
})
