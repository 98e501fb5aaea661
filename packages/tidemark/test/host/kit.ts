/** Shared by the host tests: a temp directory per test, a windowed job over a JSONL file, its oracle. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { count, files, job, jsonl, sum, tumbling, type Job } from '../../src/index.ts'

const made: string[] = []

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-test-'))
  made.push(directory)
  return directory
}

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true })
})

export interface Bead {
  readonly colour: string
  readonly at: number
  readonly grams: number
}

export const COLOURS = ['red', 'blue', 'green', 'white', 'grün'] as const

export function beads(n: number): Bead[] {
  return Array.from({ length: n }, (_, i) => ({
    colour: COLOURS[(i * 7) % 5] as string, at: i * 13, grams: (i * 31) % 11,
  }))
}

export function writeBeads(path: string, all: readonly Bead[]): void {
  writeFileSync(path, all.map((bead) => `${JSON.stringify(bead)}\n`).join(''))
}

/** One line per colour and second. */
export function expectedLines(all: readonly Bead[]): string[] {
  const totals = new Map<string, { colour: string; start: number; n: number; grams: number }>()
  for (const { colour, at, grams } of all) {
    const start = Math.floor(at / 1000) * 1000
    const key = `${colour}@${start}`
    const total = totals.get(key) ?? { colour, start, n: 0, grams: 0 }
    totals.set(key, { ...total, n: total.n + 1, grams: total.grams + grams })
  }
  return [...totals.values()].map((total) => JSON.stringify(total)).sort()
}

export function committedLines(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').filter((line) => line !== ''))
    .sort()
}

export const stagedFiles = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.startsWith('.'))

export interface BeadJobOptions {
  readonly input: string
  readonly out: string
  readonly splitBytes?: number
  /** Called for every record, e.g. to throw. */
  readonly tap?: (bead: Bead) => void
}

export function beadJob({ input, out, splitBytes, tap = () => {} }: BeadJobOptions): Job {
  return job('beads', { checkpoint: { every: '10ms' }, restart: { kind: 'fixed-delay', delay: '1ms', attempts: 5 } }, (j) => {
    j.from('beads', jsonl<Bead>(input, splitBytes === undefined ? {} : { splitBytes }), { eventTime: (b) => b.at })
      .map((bead) => {
        tap(bead)
        return bead
      })
      .keyBy((b) => b.colour)
      .window('per-second', tumbling('1s'))
      .aggregate({ n: count(), grams: sum((b) => b.grams) })
      .map((w) => ({ colour: w.key, start: w.start.getTime(), n: w.n, grams: w.grams }))
      .to('out', files({ path: out }))
  })
}
