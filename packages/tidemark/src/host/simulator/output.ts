/** What lies in the output directories of a simulated disk, compared with what should. */
import { SimulatedDirectory, SimulatedFile } from './inodes.ts'
import type { SimulatedDisk } from './storage.ts'

export interface Comparison {
  readonly lost: number
  readonly duplicate: number
  readonly corrupt: number
  /** Results of one key in another order than that of its records. */
  readonly outOfOrder: number
  /** Names of files that are staged still. */
  readonly staged: readonly string[]
  /** Up to a few of the wrong lines. */
  readonly examples: readonly string[]
}

export const NOTHING_WRONG: Comparison = {
  lost: 0, duplicate: 0, corrupt: 0, outOfOrder: 0, staged: [], examples: [],
}

const EXAMPLES = 5

export function readOutput(disk: SimulatedDisk, directories: readonly string[]): {
  readonly lines: readonly string[]
  readonly staged: readonly string[]
} {
  const lines: string[] = []
  const staged: string[] = []
  for (const path of directories) {
    const directory = disk.lookup(path)
    if (!(directory instanceof SimulatedDirectory)) continue
    for (const [name, file] of directory.entries) {
      if (name.startsWith('.')) staged.push(`${path}/${name}`)
      else if (file instanceof SimulatedFile) lines.push(...linesOf(file))
    }
  }
  return { lines, staged }
}

function linesOf(file: SimulatedFile): string[] {
  const text = new TextDecoder().decode(file.read(0, file.length))
  const lines = text.split('\n')
  const last = lines.pop()
  // A line without its end is not a line of ours.
  return last === '' ? lines : [...lines, `${last} (unfinished)`]
}

/** Compares with `expected`: lines, and how often each must be there. */
export function compareOutput(
  disk: SimulatedDisk, directories: readonly string[], expected: ReadonlyMap<string, number>,
): Comparison {
  const { lines, staged } = readOutput(disk, directories)
  const left = new Map(expected)
  const examples: string[] = []
  const example = (what: string, line: string): void => {
    if (examples.length < EXAMPLES) examples.push(`${what} ${line.slice(0, 200)}`)
  }
  let duplicate = 0
  let corrupt = 0
  for (const line of lines) {
    const wanted = left.get(line)
    if (wanted === undefined) {
      corrupt += 1
      example('corrupt', line)
    } else if (wanted === 0) {
      duplicate += 1
      example('duplicate', line)
    } else {
      left.set(line, wanted - 1)
    }
  }
  let lost = 0
  for (const [line, missing] of left) {
    lost += missing
    if (missing > 0) example('lost', line)
  }
  return { ...NOTHING_WRONG, lost, duplicate, corrupt, staged, examples }
}
