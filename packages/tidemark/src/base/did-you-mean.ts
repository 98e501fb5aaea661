/**
 * The nearest of the known names, if it is near enough to be a typing mistake.
 *
 * Source: F. Damerau 1964; the restricted distance, where swapping two neighbours costs one.
 */
export function didYouMean(given: string, known: readonly string[]): string | undefined {
  const typed = given.toLowerCase()
  let best: string | undefined
  // Two mistakes in a short word make another word, so short words allow fewer.
  let least = Math.min(3, Math.ceil(given.length / 3)) + 1
  for (const name of known) {
    // People seldom get the first letter wrong: of two equally near names the one that shares it wins.
    const sameStart = typed[0] === name[0]?.toLowerCase()
    const distance = editDistance(typed, name.toLowerCase()) - (sameStart ? 0.5 : 0)
    if (distance < least) {
      best = name
      least = distance
    }
  }
  return best
}

export function editDistance(a: string, b: string): number {
  const rows: number[][] = []
  const at = (i: number, j: number): number => (rows[i] as number[])[j] as number
  for (let i = 0; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      if (i === 0) {
        row.push(j)
        continue
      }
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, at(i - 2, j - 2) + 1)
      row.push(cost)
    }
  }
  return at(a.length, b.length)
}
