/** Committed lines of a directory, to compare what two sides wrote. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const byText = (a, b) => (a < b ? -1 : a === b ? 0 : 1)

/** Number of lines below `directory` and a digest of them, whatever their order. */
export function digestOf(directory) {
  const lines = []
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    if (entry.name.startsWith('.')) throw new Error(`${entry.name} was staged and never committed`)
    const text = readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'utf8')
    for (const line of text.split('\n')) if (line !== '') lines.push(line)
  }
  const hash = createHash('sha256')
  for (const line of lines.sort(byText)) hash.update(line).update('\n')
  return `${lines.length} lines, sha256 ${hash.digest('hex').slice(0, 16)}`
}
