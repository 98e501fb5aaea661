/** Base64 (RFC 4648 §4) without the host's help: this layer knows neither Buffer nor the DOM. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const bits = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    const digit = (shift: number): string => ALPHABET.charAt((bits >>> shift) & 63)
    parts.push(digit(18) + digit(12) + (left > 1 ? digit(6) : '=') + (left > 2 ? digit(0) : '='))
  }
  return parts.join('')
}

/** Throws `RangeError` for what `toBase64` does not write. */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new RangeError('base64 comes in fours')
  const digits = text.replace(/={1,2}$/, '')
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let bits = 0
  for (let i = 0, at = 0; i < digits.length; i++) {
    const digit = ALPHABET.indexOf(digits.charAt(i))
    if (digit < 0) throw new RangeError(`${digits.charAt(i)} is no digit of base64`)
    bits = ((bits << 6) | digit) & 0xffffff
    if (i % 4 > 0) bytes[at++] = (bits >>> (6 - 2 * (i % 4))) & 0xff
  }
  return bytes
}
