import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import { BarrierHandler } from '../../src/task/barrier-handler.ts'

const barrier = (id: number) => ({ id: checkpointId(id), timestampMs: 0 })

function handler(channels: number, recordable?: (channel: number) => boolean) {
  const log: string[] = []
  const blocked = new Set<number>()
  const subject = new BarrierHandler(channels, {
    block: (channel) => {
      expect(blocked.has(channel)).toBe(false)
      blocked.add(channel)
    },
    unblock: (channel) => {
      expect(blocked.has(channel)).toBe(true)
      blocked.delete(channel)
    },
    snapshot: (b, last, missing) => log.push(
      `snapshot ${b.id} last ${last}${missing.length === 0 ? '' : ` without ${missing.join(' ')}`}`,
    ),
    aborted: (id, reason) => log.push(`aborted ${id} ${reason}`),
    alignmentStarted: (b) => log.push(`started ${b.id}`),
  }, recordable)
  return { subject, log, blocked }
}

describe('aligned barriers', () => {
  test('a channel is blocked from its barrier to the snapshot, and the snapshot waits for all', () => {
    const { subject, log, blocked } = handler(3)
    subject.onBarrier(barrier(1), 0)
    subject.onBarrier(barrier(1), 2)
    expect([...blocked]).toEqual([0, 2])
    subject.onBarrier(barrier(1), 1)
    expect(log).toEqual(['started 1', 'snapshot 1 last 1'])
    expect(blocked.size).toBe(0)
  })

  test('edge 1: a newer barrier subsumes the alignment and is the first of the new one', () => {
    const { subject, log, blocked } = handler(2)
    subject.onBarrier(barrier(1), 0)
    subject.onBarrier(barrier(2), 1)
    expect(log).toEqual(['started 1', 'aborted 1 subsumed', 'started 2'])
    expect([...blocked]).toEqual([1])
    subject.onBarrier(barrier(2), 0)
    expect(log.at(-1)).toBe('snapshot 2 last 0')
  })

  test('edge 2: a cancel before any barrier swallows the barriers that come later', () => {
    const { subject, log, blocked } = handler(2)
    subject.onCancel(checkpointId(3))
    subject.onBarrier(barrier(3), 0)
    subject.onBarrier(barrier(3), 1)
    expect(log).toEqual(['aborted 3 cancelled-by-upstream'])
    expect(blocked.size).toBe(0)
  })

  test('edge 3: a cancel of a later checkpoint ends the alignment, and only that later one is reported', () => {
    const { subject, log, blocked } = handler(2)
    subject.onBarrier(barrier(1), 0)
    subject.onCancel(checkpointId(3))
    expect(log).toEqual(['started 1', 'aborted 3 cancelled-by-upstream'])
    expect(blocked.size).toBe(0)
    subject.onBarrier(barrier(1), 1)
    expect(log).toHaveLength(2)
  })

  test('edge 4: a cancel of an older checkpoint changes nothing', () => {
    const { subject, log } = handler(2)
    subject.onBarrier(barrier(5), 0)
    subject.onCancel(checkpointId(4))
    subject.onBarrier(barrier(5), 1)
    expect(log).toEqual(['started 5', 'snapshot 5 last 1'])
  })

  test('a cancel of the current checkpoint after its snapshot is ignored', () => {
    const { subject, log } = handler(1)
    subject.onBarrier(barrier(1), 0)
    subject.onCancel(checkpointId(1))
    expect(log).toEqual(['started 1', 'snapshot 1 last 0'])
  })

  test('edge 5: the end of a channel that delivered its barrier does not count twice', () => {
    const { subject, log } = handler(3)
    subject.onBarrier(barrier(1), 0)
    subject.onChannelEnded(0)
    expect(log).toEqual(['started 1'])
    subject.onBarrier(barrier(1), 1)
    expect(log).toEqual(['started 1'])
    subject.onBarrier(barrier(1), 2)
    expect(log.at(-1)).toBe('snapshot 1 last 2')
  })

  test('edge 6: the end of the last missing channel takes the snapshot', () => {
    const { subject, log } = handler(2)
    subject.onBarrier(barrier(1), 0)
    subject.onChannelEnded(1)
    expect(log).toEqual(['started 1', 'snapshot 1 last 1'])
  })

  test('edge 7: a channel that ended before the first barrier is not waited for', () => {
    const { subject, log } = handler(2)
    subject.onChannelEnded(1)
    subject.onBarrier(barrier(1), 0)
    expect(log).toEqual(['started 1', 'snapshot 1 last 0'])
  })

  test('edge 8: with all inputs ended a trigger by message takes the snapshot at once', () => {
    const { subject, log } = handler(2)
    subject.onChannelEnded(0)
    subject.onChannelEnded(1)
    subject.onTrigger(barrier(4))
    expect(log).toEqual(['started 4', 'snapshot 4 last -1'])
  })

  test('edge 9: a trigger while ends of channels are unread waits for them, blocks none, and takes one snapshot', () => {
    const { subject, log, blocked } = handler(3)
    subject.onChannelEnded(0)
    subject.onTrigger(barrier(4))
    expect(log).toEqual(['started 4'])
    expect(blocked.size).toBe(0)
    subject.onChannelEnded(1)
    expect(log).toEqual(['started 4'])
    subject.onChannelEnded(2)
    expect(log).toEqual(['started 4', 'snapshot 4 last 2'])
  })

  test('edge 10: duplicate barriers are harmless, before and after the snapshot', () => {
    const { subject, log, blocked } = handler(2)
    subject.onBarrier(barrier(1), 0)
    subject.onBarrier(barrier(1), 0)
    expect([...blocked]).toEqual([0])
    subject.onBarrier(barrier(1), 1)
    subject.onBarrier(barrier(1), 1)
    expect(log).toEqual(['started 1', 'snapshot 1 last 1'])
    expect(blocked.size).toBe(0)
  })

  test('model: whatever arrives, ids of snapshots increase and blocked means delivered and aligning', () => {
    const event = fc.record({
      kind: fc.constantFrom('barrier', 'barrier', 'barrier', 'cancel', 'end', 'trigger', 'overtake'),
      channel: fc.nat(2),
      step: fc.nat(2),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const { subject, log, blocked } = handler(3)
        const ended = new Set<number>()
        // What a channel may legally deliver: barriers in increasing order, nothing while blocked or ended.
        const last = [0, 0, 0]
        let newest = 0
        for (const { kind, channel, step } of events) {
          const open = !ended.has(channel) && !blocked.has(channel)
          if (kind === 'trigger') {
            newest += 1
            subject.onTrigger(barrier(newest))
          } else if (kind === 'overtake') {
            newest = Math.max(1, newest)
            subject.onOvertake(barrier(newest))
            expect(subject.aligning).toBe(undefined)
          } else if (open && kind === 'end') {
            ended.add(channel)
            subject.onChannelEnded(channel)
          } else if (open && kind === 'barrier') {
            const id = Math.max((last[channel] as number) + 1, newest + step - 1, 1)
            last[channel] = id
            newest = Math.max(newest, id)
            subject.onBarrier(barrier(id), channel)
          } else if (kind === 'cancel') {
            subject.onCancel(checkpointId(Math.max(1, newest + step - 1)))
            newest = Math.max(newest, newest + step - 1)
          }
          if (subject.aligning === undefined) expect(blocked.size).toBe(0)
        }
        const ids = log.filter((line) => line.startsWith('snapshot')).map((line) => Number(line.split(' ')[1]))
        expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
      }),
    )
  })
})

