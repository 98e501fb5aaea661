/**
 * Complex events: maps the description of a pattern to an operator and plays it in all modes.
 */
import { TIMED_OUT, type MatchSpec } from '../../graph/operator-spec.ts'
import type { Key } from '../../graph/key.ts'
import {
  ONCE, type PatternCondition, type PatternItem, type PatternSpec, type SkipSpec,
} from '../../graph/pattern-spec.ts'
import { canonical, verifyInAllModes, type ScriptStep } from '../operator-script.ts'
import { check, list, stepsOf, unsupported, type Case, type Json } from './case.ts'

/** An event of a case: an id, a name and a price, with a mark in front if it is of a subtype. */
interface Event {
  readonly sub: boolean
  readonly id: unknown
  readonly name: unknown
  readonly price: number | undefined
  readonly given: unknown
}

interface Operation {
  readonly pattern: PatternSpec
  /** A match as the case writes it. */
  readonly match: (records: Json) => unknown
  readonly timedOut: ((records: Json) => unknown) | undefined
}

function eventOf(given: unknown): Event {
  const fields = list(given, 'an event')
  const sub = fields[0] === 'sub'
  const [id, name, price] = sub ? fields.slice(1) : fields
  return { sub, id, name, price: price as number | undefined, given }
}

export function runPatternCase(test: Case): void {
  const { operation } = test
  const { pattern, match, timedOut } = operationOf(operation)
  const key = operation['key']
  if (key !== undefined && key !== 'id') unsupported(`key ${JSON.stringify(key)}`)
  const ordered = operation['extra'] === 'events of equal timestamp ordered by price'
  const operator: MatchSpec = {
    kind: 'match', pattern, keyOf: key === undefined ? () => 0 : (event: Event) => event.id as Key,
    ...(ordered ? { compare: (a: Event, b: Event) => Number(a.price) - Number(b.price) } : {}),
  }
  const outputs = verifyInAllModes({ operator, steps: patternSteps(test.given) }).flat()
  const written = (tag: string, write: (records: Json) => unknown): unknown[] =>
    outputs.flatMap((each) => (each.kind === 'record' && each.tag === tag ? [write(recordsIn(each.value))] : []))
  const found = { match: written('main', match), timeout: timedOut === undefined ? [] : written(TIMED_OUT, timedOut) }
  compare(found, expectedOf(test), test.order)
}

const recordsIn = (value: unknown): Json => (value as { readonly records: Json }).records

/** Events in their order where the case gives no times; at the end of the input all time is over. */
function patternSteps(given: unknown): ScriptStep[] {
  const entries = list(given, 'given')
  const steps = entries.every(Array.isArray)
    ? entries.map((value, i): ScriptStep => ({ kind: 'send', value, timestamp: i }))
    : stepsOf(entries)
  const events = steps.map((step) => (step.kind === 'send' ? { ...step, value: eventOf(step.value) } : step))
  return [...events, { kind: 'watermark', watermark: Number.MAX_SAFE_INTEGER }]
}

function operationOf(operation: Json): Operation {
  const kind = String(operation['kind'])
  const repeated = /^pattern: (\d+) times "([^"]+)", (.+)$/.exec(kind)
  if (repeated !== null) {
    const count = Number(repeated[1])
    if (operation['output'] !== 'first element of each match') unsupported(`output ${String(operation['output'])}`)
    const items = [stepOf('step', 'any', named(repeated[2] as string), count)]
    return {
      pattern: { items, skip: skipOf(repeated[3] as string), ...withinOf(operation) },
      match: (records) => (records['step'] as readonly Event[])[0]?.given, timedOut: undefined,
    }
  }
  const parts = /^pattern (.+), by name$/.exec(kind)?.[1]?.split(' -> ')
  if (parts === undefined) return unsupported(`operation ${kind}`)
  const extra = operation['extra'] === undefined ? undefined : String(operation['extra'])
  const items = parts.map((part): PatternItem => itemOf(part, extra))
  return { pattern: { items, skip: { kind: 'none' }, ...withinOf(operation) }, ...outputOf(operation['output']) }
}

const withinOf = (operation: Json): { readonly withinMs?: number } =>
  operation['within_ms'] === undefined ? {} : { withinMs: Number(operation['within_ms']) }

const CONTIGUITY = { next: 'strict', followedBy: 'relaxed', followedByAny: 'any' } as const

/** 'start', '(followedByAny) middle', '(notNext) other'. */
function itemOf(part: string, extra: string | undefined): PatternItem {
  const match = /^(?:\((\w+)\) )?(\S+)$/.exec(part)
  if (match === null) return unsupported(`step ${part}`)
  const [, call = 'followedByAny', name = ''] = match
  const where = conditionOf(name, extra)
  if (call === 'notNext' || call === 'notFollowedBy') {
    return { kind: 'absence', name, where, scope: call === 'notNext' ? 'next' : 'between' }
  }
  if (!Object.hasOwn(CONTIGUITY, call)) return unsupported(`contiguity ${call}`)
  return stepOf(name, CONTIGUITY[call as keyof typeof CONTIGUITY], where, 1)
}

