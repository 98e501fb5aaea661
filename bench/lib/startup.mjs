/** Starts a process and reads from its marks when it got how far, in milliseconds since the start. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

const COMMANDS = {
  engine: (directory) => [
    path('../../packages/tidemark/bin/tidemark.mjs'), 'run', `${path('../startup/job.ts')}#watchedDepartures`,
    '--state', join(directory, 'state'), '-c', `out=${join(directory, 'out')}`,
  ],
  reader: () => [path('../startup/reader.mjs')],
  node: () => [path('../startup/node.mjs')],
}

export async function startUp(side) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  const marks = join(directory, 'marks')
  try {
    const began = process.hrtime.bigint()
    const child = spawn(process.execPath, COMMANDS[side](directory), {
      stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TIDEMARK_BENCH_MARKS: marks },
    })
    let problems = ''
    child.stderr.setEncoding('utf8').on('data', (text) => { problems += text })
    const [code, signal] = await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (...how) => resolve(how))
    })
    if (signal !== 'SIGKILL') throw new Error(`start-up of ${side} ended with ${signal ?? code}\n${problems}`)
    const times = {}
    for (const line of readFileSync(marks, 'utf8').trim().split('\n')) {
      const [name, at] = line.split(' ')
      times[name] = Number(BigInt(at) - began) / 1e6
    }
    return { times, digest: 'a first record' }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
