import { expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { KeyMatches } from '../../src/operator/cep/key-matches.ts'
import { WaitingRecords } from '../../src/operator/cep/waiting-records.ts'

/** Some that come in order, some that come after a later one; many chunks of them, taken a few or many at a time. */
test('WR-1: records come by event time, then in order of arrival, each after its time and with its place', () => {
  for (let seed = 0; seed < 30; seed++) {
    const random = new Prng(seed)
    const places = Array.from({ length: 5 }, (_, key) => new KeyMatches(key))
    const disorder = random.below(3) === 0 ? 0 : random.below(200)
    const waiting = new WaitingRecords(-1)
    const model: { time: number; place: KeyMatches; value: number }[] = []
    let value = 0
    let now = 0
    for (let round = 0; round < 40; round++) {
      for (let left = random.below(200); left > 0; left--) {
        now += random.below(3)
        const time = Math.max(waiting.limit + 1, now - random.below(disorder + 1))
        const place = places[random.below(5)] as KeyMatches
        waiting.add(place, value, time)
        model.push({ time, place, value: value++ })
      }
      const limit = round === 39 ? now : Math.max(waiting.limit, now - random.below(400))
      const due = model.filter((each) => each.time <= limit).sort((a, b) => a.time - b.time)
      model.splice(0, model.length, ...model.filter((each) => each.time > limit))
      const taken: typeof model = []
      let reached = -Infinity
      waiting.take(limit, (time) => { reached = time }, (place, given) => {
        taken.push({ time: reached, place, value: given as number })
      })
      expect(taken).toEqual(due)
      expect(waiting.limit).toBe(limit)
      expect(waiting.size).toBe(model.length)
      expect(waiting.places()).toEqual(new Set(model.map(({ place }) => place)))
    }
    expect(waiting.size).toBe(0)
  }
})