function stepOf(
  name: string, contiguity: 'strict' | 'relaxed' | 'any', where: PatternCondition, times: number,
): PatternItem {
  return { kind: 'step', name, contiguity, optional: false, where, repeat: { ...ONCE, from: times, to: times } }
}

const named = (name: string): PatternCondition => (event: Event) => event.name === name

/** By name, unless the case says otherwise of this step. */
function conditionOf(name: string, extra: string | undefined): PatternCondition {
  if (extra === undefined || extra === 'events of equal timestamp ordered by price') return named(name)
  const subtype = /^(\w+) must be a SubEvent$/.exec(extra)
  if (subtype !== null) {
    return subtype[1] === name ? (event: Event) => event.sub && event.name === name : named(name)
  }
  const prices = /^(\w+): (price == [\d.]+(?: or price == [\d.]+)*)$/.exec(extra)
  if (prices === null) return unsupported(`extra ${extra}`)
  if (prices[1] !== name) return named(name)
  const wanted = [...(prices[2] as string).matchAll(/price == ([\d.]+)/g)].map((each) => Number(each[1]))
  return (event: Event) => wanted.includes(Number(event.price))
}

function skipOf(text: string): SkipSpec {
  const kinds: Readonly<Record<string, SkipSpec>> = {
    'skip past the last event of a match': { kind: 'past-last' },
    'skip to the next event': { kind: 'to-next' },
    'no skip': { kind: 'none' },
  }
  return kinds[text] ?? unsupported(`skip strategy ${text}`)
}

/** 'ids start,middle,end'; 'match: prices start,middle,end; timeout: price of start'. */
function outputOf(given: unknown): Pick<Operation, 'match' | 'timedOut'> {
  const both = /^match: (.+); timeout: (.+)$/.exec(String(given))
  if (both === null) return { match: writerOf(String(given)), timedOut: undefined }
  return { match: writerOf(both[1] as string), timedOut: writerOf(both[2] as string) }
}

function writerOf(text: string): (records: Json) => unknown {
  const match = /^(id|price)s? (?:of )?([\w,]+)$/.exec(text)
  if (match === null) return unsupported(`output ${text}`)
  const field = match[1] as 'id' | 'price'
  const steps = (match[2] as string).split(',')
  return (records) =>
    steps.flatMap((step) => ((records[step] ?? []) as readonly Event[]).map((event) => event[field])).join(',')
}

interface Found {
  readonly match: readonly unknown[]
  readonly timeout: readonly unknown[]
}

/** Matches, and what timed out: beside them, marked, or in a list of their own. */
function expectedOf({ expected, expected_side_output: side }: Case): Found & { readonly mixed: boolean } {
  if (!Array.isArray(expected)) {
    const { match, timeout, timed_out: timedOut = timeout } = (expected ?? {}) as Json
    return { match: list(match, 'expected.match'), timeout: list(timedOut, 'expected.timeout'), mixed: false }
  }
  const entries = expected.map((entry): readonly [keyof Found | undefined, unknown] => {
    if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) {
      if ('match' in entry) return ['match', entry.match]
      if ('timeout' in entry) return ['timeout', entry.timeout]
      return 'record' in entry ? [undefined, entry.record] : unsupported(`expected ${JSON.stringify(entry)}`)
    }
    const marked = /^(match|timeout|Left|Right)(?::\s*|\()([^)]*)\)?$/.exec(String(entry))
    if (marked === null) return [undefined, entry]
    return [marked[1] === 'timeout' || marked[1] === 'Left' ? 'timeout' : 'match', marked[2]]
  })
  const of = (kind: keyof Found): unknown[] => entries.flatMap(([each, text]) => (each === kind ? [text] : []))
  const plain = entries.flatMap(([each, text]) => (each === undefined ? [text] : []))
  const apart = side !== undefined || entries.some(([kind]) => kind !== undefined)
  return { match: [...plain, ...of('match')], timeout: [...of('timeout'), ...(side ?? [])], mixed: !apart }
}

/** Prices may be written 2 or 2.0. */
function normal(value: unknown): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : canonical(value)
  const one = (part: string): string => (/^\s*-?\d+(\.\d+)?\s*$/.test(part) ? String(Number(part)) : part.trim())
  return text.split(',').map(one).join(',')
}

function compare(found: Found, expected: Found & { readonly mixed: boolean }, order: string | undefined): void {
  const exact = order?.startsWith('exact') === true
  const text = (values: readonly unknown[]): string => {
    const texts = values.map(normal)
    return JSON.stringify(exact ? texts : texts.sort())
  }
  const same = (name: string, got: readonly unknown[], wanted: readonly unknown[]): void =>
    check(text(got) === text(wanted), () => `${name}: got ${text(got)}, expected ${text(wanted)}`)
  if (expected.mixed) return same('outputs', [...found.match, ...found.timeout], expected.match)
  same('matches', found.match, expected.match)
  same('timeouts', found.timeout, expected.timeout)
}
