/**
 * A copy of the engine's source as JavaScript, with textual patches: an engine with one law broken.
 *
 * Used by the tests that prove that the simulator notices. The product itself has no switches.
 */
import {
  cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { ROOT } from './workspace.mjs'

const SOURCE = join(ROOT, 'packages/tidemark/src')
/** Below node_modules, so that the packages the engine needs are found from there. */
const COPIES = join(ROOT, 'node_modules/.cache/tidemark-copies')
const PLAIN = 'plain'

const COMPILER = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  rewriteRelativeImportExtensions: true,
  verbatimModuleSyntax: true,
}

function transpile(target, file, text) {
  const { outputText } = ts.transpileModule(text, { compilerOptions: COMPILER, fileName: file })
  writeWhole(join(target, outputOf(file)), outputText)
}

/** At once: several processes make copies, and one must not copy what another has half written. */
function writeWhole(path, text) {
  const temporary = join(COPIES, `.tmp-${process.pid}`)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}

const outputOf = (file) => file.replace(/\.ts$/, '.js')

/** The source as it is; only what has changed since the last time is written anew. */
export function copyPlain() {
  const target = join(COPIES, PLAIN)
  mkdirSync(target, { recursive: true })
  writeWhole(join(target, 'package.json'), '{ "name": "tidemark-copy", "version": "0.0.0", "type": "module" }\n')
  const wanted = new Set(['package.json'])
  for (const entry of readdirSync(SOURCE, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
    const path = join(entry.parentPath ?? entry.path, entry.name)
    const file = relative(SOURCE, path)
    const output = join(target, outputOf(file))
    wanted.add(outputOf(file))
    if (existsSync(output) && statSync(output).mtimeMs > statSync(path).mtimeMs) continue
    transpile(target, file, readFileSync(path, 'utf8'))
  }
  for (const entry of readdirSync(target, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    if (entry.isFile() && !wanted.has(relative(target, path))) rmSync(path)
  }
  return target
}

/**
 * Writes a copy with one thing changed and returns the URL of one of its modules.
 *
 * `patches`: file below src, a text that must occur in it exactly once, and what stands there instead.
 */
export function copyWithPatches(name, patches, module) {
  const plain = copyPlain()
  const target = join(COPIES, name)
  rmSync(target, { recursive: true, force: true })
  cpSync(plain, target, { recursive: true })
  const texts = new Map()
  for (const { file, find, replace } of patches) {
    const text = texts.get(file) ?? readFileSync(join(SOURCE, file), 'utf8')
    const found = text.split(find).length - 1
    if (found !== 1) throw new Error(`${name}: the text to patch occurs ${found} times in ${file}`)
    texts.set(file, text.replace(find, () => replace))
  }
  for (const [file, text] of texts) transpile(target, file, text)
  return pathToFileURL(join(target, module)).href
}
