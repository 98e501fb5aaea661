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

export interface Output {
  readonly lines: readonly string[]
  readonly staged: readonly string[]
}

export function readOutput(disk: SimulatedDisk, directories: readonly string[]): Output {
  const lines: string[] = []
  const staged: string[] = []
  for (const path of directories) {
    const directory = disk.lookup(path)
    if (!(directory instanceof SimulatedDirectory)) continue
    for (const [name, file] of directory.entries) {
      if (name.startsWith('.')) staged.push(`${path}/${name}`)
      else if (file instanceof SimulatedFile) for (const line of linesOf(file)) lines.push(line)
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

/** Lines, and how often each is there or must be. */
export type Lines = Map<string, number>

export function addLines(into: Lines, lines: Iterable<string>): Lines {
  for (const line of lines) into.set(line, (into.get(line) ?? 0) + 1)
  return into
}

export function compareOutput({ lines, staged }: Output, expected: Lines): Comparison {
  return { ...compareLines(addLines(new Map(), lines), expected), staged }
}

/** What is wrong with `found`. */
export function compareLines(found: Lines, expected: Lines): Comparison {
  const examples: string[] = []
  const example = (what: string, line: string): void => {
    if (examples.length < EXAMPLES) examples.push(`${what} ${line.slice(0, 200)}`)
  }
  let lost = 0
  let duplicate = 0
  let corrupt = 0
  let met = 0
  for (const [line, wanted] of expected) {
    const times = found.get(line) ?? 0
    if (times > 0) met += 1
    if (times === wanted) continue
    if (times < wanted) lost += wanted - times
    else duplicate += times - wanted
    example(times < wanted ? 'lost' : 'duplicate', line)
  }
  if (met < found.size) {
    for (const [line, times] of found) {
      if (expected.has(line)) continue
      corrupt += times
      example('corrupt', line)
    }
  }
  return { ...NOTHING_WRONG, lost, duplicate, corrupt, examples }
}

/** What a committable of the file sink names. */
export interface Part {
  readonly staged: string
  readonly final: string
}

/**
 * The lines that completed checkpoints cover: those of every part that one of them has named, staged or
 * committed. A part never changes, so each is read once.
 */
export class CoveredLines {
  readonly #directories: readonly string[]
  readonly #known = new Set<string>()
  readonly lines: Lines = new Map()

  constructor(directories: readonly string[]) {
    this.#directories = directories
  }

  /** The name of a part that is not there; undefined: all are. */
  cover(disk: SimulatedDisk, parts: readonly Part[]): string | undefined {
    for (const { staged, final } of parts) {
      if (this.#known.has(final)) continue
      const file = this.#find(disk, staged, final)
      if (file === undefined) return final
      this.#known.add(final)
      addLines(this.lines, linesOf(file))
    }
    return undefined
  }

  #find(disk: SimulatedDisk, staged: string, final: string): SimulatedFile | undefined {
    for (const path of this.#directories) {
      const directory = disk.lookup(path)
      if (!(directory instanceof SimulatedDirectory)) continue
      const file = directory.entries.get(final) ?? directory.entries.get(staged)
      if (file instanceof SimulatedFile) return file
    }
    return undefined
  }
}
