/**
 * Compiles packages/tidemark into its dist folder. Does nothing if nothing changed.
 *
 * Two steps: tsc writes a file per module, with declarations; then the entry points are bundled, since
 * loading a hundred small files takes longer than everything else that `tidemark run` does before its
 * first record. The entry points that tsc wrote are replaced by one line each, so that the command line
 * and the job files share one copy of the engine.
 *
 *   node scripts/build.mjs [--force]
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ROOT, runCommand } from './lib/workspace.mjs'

const PACKAGE = join(ROOT, 'packages/tidemark')
const DIST = join(PACKAGE, 'dist')
const STAMP = join(DIST, '.built-from')
/** All bundled files are in this folder: code finds its neighbours relative to a file two levels below the package. */
const BUNDLE = join(DIST, 'bundle')
const ENTRIES = {
  index: 'index', main: 'cli/main', testing: 'testing/index', 'parquet-worker': 'connector/parquet-worker',
  'worker-main': 'host/workers/worker-main',
}

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

function fingerprint() {
  const hash = createHash('sha256')
  const inputs = [
    ...filesBelow(join(PACKAGE, 'src')),
    fileURLToPath(import.meta.url), join(PACKAGE, 'tsconfig.json'), join(ROOT, 'tsconfig.base.json'), join(ROOT, 'package-lock.json'),
  ]
  for (const file of inputs) hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

/** A module whose source is gone must not stay importable. */
function removeOrphans() {
  for (const file of filesBelow(DIST)) {
    const source = join(PACKAGE, 'src', relative(DIST, file)).replace(/\.(js|d\.ts)(\.map)?$/, '.ts')
    if (file !== STAMP && !file.startsWith(`${BUNDLE}/`) && !existsSync(source)) rmSync(file)
  }
}

async function bundle() {
  const { rolldown } = await import('rolldown')
  const entry = ([name, path]) => [name, join(PACKAGE, 'src', `${path}.ts`)]
  const made = await rolldown({
    input: Object.fromEntries(Object.entries(ENTRIES).map(entry)),
    cwd: PACKAGE, platform: 'node', external: [/^node:/, 'jiti', 'lmdb'],
  })
  const output = { dir: BUNDLE, format: 'esm', sourcemap: true, entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' }
  rmSync(BUNDLE, { recursive: true, force: true })
  await made.write(output)
  await made.close()
  for (const [name, path] of Object.entries(ENTRIES)) {
    // Threads are started from the bundle and imported by nobody.
    if (name === 'parquet-worker' || name === 'worker-main') continue
    writeFileSync(join(DIST, `${path}.js`), `export * from '${path.includes('/') ? '..' : '.'}/bundle/${name}.js'\n`)
    rmSync(join(DIST, `${path}.js.map`), { force: true })
  }
}

/** One build at a time: test files that need it start side by side. A lock of a dead process is void. */
async function locked(work) {
  const lock = join(ROOT, 'node_modules/.cache/tidemark-build.lock')
  mkdirSync(join(lock, '..'), { recursive: true })
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (!holderLives(lock)) rmSync(lock, { force: true })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function holderLives(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'))
    // Empty for the moment between creation and writing.
    if (pid > 0) process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

export function build({ force = false } = {}) {
  return locked(() => buildNow(force))
}

async function buildNow(force) {
  const wanted = fingerprint()
  if (!force && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return { built: false }
  rmSync(STAMP, { force: true })
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { exitCode } = await runCommand(process.execPath, [tsc, '-p', join(PACKAGE, 'tsconfig.json')])
  if (exitCode !== 0) throw new Error(`the build failed: tsc ended with ${exitCode}`)
  removeOrphans()
  await bundle()
  writeFileSync(STAMP, wanted)
  return { built: true }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const startedMs = performance.now()
  try {
    const { built } = await build({ force: process.argv.includes('--force') })
    const took = ((performance.now() - startedMs) / 1000).toFixed(1)
    console.log(built ? `built packages/tidemark/dist in ${took} s` : `packages/tidemark/dist is up to date (${took} s)`)
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
