/**
 * What several scripts need: where the repository is, whether it is installed, running a command.
 *
 * Needs nothing but Node, since it runs before anything is installed.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const CLI = join(ROOT, 'packages/tidemark/bin/tidemark.mjs')

const interactive = process.stdout.isTTY === true && !process.env.CI && !process.env.NO_COLOR
export const bold = (text) => (interactive ? `\u001b[1m${text}\u001b[22m` : text)
export const green = (text) => (interactive ? `\u001b[32m${text}\u001b[39m` : text)
export const red = (text) => (interactive ? `\u001b[31m${text}\u001b[39m` : text)
export const dim = (text) => (interactive ? `\u001b[2m${text}\u001b[22m` : text)

/** Runs a command to its end and returns its exit code; 124 if it took longer than `timeoutMs`. */
export function runCommand(command, args, { env = {}, timeoutMs, quiet = false, cwd = ROOT } = {}) {
  return new Promise((resolve, reject) => {
    const output = []
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    })
    child.stdout?.on('data', (chunk) => output.push(chunk))
    child.stderr?.on('data', (chunk) => output.push(chunk))
    let timedOut = false
    const timer = timeoutMs && setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, timeoutMs)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({
        exitCode: timedOut ? 124 : code ?? 128,
        signal,
        output: Buffer.concat(output).toString(),
      })
    })
  })
}

const json = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** True if node_modules holds exactly the versions of the lock file. */
export function isInstalled() {
  const installed = join(ROOT, 'node_modules/.package-lock.json')
  if (!existsSync(installed)) return false
  const wanted = json(join(ROOT, 'package-lock.json')).packages
  const there = json(installed).packages
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') || entry.optional) return true
    if (entry.link) return existsSync(join(ROOT, path))
    return there[path]?.version === entry.version
  })
}

/** `npm ci` if need be. */
export async function ensureInstalled() {
  if (isInstalled()) return
  console.log(dim('installing the packages of package-lock.json (npm ci) …'))
  const { exitCode, output } = await runCommand('npm', ['ci', '--no-audit', '--no-fund'], { quiet: true })
  if (exitCode !== 0) {
    console.error(output)
    console.error(`npm ci failed with exit code ${exitCode}`)
    process.exit(1)
  }
}
