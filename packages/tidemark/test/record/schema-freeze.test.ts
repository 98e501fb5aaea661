import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expect, test } from 'vitest'
import { E011_SCHEMA_MISMATCH } from '../../src/record/errors.ts'
import { deepFreeze } from '../../src/record/freeze.ts'
import { jsonSchemaOf, validateSync } from '../../src/record/schema.ts'

type Answer = ReturnType<StandardSchemaV1['~standard']['validate']>
const schemaOf = (validate: (value: unknown) => Answer, more: object = {}): StandardSchemaV1 => ({
  '~standard': { version: 1, vendor: 'test', validate, ...more },
})

test('the value of a valid record is what the schema made of it', () => {
  expect(validateSync(schemaOf((v) => ({ value: Number(v) })), '5', 'x')).toEqual({ ok: true, value: 5 })
})

test('an invalid record gives the path and words of the first issue and counts the others', () => {
  const issues = [{ message: 'expected a number', path: ['user', { key: 'ages' }, 2] }, { message: 'other' }]
  expect(validateSync(schemaOf(() => ({ issues })), {}, 'x')).toEqual({
    ok: false, path: 'user.ages[2]', issue: 'expected a number (and 1 more)',
  })
  expect(validateSync(schemaOf(() => ({ issues: [] })), {}, 'x')).toMatchObject({ ok: false, path: '' })
  expect(validateSync(schemaOf(() => { throw new Error('boom') }), {}, 'x')).toMatchObject({ issue: 'boom' })
})

test('an asynchronous schema is E012, and its rejection does not surface later', () => {
  const schema = schemaOf(() => Promise.reject(new Error('late')))
  expect(() => validateSync(schema, 1, 'records of "clicks"')).toThrow(
    expect.objectContaining({ code: 'E012', message: expect.stringContaining('clicks') as string }),
  )
})

test('E011 says what happens to the record under each policy', () => {
  const text = (policy: 'fail' | 'drop' | 'side' | 'state'): string =>
    E011_SCHEMA_MISMATCH({ subject: 'A record', path: 'user.age', issue: 'expected number', policy }).why
  expect(new Set([text('fail'), text('drop'), text('side'), text('state')]).size).toBe(4)
  expect(text('side')).toContain('.invalid')
  const details = { subject: 'A record', path: 'user.age', issue: 'expected number', policy: 'fail' } as const
  const error = E011_SCHEMA_MISMATCH(details)
  expect(error.message).toBe('A record does not fit the schema at user.age: expected number')
})

test('the JSON Schema is taken where the vendor offers one, and missed without harm where not', () => {
  const offered = schemaOf((value) => ({ value }), { jsonSchema: { output: () => ({ type: 'number' }) } })
  const throwing = schemaOf((value) => ({ value }), { jsonSchema: { output: () => { throw new Error('no') } } })
  expect(jsonSchemaOf(offered)).toEqual({ type: 'number' })
  expect(jsonSchemaOf(throwing)).toBeUndefined()
  expect(jsonSchemaOf(schemaOf((value) => ({ value })))).toBeUndefined()
  expect(jsonSchemaOf(undefined)).toBeUndefined()
})

test('deepFreeze freezes plain data all the way down, also in Map and Set, and ends on cycles', () => {
  const inMap = { a: [1] }
  const inSet = { b: 2 }
  const value: Record<string, unknown> = { list: [{ x: 1 }], map: new Map([['k', inMap]]), set: new Set([inSet]) }
  value['self'] = value
  expect(deepFreeze(value)).toBe(value)
  for (const part of [value, value['list'], (value['list'] as unknown[])[0], inMap, inMap.a, inSet]) {
    expect(Object.isFrozen(part)).toBe(true)
  }
})

test('deepFreeze leaves bytes and instances of other classes alone', () => {
  class Counter {
    n = 0
  }
  const value = deepFreeze({ bytes: new Uint8Array(2), counter: new Counter(), date: new Date(0) })
  value.bytes[0] = 5
  value.counter.n = 1
  expect([value.bytes[0], value.counter.n]).toEqual([5, 1])
  expect(deepFreeze(null)).toBeNull()
  expect(deepFreeze('text')).toBe('text')
})
