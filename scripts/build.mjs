/**
 * Compiles packages/tidemark into its dist folder. Does nothing if nothing changed.
 *
 *   node scripts/build.mjs [--force]
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ROOT, runCommand } from './lib/workspace.mjs'

const PACKAGE = join(ROOT, 'packages/tidemark')
const DIST = join(PACKAGE, 'dist')
const STAMP = join(DIST, '.built-from')

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
    join(PACKAGE, 'tsconfig.json'), join(ROOT, 'tsconfig.base.json'), join(ROOT, 'package-lock.json'),
  ]
  for (const file of inputs) hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

/** A module whose source is gone must not stay importable. */
function removeOrphans() {
  for (const file of filesBelow(DIST)) {
    const source = join(PACKAGE, 'src', relative(DIST, file)).replace(/\.(js|d\.ts)(\.map)?$/, '.ts')
    if (file !== STAMP && !existsSync(source)) rmSync(file)
  }
}

export async function build({ force = false } = {}) {
  const wanted = fingerprint()
  if (!force && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return { built: false }
  rmSync(STAMP, { force: true })
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { exitCode } = await runCommand(process.execPath, [tsc, '-p', join(PACKAGE, 'tsconfig.json')])
  if (exitCode !== 0) throw new Error(`the build failed: tsc ended with ${exitCode}`)
  removeOrphans()
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
