import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { didYouMean, editDistance } from '../../src/base/did-you-mean.ts'

describe('did you mean', () => {
  test.each([
    ['ouput', 'output'], ['grpah', 'graph'], ['chekpointEvery', 'checkpointEvery'], ['RUN', 'run'], ['ou', 'out'],
  ])('%s is near %s', (given, wanted) => {
    const known = ['output', 'out', 'graph', 'checkpointEvery', 'run'].filter((name) => name === wanted)
    expect(didYouMean(given, ['version', ...known])).toBe(wanted)
  })

  test('a word that is like none of the known ones gets no suggestion', () => {
    expect(didYouMean('banana', ['run', 'graph', 'checkpoint'])).toBeUndefined()
  })

  test('of two names that are equally near the one with the same first letter wins', () => {
    expect(didYouMean('ouput', ['input', 'out'])).toBe('out')
  })

  test('the nearest of several wins', () => {
    expect(didYouMean('lists', ['lisp', 'list'])).toBe('list')
  })

  test('the distance is 0 exactly for equal words, and symmetric', () => {
    fc.assert(fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b) === 0).toBe(a === b)
    }))
  })

  test('one edit costs at most one', () => {
    fc.assert(fc.property(fc.string(), fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (word, place, letter) => {
      const at = place % (word.length + 1)
      expect(editDistance(word, word.slice(0, at) + letter + word.slice(at))).toBe(1)
      expect(editDistance(word, word.slice(0, at) + word.slice(at + 1))).toBe(at < word.length ? 1 : 0)
    }))
  })
})
