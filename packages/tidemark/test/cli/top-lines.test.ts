import { describe, expect, test } from 'vitest'
import { topLines } from '../../src/cli/top-lines.ts'
import { Screen } from '../../src/cli/top-screen.ts'
import { MAX_TIMESTAMP } from '../../src/base/time.ts'
import type { JobRates, SubtaskRates } from '../../src/observe/rates.ts'
import { terminalForTest } from './terminal-for-test.ts'

function subtask(vertex: string, index: number, said: Partial<SubtaskRates> = {}): SubtaskRates {
  return {
    vertex, subtask: index, worker: index, state: 'running', busyTimeMsPerSecond: 1000, idleTimeMsPerSecond: 0,
    backPressuredTimeMsPerSecond: 0, numRecordsIn: 1, numRecordsInPerSecond: 1234567, numRecordsOut: 1,
    numRecordsOutPerSecond: 45678, numBytesIn: 5, numBytesInPerSecond: 1e6, currentInputWatermark: 1e12, currentOutputWatermark: 1e12,
    ...said,
  }
}

const JOB: JobRates = {
  job: 'flights', engine: '0.1.0', pid: 4242, epoch: 3, phase: 'running', atMs: 1e12 + 5000, uptimeMs: 200_000,
  workers: 2, restarts: 1, recordsIn: 3_000_000, recordsOut: 17, late: 4, invalid: 0, numRecordsInPerSecond: 999,
  checkpoint: {
    completed: 41, failed: 2,
    last: {
      id: 41, completedAtMs: 1e12 + 1000, tookMs: 38, bytes: 1_200_000,
      phases: { startDelayMs: 1, alignmentMs: 2, syncMs: 3, asyncMs: 9 },
    },
    current: { id: 42, ageMs: 70, acknowledged: 1, of: 4 },
  },
  vertices: [
    {
      name: 'flights', operators: ['flights'], inputs: [],
      subtasks: [
        subtask('flights', 0, { busyTimeMsPerSecond: 200, backPressuredTimeMsPerSecond: 800, watermarkHolder: 'a.parquet' }),
        subtask('flights', 1, { state: 'ended', currentInputWatermark: MAX_TIMESTAMP }),
      ],
    },
    {
      name: 'per-hour', operators: ['per-hour', 'departures'], inputs: [0],
      subtasks: [
        subtask('per-hour', 0, { currentInputWatermark: 1e12 - 60_000, inPoolUsage: 1, watermarkHolder: 'flights[0]' }),
        subtask('per-hour', 1, { busyTimeMsPerSecond: 500, idleTimeMsPerSecond: 500 }),
      ],
    },
  ],
}

const plain = (_style: string, text: string): string => text

describe('the picture of tidemark top', () => {
  test('says who is waited for, what event time waits for, and how the last checkpoint went', () => {
    const text = topLines(JOB, { columns: 200, style: plain }).join('\n')
    expect(text).toContain('flights · running 3 min')
    expect(text).toContain('bottleneck per-hour[0], busy 100 % · flights[0] waits for room 80 % of its time')
    expect(text).toContain('at per-hour[0] · waits for a.parquet')
    expect(text).toContain('checkpoint #41 4.0 s ago · 1.2 MB in 38 ms')
    expect(text).toContain('barrier 1 ms, alignment 2 ms, cut 3 ms, written 9 ms')
    expect(text).toContain('41 completed · 2 failed · #42 on its way for 70 ms, 1 of 4 answered')
    expect(text).toMatch(/^flights\[0\] +0 +██▒▒▒▒▒▒▒▒ +20 % +80 % +0 % +1\.2 M +46 k/m)
    expect(text).toMatch(/^flights\[1\] +1 +ended .* end  /m)
    expect(text).toMatch(/^per-hour\[1\] +1 +█████░░░░░ +50 % +0 % +50 %/m)
    expect(text).toMatch(/^per-hour\[0\] .* 100 % .* 60 s/m)
  })

  test('TL-1 no line is wider than the terminal, whatever its width, and the busy column stays', () => {
    for (let columns = 24; columns <= 160; columns++) {
      const lines = topLines(JOB, { columns, style: plain })
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
      expect(lines.find((line) => line.startsWith('subtask'))).toContain('busy')
      expect(lines.filter((line) => line.includes('%')).length).toBeGreaterThanOrEqual(4)
    }
  })

  test('TL-2 colours add to the signs and change none of them; without colours there is no escape', () => {
    const colored = terminalForTest({ color: true }).terminal
    const bare = terminalForTest({ color: false }).terminal
    const draw = (terminal: typeof bare): string =>
      topLines(JOB, { columns: 100, style: (style, text) => terminal.style(style, text) }).join('\n')
    const escape = String.fromCharCode(27)
    expect(draw(bare)).not.toContain(escape)
    expect(draw(colored)).toContain(escape)
    expect(draw(colored).replaceAll(new RegExp(`${escape}\\[[0-9]+m`, 'g'), '')).toBe(draw(bare))
  })

  test('a job that is not deployed, or has had no checkpoint, is said to be so', () => {
    const text = topLines({ ...JOB, vertices: [], checkpoint: { completed: 0, failed: 0 } }, { columns: 80, style: plain })
    expect(text.join('\n')).toContain('no checkpoint yet · 0 completed')
    expect(text.join('\n')).toContain('nothing is deployed')
  })
})

describe('the screen', () => {
  test('writes each picture over the one before, and shows the cursor when it is left', () => {
    const written: string[] = []
    const screen = new Screen({ write: (text) => written.push(text) }, () => 10)
    screen.show(['a', 'b'])
    screen.show(['c'])
    screen.close()
    const escape = String.fromCharCode(27)
    expect(written[0]).toBe(`${escape}[?25l\ra${escape}[K\nb${escape}[K\n${escape}[J`)
    expect(written[1]).toBe(`${escape}[?25l${escape}[2A\rc${escape}[K\n${escape}[J`)
    expect(written[2]).toBe(`${escape}[?25h`)
  })

  test('TP-2 a picture that is taller than the terminal ends with the count of what is left out', () => {
    const written: string[] = []
    new Screen({ write: (text) => written.push(text) }, () => 4).show(['1', '2', '3', '4', '5'])
    const lines = (written[0] as string).split('\n')
    expect(lines.length - 1).toBe(3)
    expect(lines[2]).toContain('… 3 more lines')
  })
})
