/**
 * npm run bench -- large [--keys N] [--memory 2GB] [--json]
 *
 * State larger than memory, in LMDB, under a limit of the kernel (a memory cgroup, page cache included): filled, changed
 * anywhere, stopped, and restored by a process under the same limit. Without the right to make a cgroup there is no
 * limit, and the result says so. Called by bench/run.mjs.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lastJson } from '../lib/pairs.mjs'

const SIDE = fileURLToPath(new URL('large-side.mjs', import.meta.url))
const KEYS = 50_000_000
const UPDATES_SHARE = 50
const LIMIT = 2e9
const CACHE = '128MB'
const HEAP_MB = 700

export async function largeBench({ keys = KEYS, memoryBytes = LIMIT, note }) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-large-'))
  const group = memoryGroup(memoryBytes)
  const run = async (mode) => {
    const command = ['node', `--max-old-space-size=${HEAP_MB}`, SIDE, mode, directory, String(keys), String(Math.ceil(keys / UPDATES_SHARE)), CACHE]
    const enter = group === undefined ? '' : `echo $$ > '${group.procs}' && `
    const result = await lastJson('sh', ['-c', `${enter}exec "$@"`, 'sh', process.execPath, ...command.slice(1)], `large ${mode}`)
    note(`large, ${mode}: done`)
    return { ...result, ...(group === undefined ? {} : { mostMemoryBytes: group.most() }) }
  }
  try {
    const filled = await run('fill')
    const restored = await run('again')
    if (restored.wrong > 0) throw new Error(`${restored.wrong} of ${restored.probes} keys lost what they had`)
    return { keys, limitBytes: group === undefined ? null : memoryBytes, cache: CACHE, filled, restored }
  } finally {
    group?.remove()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Undefined where none can be made. */
function memoryGroup(bytes) {
  const name = `tidemark-bench-${process.pid}`
  for (const { root, limit, most } of [
    { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', most: 'memory.max_usage_in_bytes' },
    { root: '/sys/fs/cgroup', limit: 'memory.max', most: 'memory.peak' },
  ]) {
    const group = join(root, name)
    try {
      mkdirSync(group)
      writeFileSync(join(group, limit), String(Math.round(bytes)))
      return {
        procs: join(group, 'cgroup.procs'),
        most: () => Number(readFileSync(join(group, most), 'utf8')),
        remove: () => rmdirSync(group),
      }
    } catch {
      try {
        rmdirSync(group)
      } catch {
        // It was never made.
      }
    }
  }
  return undefined
}
