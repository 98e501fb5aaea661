/**
 * The run-length and bit-packed hybrid, in which Parquet writes definition levels and dictionary indices.
 *
 * Called by connector/parquet-flat.ts. Pure.
 *
 * Invariants
 *   PB-1  Nothing outside [at, end) is read, and nothing outside [from, from + count) is written.
 *
 * Source: the Parquet format, Encodings, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)".
 */

/** Above this a value would not fit beside a partial byte in 31 bits; no dictionary is that large. */
const MAX_WIDTH = 24

/** Writes `count` values to `out`. False: the bytes end before, or are of a form that is not read here. */
export function readHybrid(
  bytes: Uint8Array, at: number, end: number, width: number, out: Int32Array, from: number, count: number,
): boolean {
  if (width > MAX_WIDTH || end > bytes.length) return false
  const until = from + count
  const valueBytes = (width + 7) >> 3
  let p = at
  let seen = from
  while (seen < until) {
    let header = 0
    for (let shift = 0; ; shift += 7) {
      if (p >= end || shift > 28) return false
      const byte = bytes[p++] as number
      header |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    const length = header >>> 1
    if (length === 0) return false
    if ((header & 1) === 0) {
      if (p + valueBytes > end) return false
      let value = 0
      for (let i = 0; i < valueBytes; i++) value |= (bytes[p++] as number) << (i << 3)
      const stop = Math.min(until, seen + length)
      out.fill(value, seen, stop)
      seen = stop
    } else {
      // `length` groups of eight values; the last may be filled up with values that are not wanted.
      const next = p + length * width
      if (next > end) return false
      const stop = Math.min(until, seen + length * 8)
      unpack(bytes, p, width, out, seen, stop)
      seen = stop
      p = next
    }
  }
  return true
}

function unpack(bytes: Uint8Array, at: number, width: number, out: Int32Array, from: number, until: number): void {
  const mask = (1 << width) - 1
  let p = at
  let bits = 0
  let held = 0
  for (let i = from; i < until; i++) {
    while (held < width) {
      bits |= (bytes[p++] as number) << held
      held += 8
    }
    out[i] = bits & mask
    bits >>>= width
    held -= width
  }
}
