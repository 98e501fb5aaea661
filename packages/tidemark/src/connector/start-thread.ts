/**
 * Starts a worker thread from a file of the engine that stands beside the caller.
 *
 * The built package has a JavaScript file to start. From TypeScript sources (development, tests) the file
 * goes through the loader that also loads job files, since not every Node can run it directly.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/** `from` is the caller's import.meta.url; `name` the file without its extension. */
export function startThread(from: string, name: string, options: WorkerOptions = {}): Worker {
  if (!from.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, from), options)
  const loader = createRequire(from).resolve('jiti/package.json')
  const source = fileURLToPath(new URL(`./${name}.ts`, from))
  return new Worker(join(dirname(loader), 'lib', 'jiti-cli.mjs'), { ...options, argv: [source], execArgv: [] })
}
