/**
 * What tables of numbers have in common: their memory, and where in it a number is looked for.
 *
 * Used by number-table.ts and number-cells.ts. The hash is kept nowhere; that of keys which lasts is in record/key-codec.ts.
 *
 * Source: Knuth, The Art of Computer Programming 3, 6.4 (multiplicative hashing).
 */

/** Shared memory: large plain buffers in a worker slow down its exchange with others (DESIGN §5.5). */
export const numbers = (length: number): Float64Array => new Float64Array(new SharedArrayBuffer(length * 8))
export const places = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(length * 4))

// Only a way to see the two halves of a number: written and read within one call, it keeps nothing.
const float = new Float64Array(1)
const halves = new Uint32Array(float.buffer)

/** An int32; 0 and -0 have the same. */
export function tableHash(key: number): number {
  const whole = key | 0
  const h = Math.imul(whole === key ? whole : mixed(key), 0x9e3779b1)
  return h ^ (h >>> 15)
}

function mixed(key: number): number {
  float[0] = key
  const h = Math.imul(halves[0] as number, 0x85ebca6b) ^ Math.imul(halves[1] as number, 0xc2b2ae35)
  return h ^ (h >>> 15)
}
