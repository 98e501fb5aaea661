/**
 * Big integers as minimal two's complement, big-endian, at least one byte (0n is a single 0).
 *
 * Used by canonical key bytes and by the value codec; the same bytes as Java's BigInteger.toByteArray.
 */
export function bigintToBytes(value: bigint): Uint8Array {
  const negative = value < 0n
  // The magnitude whose top bit decides the length: -128 fits where 127 does.
  let hex = (negative ? -value - 1n : value).toString(16)
  if (hex.length % 2 === 1) hex = `0${hex}`
  if (hex.charCodeAt(0) >= 0x38) hex = `00${hex}` // '8' and above: the sign bit is taken
  const bytes = new Uint8Array(hex.length / 2)
  const flip = negative ? 0xff : 0
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16) ^ flip
  return bytes
}

/** The empty array is no number: `RangeError`. */
export function bytesToBigint(bytes: Uint8Array): bigint {
  const first = bytes[0]
  if (first === undefined) throw new RangeError('a bigint has at least one byte')
  const flip = first >= 0x80 ? 0xff : 0
  const digits: string[] = []
  for (const byte of bytes) digits.push((byte ^ flip).toString(16).padStart(2, '0'))
  const magnitude = BigInt(`0x${digits.join('')}`)
  return flip === 0 ? magnitude : -magnitude - 1n
}
