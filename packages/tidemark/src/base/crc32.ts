/**
 * CRC-32 (IEEE 802.3, reflected, as in zlib and gzip), sliced by four.
 *
 * In plain JavaScript because the core may not import node:zlib; any tool can check our files.
 */
const TABLES: readonly Uint32Array[] = buildTables()

function buildTables(): Uint32Array[] {
  const tables = [0, 1, 2, 3].map(() => new Uint32Array(256))
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  for (let n = 0; n < 256; n++) {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
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
