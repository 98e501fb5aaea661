/**
 * Job files that were compiled in an earlier run: kept as one file, and run without the compiler.
 *
 * Owns the `*.job.json` files of the cache directory. Called by load-job.ts where Node does not run
 * TypeScript itself. It exists because loading the compiler alone takes as long as starting Node twice,
 * also when every file it would compile is the same as last time.
 *
 * Invariants
 *   CJ-1  Kept code runs only if each of its sources is, byte for byte, what it was compiled from, and
 *         what it imports is still where it was; else the answer is undefined and the compiler decides.
 *   CJ-2  Kept code runs only if its file is this user's own and nobody else may write to it.
 *   CJ-3  What could mean something else here than in the compiler (require, imports by a computed name,
 *         paths without their ending) is not kept.
 *   CJ-4  Once a module has begun to run, its error is the answer: nothing is run twice.
 */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { runInThisContext } from 'node:vm'
import { makeDirectoriesSync } from '../make-directories.ts'
import { engineVersion } from '../version.ts'

const FORMAT = 'tidemark.job/1'
const ENGINE = 'tidemark'

export type Module = Readonly<Record<string, unknown>>

/** The part of the compiler that is used here. */
export interface Compiler {
  transform(options: { filename: string; source: string; ts: boolean; async: boolean }): string
  /** URL of a package's module as seen from `parentURL`. */
  esmResolve(id: string, options: { parentURL: string; try: true }): string | undefined
}

interface Kept {
  readonly format: string
  readonly engine: string
  /** By absolute path; the job file first. */
  readonly modules: Readonly<Record<string, KeptModule>>
}

interface KeptModule {
  readonly sha256: string
  readonly code: string
  /** By what the source says: path of another kept module, or URL of one that Node loads. */
  readonly imports: Readonly<Record<string, { readonly kept: string } | { readonly url: string }>>
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const keptFile = (directory: string, file: string): string =>
  join(directory, `${createHash('sha256').update(file).digest('hex').slice(0, 32)}.job.json`)

/** Runs the kept code of a job file; undefined if there is none that may be used. */
export async function importKept(
  file: string, directory: string, engine: () => Promise<Module>,
): Promise<Module | undefined> {
  const kept = read(keptFile(directory, file))
  if (kept === undefined || kept.modules[file] === undefined || !unchanged(kept)) return undefined
  return await new Run(kept, await engine()).module(file)
}

function read(path: string): Kept | undefined {
  try {
    const { uid, mode } = statSync(path)
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return undefined
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Kept
    return kept.format === FORMAT && kept.engine === engineVersion() ? kept : undefined
  } catch {
    // Missing, cut off or not readable: the compiler makes it anew.
    return undefined
  }
}

function unchanged({ modules }: Kept): boolean {
  try {
    return Object.entries(modules).every(([file, { sha256: expected, imports }]) =>
      sha256(readFileSync(file)) === expected &&
      Object.values(imports).every((to) => 'kept' in to || !to.url.startsWith('file:') || existsSync(fileURLToPath(to.url))))
  } catch {
    return false
  }
}

type Body = (
  exports: object, require: NodeJS.Require, module: { exports: object }, filename: string, directory: string,
  load: (id: string) => Promise<unknown>,
) => Promise<void>

class Run {
  readonly #kept: Kept
  readonly #engine: unknown
  readonly #begun = new Map<string, { exports: object }>()

  constructor(kept: Kept, engine: Module) {
    this.#kept = kept
    this.#engine = asCompiled(engine)
  }

  /** Modules run one after the other, so one that is asked for again is complete or imports itself. */
  async module(file: string): Promise<Module> {
    const known = this.#begun.get(file)
    if (known !== undefined) return known.exports as Module
    const { code, imports } = this.#kept.modules[file] as KeptModule
    const module = { exports: {} }
    this.#begun.set(file, module)
    // All on the first line, so that the lines of errors are those of the source.
    const body = runInThisContext(
      `(async function (exports, require, module, __filename, __dirname, jitiImport) { ${code}\n})`,
      { filename: file, displayErrors: false },
    ) as Body
    await body(module.exports, createRequire(file), module, file, dirname(file), async (id) => {
      const to = imports[id]
      if (to === undefined) return this.#engine
      return 'kept' in to ? await this.module(to.kept) : asCompiled(await import(to.url))
    })
    return module.exports as Module
  }
}

/** A module of Node in the form that compiled code expects: its `default` is what `default` says. */
function asCompiled(module: Module): unknown {
  const out = Object.defineProperty({}, '__esModule', { value: true })
  for (const name of Object.keys(module)) {
    Object.defineProperty(out, name, { enumerable: true, get: () => module[name] })
  }
  return out
}

/** Keeps the code of a job file that was just loaded, if all of its modules are of simple forms. */
export function keep(file: string, directory: string, compiler: Compiler): void {
  const path = keptFile(directory, file)
  const modules: Record<string, KeptModule> = {}
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    makeDirectoriesSync(directory, 0o777)
  } catch {
    // A cache that cannot be written costs time and nothing else.
    return
  }
  try {
    if (!collect(file, compiler, modules)) {
      rmSync(path, { force: true })
      return
    }
    const kept: Kept = { format: FORMAT, engine: engineVersion(), modules }
    writeFileSync(temporary, JSON.stringify(kept), { mode: 0o600, flag: 'wx' })
    renameSync(temporary, path)
  } catch {
    // The same holds for a full disk, and for a source that is gone meanwhile.
    rmSync(temporary, { force: true })
  }
}

const IMPORT = /(?<![\w$.])jitiImport\("((?:[^"\\])*)"\)/g
/** Names whose meaning is the compiler's own. */
const ITS_OWN = /(?<![\w$.])(?:require\s*\(|require\.\w|module\.\w|module\[|jitiESMResolve|__JITI_ERROR__|import\s*[(.])/

/** False: one of the modules is not to be kept. */
function collect(file: string, compiler: Compiler, modules: Record<string, KeptModule>): boolean {
  const source = readFileSync(file)
  const code = compiler.transform({ filename: file, source: source.toString('utf8'), ts: true, async: true })
  const named = [...code.matchAll(IMPORT)].map((match) => match[1] as string)
  const all = code.split('jitiImport').length - 1
  if (named.length !== all || ITS_OWN.test(code)) return false
  const imports: Record<string, KeptModule['imports'][string]> = {}
  modules[file] = { sha256: sha256(source), code, imports }
  for (const id of named) {
    if (id === ENGINE) continue
    const to = target(id, file, compiler)
    if (to === undefined) return false
    imports[id] = to
    if ('kept' in to && modules[to.kept] === undefined && !collect(to.kept, compiler, modules)) return false
  }
  return true
}

function target(id: string, from: string, compiler: Compiler): KeptModule['imports'][string] | undefined {
  if (isBuiltin(id)) return { url: id.startsWith('node:') ? id : `node:${id}` }
  if (id.startsWith('./') || id.startsWith('../')) {
    const path = resolve(dirname(from), id)
    if (!existsSync(path)) return undefined
    if (path.endsWith('.ts') || path.endsWith('.mts')) return { kept: path }
    return path.endsWith('.mjs') ? { url: pathToFileURL(path).href } : undefined
  }
  const url = compiler.esmResolve(id, { parentURL: pathToFileURL(from).href, try: true })
  // A package that is written in TypeScript is the compiler's matter as well.
  return url !== undefined && /^file:.*\.[cm]?js$/.test(url) ? { url } : undefined
}
