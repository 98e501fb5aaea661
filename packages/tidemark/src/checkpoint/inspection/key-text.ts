/**
 * Keys as people write and read them: one text form for the command line and for every answer.
 *
 *   JFK, two words   a string as it is
 *   7, -1.5, 1e999   a number (the last one is Infinity)
 *   7n               a bigint
 *   "7", ""          a string in double quotes, as in JSON: what would else be read as another kind
 *
 *   KT-1  `parseKey(formatKey(key))` is the key, for every key there can be.
 *   KT-2  Different keys have different texts.
 */
import type { Key } from '../../graph/key.ts'
import { checkKey } from '../../record/key-codec.ts'
import { isWellFormed } from '../../record/well-formed.ts'
import { E147_BAD_NAME } from './errors.ts'

const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/
const BIGINT = /^-?(0|[1-9][0-9]*)n$/
/** Control characters, and spaces at the ends, would not be seen. */
// oxlint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]|^\s|\s$/

/** Throws E147. */
export function parseKey(text: string): Key {
  if (BIGINT.test(text)) return BigInt(text.slice(0, -1))
  if (NUMBER.test(text)) return checkKey(Number(text), 'key')
  const string = text.startsWith('"') ? unquoted(text) : text
  if (isWellFormed(string)) return string
  throw E147_BAD_NAME({ given: text, what: 'key', problem: 'it holds half a surrogate pair' })
}

function unquoted(text: string): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (typeof value === 'string') return value
  throw E147_BAD_NAME({ given: text, what: 'key', problem: 'it begins with a quote and is no JSON string' })
}

export function formatKey(key: Key): string {
  if (typeof key === 'bigint') return `${key}n`
  if (typeof key === 'number') {
    return Number.isFinite(key) ? String(key) : key > 0 ? '1e999' : '-1e999'
  }
  const bare = key !== '' && !key.startsWith('"') && !NUMBER.test(key) && !BIGINT.test(key) && !HIDDEN.test(key)
  return bare ? key : JSON.stringify(key)
}

/** The other keys that the same text might have meant: `7` for the string "7" or 7n. */
export function otherKinds(key: Key): readonly Key[] {
  const text = String(key)
  const kinds: Key[] = [text]
  if (NUMBER.test(text)) kinds.push(Number(text) + 0)
  if (/^-?(0|[1-9][0-9]*)$/.test(text)) kinds.push(BigInt(text))
  return kinds.filter((other) => other !== key)
}
