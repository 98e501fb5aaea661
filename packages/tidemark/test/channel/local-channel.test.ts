import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LocalChannel } from '../../src/channel/local-channel.ts'
import type { ChannelItem } from '../../src/channel/items.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('CH-1: items leave in the order in which they came, whatever the turns', () => {
  fc.assert(fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (turns) => {
    const channel = new LocalChannel('s', 4)
    const model: ChannelItem[] = []
    let next = 0
    for (const push of turns) {
      if (push) {
        const item: ChannelItem = { kind: 'watermark', watermark: next++ }
        model.push(item)
        channel.push(item)
      } else {
        expect(channel.pull()).toBe(model.shift())
      }
      expect(channel.length).toBe(model.length)
      expect(channel.at(0)).toBe(model[0])
    }
  }))
})

test('CH-3: what was taken is let go, also where the queue is never empty', async () => {
  const channel = new LocalChannel('s', 4)
  const taken: WeakRef<object>[] = []
  const turn = (): void => {
    const values = [{}]
    taken.push(new WeakRef(values))
    channel.push({ kind: 'data', values, timestamps: [0] })
    if (channel.length > 3) channel.pull()
  }
  for (let i = 0; i < 1000; i++) turn()
  // A WeakRef keeps its target until the present job has ended.
  await new Promise((done) => setImmediate(done))
  collectGarbage()
  expect(channel.length).toBe(3)
  expect(taken.filter((reference) => reference.deref() !== undefined).length).toBeLessThanOrEqual(6)
})
