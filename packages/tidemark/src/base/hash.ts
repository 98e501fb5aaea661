/**
 * murmur3, x86 32-bit variant, over bytes. Part of the key-group contract: never change it.
 *
 * Source: A. Appleby, MurmurHash3 (public domain description). Test vectors in hash.test.ts.
 */
export function murmur3(bytes: Uint8Array, length = bytes.length, seed = 0, from = 0): number {
  let h = seed | 0
  const blocks = from + (length & ~3)
  for (let i = from; i < blocks; i += 4) {
    h = murmurRound(h, (bytes[i] as number) | ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24))
  }
  let tail = 0
  for (let i = from + length - 1; i >= blocks; i--) tail = (tail << 8) | (bytes[i] as number)
  if (from + length > blocks) h ^= mix(tail)
  return finalMix(h ^ length)
}

/** One step over four bytes, little-endian in `word`; for callers that hash without making bytes. */
export function murmurRound(h: number, word: number): number {
  h ^= mix(word)
  h = (h << 13) | (h >>> 19)
  return (Math.imul(h, 5) + 0xe6546b64) | 0
}

/** What a word goes through before it meets the hash; the last, incomplete word only goes through this. */
export function mix(k: number): number {
  k = Math.imul(k, 0xcc9e2d51)
  k = (k << 15) | (k >>> 17)
  return Math.imul(k, 0x1b873593)
}

/** murmur3's finaliser: an int32 in, an int32 out, bijective. */
export function finalMix(h: number): number {
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
