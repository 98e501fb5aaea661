/**
 * CRC-32 (IEEE 802.3, reflected, as in zlib and gzip), sliced by four.
 *
 * In plain JavaScript because the core may not import node:zlib; any tool can check our files.
 */
/** Reflected: the coefficient of x^0 is the highest bit. */
const POLYNOMIAL = 0xedb88320
const TABLES: readonly Uint32Array[] = buildTables()

function buildTables(): Uint32Array[] {
  const tables = [0, 1, 2, 3].map(() => new Uint32Array(256))
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  for (let n = 0; n < 256; n++) {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? POLYNOMIAL ^ (c >>> 1) : c >>> 1
    t0[n] = c
  }
  const step = (c: number): number => (t0[c & 0xff] as number) ^ (c >>> 8)
  for (let n = 0; n < 256; n++) {
    t1[n] = step(t0[n] as number)
    t2[n] = step(t1[n] as number)
    t3[n] = step(t2[n] as number)
  }
  return tables
}

const X = 0x40000000

/** Product of two polynomials over GF(2) modulo that of CRC-32, both with the coefficient of x^0 in the highest bit. */
function product(a: number, b: number): number {
  let sum = 0
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) sum ^= b
    b = (b & 1) === 0 ? b >>> 1 : (b >>> 1) ^ POLYNOMIAL
  }
  return sum
}

/** x^(2^n), for the lengths in bits that a Number can have. */
const SQUARES: readonly number[] = Array.from({ length: 56 }, (_, n) => n).reduce<number[]>(
  (squares, n) => [...squares, n === 0 ? X : product(squares[n - 1] as number, squares[n - 1] as number)], [],
)

/** Checksum of two pieces one after the other, from that of each; `length` of the second in bytes. */
export function joinCrc32(first: number, second: number, length: number): number {
  let shifted = first
  // Shifted by eight times the length: x^(8 * length), bit by bit.
  for (let left = length, n = 3; left > 0; left = Math.floor(left / 2), n++) {
    if (left % 2 === 1) shifted = product(shifted, SQUARES[n] as number)
  }
  return (shifted ^ second) >>> 0
}

/** Checksum of `bytes`, continuing from `previous` (0 for the first part); an unsigned 32-bit number. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  const [t0, t1, t2, t3] = TABLES as readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  let c = ~previous
  let i = 0
  for (const end = bytes.length - 3; i < end; i += 4) {
    c ^= (bytes[i] as number) | ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24)
    c = (t3[c & 0xff] as number) ^ (t2[(c >>> 8) & 0xff] as number) ^
      (t1[(c >>> 16) & 0xff] as number) ^ (t0[c >>> 24] as number)
  }
  for (; i < bytes.length; i++) c = (t0[(c ^ (bytes[i] as number)) & 0xff] as number) ^ (c >>> 8)
  return ~c >>> 0
}
