/**
 * Imports a job file: JavaScript as it is, TypeScript natively where Node can, else compiled by jiti.
 *
 * Called by the command line and by worker threads. Importing a job file runs nothing of the job (DESIGN section 2).
 *
 * Invariants
 *   LJ-1  The job file and whoever loads it share one copy of the engine, whichever loader is used.
 *   LJ-2  Compiled job files are cached below the user's own directories, never in a shared one: a
 *         cache that others can write to would be a way to run code as this user.
 */
import { existsSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Job } from '../../api/job.ts'
import { isJob } from '../../api/job.ts'
import { describeThrown, isStreamError } from '../../base/errors.ts'
import { importKept, keep, type Module } from './compiled-jobs.ts'
import { E092_NOT_A_JOB, E098_JOB_FILE_BROKEN, E099_NOT_FOUND } from './errors.ts'

const TYPESCRIPT = new Set(['.ts', '.mts', '.cts', '.tsx'])

export interface JobAddress {
  readonly file: string
  readonly exportName: string
}

/** `job.ts#name`: the file, resolved, and the export; `default` without `#`. */
export function parseAddress(text: string, directory: string): JobAddress {
  const hash = text.lastIndexOf('#')
  // A file may have a # in its name; then the whole text is the path.
  if (hash < 0 || existsSync(resolve(directory, text))) {
    return { file: resolve(directory, text), exportName: 'default' }
  }
  return { file: resolve(directory, text.slice(0, hash)), exportName: text.slice(hash + 1) || 'default' }
}

export async function loadJob(address: JobAddress): Promise<Job> {
  const { file, exportName } = address
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined || found.isDirectory()) {
    throw E099_NOT_FOUND({
      what: 'job file', path: file,
      hints: ['check the path', 'try an example: tidemark run examples/flights/job.ts -c out=out/flights'],
    })
  }
  const module = await importFile(file)
  const value = module[exportName]
  if (isJob(value)) return value
  throw E092_NOT_A_JOB({
    file, exportName, found: describeValue(value),
    jobs: Object.keys(module).filter((name) => name !== exportName && isJob(module[name])),
  })
}

function describeValue(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

async function importFile(file: string): Promise<Module> {
  try {
    const native = (process.features as { typescript?: unknown }).typescript
    const compile = TYPESCRIPT.has(extname(file)) && !native
    return compile ? await importWithJiti(file) : await importNativelyOrNot(file)
  } catch (error) {
    // What the engine itself refuses while the module runs is already explained.
    if (isStreamError(error)) throw error
    const place = placeOf(error, file)
    throw E098_JOB_FILE_BROKEN({ file, reason: reasonOf(error, file) }, { place: { code: place }, cause: error })
  }
}

async function importNatively(file: string): Promise<Module> {
  const own = Object.getOwnPropertyDescriptor(process, 'emitWarning') as PropertyDescriptor
  // Node says on every start that it strips types; the user chose TypeScript and knows.
  const filtered = (warning: string | Error, ...rest: unknown[]): void => {
    if (!String(warning).includes('Type Stripping')) Reflect.apply(own.value as () => void, process, [warning, ...rest])
  }
  Object.defineProperty(process, 'emitWarning', { ...own, value: filtered })
  try {
    return (await import(pathToFileURL(file).href)) as Module
  } finally {
    Object.defineProperty(process, 'emitWarning', own)
  }
}

/**
 * Enums, and imports written `./x.js` for a file x.ts, are TypeScript that Node alone cannot load.
 * For a syntax error the second loader is asked as well, since only it names the line.
 */
async function importNativelyOrNot(file: string): Promise<Module> {
  try {
    return await importNatively(file)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException | null)?.code ?? ''
    const syntax = error instanceof SyntaxError && !error.message.includes('provide an export')
    const missing = TYPESCRIPT.has(extname(file)) && code === 'ERR_MODULE_NOT_FOUND'
    if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' || syntax || missing) return await importWithJiti(file)
    throw error
  }
}

/** Code kept from an earlier run if it is still right, else the compiler. */
async function importWithJiti(file: string): Promise<Module> {
  const directory = cacheDirectory(file)
  const engine = (): Promise<Module> => import('../../index.ts')
  // Settings of the compiler may change what code means.
  const plain = !Object.keys(process.env).some((name) => name.startsWith('JITI_'))
  const kept = plain ? await importKept(file, directory, engine) : undefined
  if (kept !== undefined) return kept
  const [{ createJiti }, tidemark] = await Promise.all([import('jiti'), engine()])
  const jiti = createJiti(pathToFileURL(file).href, {
    fsCache: directory,
    interopDefault: false,
    // LJ-1; it also spares jiti the compilation of the whole engine.
    virtualModules: { tidemark },
  })
  const module = await jiti.import<Module>(file)
  if (plain && /\.m?ts$/.test(file)) keep(file, directory, jiti)
  return module
}

function cacheDirectory(file: string): string {
  for (let at = dirname(file); at !== dirname(at); at = dirname(at)) {
    const modules = join(at, 'node_modules')
    if (existsSync(modules)) return join(modules, '.cache', 'tidemark')
  }
  return join(homedir(), '.cache', 'tidemark')
}

/** file:line[:column], from the parser's own report or else from the first frame of a user's file. */
function placeOf(error: unknown, file: string): string {
  const { loc, stack } = (error ?? {}) as { loc?: { line: number; column: number }; stack?: unknown }
  if (loc !== undefined) return `${file}:${loc.line}:${loc.column + 1}`
  const text = typeof stack === 'string' ? stack : ''
  for (const line of text.split('\n')) {
    const match = /((?:file:\/\/)?\/[^\s()]+:\d+(?::\d+)?)\)?$/.exec(line.trim())
    const found = match?.[1]?.replace('file://', '')
    if (found !== undefined && !found.includes('/node_modules/')) return found
  }
  return file
}

function reasonOf(error: unknown, file: string): string {
  const first = describeThrown(error).split('\n')[0] as string
  return first.replaceAll(`${file}: `, '')
}