describe('barriers that overtake', () => {
  test('BH-5: before any barrier the snapshot is taken at once, without all open channels', () => {
    const { subject, log, blocked } = handler(3)
    subject.onChannelEnded(2)
    subject.onOvertake(barrier(1))
    expect(log).toEqual(['started 1', 'snapshot 1 last -1 without 0 1'])
    subject.onBarrier(barrier(1), 0)
    subject.onBarrier(barrier(1), 1)
    expect(log).toHaveLength(2)
    expect(blocked.size).toBe(0)
  })

  test('BH-5: while some inputs are blocked it is taken without the others, and the blocked ones go on', () => {
    const { subject, log, blocked } = handler(3)
    subject.onBarrier(barrier(1), 1)
    subject.onOvertake(barrier(1))
    expect(log.at(-1)).toBe('snapshot 1 last -1 without 0 2')
    expect(blocked.size).toBe(0)
  })

  test('BH-5: what cannot be recorded is waited for, and its barrier takes the snapshot without the rest', () => {
    const { subject, log, blocked } = handler(3, (channel) => channel !== 1)
    subject.onOvertake(barrier(1))
    subject.onBarrier(barrier(1), 0)
    expect(log).toEqual(['started 1'])
    expect([...blocked]).toEqual([0])
    subject.onBarrier(barrier(1), 1)
    expect(log.at(-1)).toBe('snapshot 1 last 1 without 2')
    expect(blocked.size).toBe(0)
  })

  test('an old checkpoint is not overtaken: after its snapshot, after a cancel, and after a newer barrier', () => {
    const { subject, log } = handler(2)
    subject.onOvertake(barrier(1))
    subject.onOvertake(barrier(1))
    subject.onCancel(checkpointId(2))
    subject.onOvertake(barrier(2))
    subject.onBarrier(barrier(3), 0)
    subject.onOvertake(barrier(2))
    expect(log).toEqual(['started 1', 'snapshot 1 last -1 without 0 1', 'aborted 2 cancelled-by-upstream', 'started 3'])
  })

  test('a newer checkpoint begins aligned again', () => {
    const { subject, log } = handler(2)
    subject.onOvertake(barrier(1))
    subject.onBarrier(barrier(2), 0)
    expect(log.at(-1)).toBe('started 2')
    subject.onBarrier(barrier(2), 1)
    expect(log.at(-1)).toBe('snapshot 2 last 1')
  })
})
