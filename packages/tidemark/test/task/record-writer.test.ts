/** The sending end of an edge: which record goes where. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChannelItem } from '../../src/channel/items.ts'
import { LocalChannel } from '../../src/channel/local-channel.ts'
import { subtaskOfGroup } from '../../src/graph/key-groups.ts'
import type { Key } from '../../src/graph/key.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import { generator } from '../../src/task/fused/fused.ts'
import { RecordWriter } from '../../src/task/record-writer.ts'

const MAX_PARALLELISM = 128

function keyed(size: number, batchRecords = 4) {
  const channels = Array.from({ length: size }, () => new LocalChannel('keys[0]', 8))
  const writer = new RecordWriter({
    ship: { kind: 'hash', keyOf: (value) => (typeof value === 'object' ? value?.key : value) as Key }, channels, operator: 'keys', maxParallelism: MAX_PARALLELISM,
    batchRecords, pressure: { full: false }, firstTarget: 0,
  })
  const taken = (channel: number): ChannelItem[] => {
    const items: ChannelItem[] = []
    for (let item = channels[channel]?.pull(); item !== undefined; item = channels[channel]?.pull()) items.push(item)
    return items
  }
  return { writer, taken }
}

const anyKey = fc.oneof(
  fc.integer({ min: -3000, max: 3000 }), fc.double({ noNaN: true }), fc.constantFrom(0, -0, 2 ** 31, 2 ** 32, 1025, 1),
  fc.string({ unit: 'grapheme' }), fc.bigInt(),
)

test('RW-2: a key goes to the subtask of its key group, called or in line, however often and whatever came before', () => {
  fc.assert(fc.property(fc.array(anyKey, { maxLength: 60 }), fc.integer({ min: 2, max: 5 }), fc.boolean(), (keys, size, inLine) => {
    const { writer, taken } = keyed(size)
    const { collect, inline } = writer
    const write = inLine
      ? generator(() => [{ collect, inline, next: () => [] }], 'keys')<typeof collect>(['value', 'time'], (code) => code.next('main', 'value', 'time'))
      : collect
    for (const key of [...keys, ...keys]) write?.(key, 0)
    writer.flush()
    const expected = Array.from({ length: size }, (): Key[] => [])
    for (const key of [...keys, ...keys]) {
      expected[subtaskOfGroup(keyGroupOf(key, MAX_PARALLELISM), size, MAX_PARALLELISM)]?.push(key)
    }
    for (let i = 0; i < size; i++) {
      expect(taken(i).flatMap((item) => (item.kind === 'data' ? item.values : []))).toEqual(expected[i])
    }
  }))
})

test('RW-2: what is no key is refused, also at the place of one that was seen', () => {
  const { writer } = keyed(2)
  writer.collect(0, 0)
  for (const bad of [Number.NaN, undefined, null, {}, true]) expect(() => writer.collect(bad, 0)).toThrow(expect.objectContaining({ code: 'E072' }))
})
