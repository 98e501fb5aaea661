/** Records that two threads make alike, and their checksum. */
export interface Numbered {
  readonly n: number
  readonly half: number
  readonly text: string
}

/** Depends on the order of records and on every field. */
export function checksumOf(before: number, { n, half, text }: Numbered): number {
  let sum = Math.imul(before, 31) + n + half * 2
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum, 31) + text.charCodeAt(i)
  return sum | 0
}

export function numbered(n: number): Numbered {
  return { n, half: n / 2, text: n % 100 === 0 ? `é ${n} ${'.'.repeat(n % 700)}` : `id-${n}` }
}
