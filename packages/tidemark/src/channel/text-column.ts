/**
 * The strings of one column as one text: written by one call, read by one call and cut apart.
 *
 * Called by batch-codec.ts. Lengths (UTF-16 units) are with the column; here are only the characters:
 * [bytes, form] as int32, then UTF-8, or the plain UTF-16 units if half a surrogate pair is left in it.
 *
 *   TV-1  Every string comes back equal in every unit.
 *   TV-2  A string that is kept holds at most `MOST_PINNED` characters of others: V8 cuts strings without a
 *         copy, so a key in state would otherwise hold the text of its whole batch. For this the text is
 *         copied in pieces before it is cut.
 */
import { assert } from '../base/assert.ts'
import { isWellFormed } from '../record/well-formed.ts'
import { padded } from './columns.ts'
import type { Scratch } from './scratch.ts'

const UTF8 = 0
const UTF16 = 1
const MOST_PINNED = 512
/** As many arguments as fit on any stack. */
const UNITS_A_CALL = 4096

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Writes at byte `start` (a multiple of 8); gives the end, a multiple of 8. */
export function writeText(scratch: Scratch, start: number, text: string): number {
  const at = start + 8
  scratch.reserve(at + 3 * text.length + 8, start)
  let { written } = encoder.encodeInto(text, scratch.bytes.subarray(at))
  // As many bytes as units: all ASCII, so nothing to look for.
  const form = written === text.length || isWellFormed(text) ? UTF8 : UTF16
  if (form === UTF16) {
    written = 2 * text.length
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      scratch.bytes[at + 2 * i] = unit & 0xff
      scratch.bytes[at + 2 * i + 1] = unit >>> 8
    }
  }
  scratch.ints[start >> 2] = written
  scratch.ints[(start >> 2) + 1] = form
  const end = padded(at + written)
  scratch.bytes.fill(0, at + written, end)
  return end
}

/** `n` strings of the text at byte `start`, whose lengths are from `lengthsAt` (an index in `ints`) on. */
export function readText(
  scratch: Scratch, start: number, lengthsAt: number, n: number,
): { strings: string[]; end: number } {
  const { bytes, ints } = scratch
  const size = ints[start >> 2] as number
  const at = start + 8
  const body = bytes.subarray(at, at + size)
  const text = ints[(start >> 2) + 1] === UTF8 ? decoder.decode(body) : fromUnits(body)
  return { strings: cut(text, ints, lengthsAt, n), end: padded(at + size) }
}

function cut(text: string, lengths: Int32Array, lengthsAt: number, n: number): string[] {
  const strings: string[] = []
  let at = 0
  let piece = ''
  let pieceAt = 0
  let pieceEnd = 0
  for (let i = 0; i < n; i++) {
    const end = at + (lengths[lengthsAt + i] as number)
    if (end > pieceEnd) {
      pieceEnd = end
      for (let j = i + 1; j < n; j++) {
        const next = pieceEnd + (lengths[lengthsAt + j] as number)
        if (next - at > MOST_PINNED) break
        pieceEnd = next
      }
      // Joined with another character, the cut text has no characters of its own until it is copied.
      piece = ` ${text.substring(at, pieceEnd)}`
      pieceAt = at - 1
    }
    strings.push(piece.substring(at - pieceAt, end - pieceAt))
    at = end
  }
  assert(at === text.length, 'the lengths cover the text')
  return strings
}

function fromUnits(bytes: Uint8Array): string {
  let text = ''
  const units: number[] = []
  for (let i = 0; i < bytes.length; i += 2) {
    units.push((bytes[i] as number) | ((bytes[i + 1] as number) << 8))
    if (units.length === UNITS_A_CALL) text += String.fromCharCode(...units.splice(0))
  }
  return text + String.fromCharCode(...units)
}
