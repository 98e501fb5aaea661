/**
 * What the source says of itself: error definitions, numbered invariants, classes, uses of `any`.
 *
 * Read by scripts/docs.mjs, which writes it down, and by test/docs, which compares it with what is
 * written. Text is scanned; only files with error definitions are imported, by the caller's loader.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

export const CORE_FOLDERS = ['graph', 'record', 'time', 'state', 'operator', 'channel', 'task', 'checkpoint', 'job']

export function sourceFiles(root) {
  const src = join(root, 'packages/tidemark/src')
  return readdirSync(src, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
    .map((path) => ({ path, name: relative(src, path), text: readFileSync(path, 'utf8') }))
}

/** The comment at the top of a file, without its stars. */
export function headerOf(text) {
  const match = /^\s*\/\*\*([\s\S]*?)\*\//.exec(text)
  return match === null ? '' : match[1].split('\n').map((line) => line.replace(/^\s*\* ?/, '')).join('\n')
}

/** `XX-1  law` in header comments, with the lines that continue it. */
export function invariantsOf(files) {
  const found = []
  for (const { name, text } of files) {
    let open
    for (const line of headerOf(text).split('\n')) {
      const start = /^\s{2,}([A-Z]{2,3}-\d+)\s+(\S.*)$/.exec(line)
      if (start !== null) {
        open = { id: start[1], law: start[2].trim(), file: name }
        found.push(open)
      } else if (open !== undefined && /^\s{4,}\S/.test(line)) {
        open.law += ` ${line.trim()}`
      } else {
        open = undefined
      }
    }
  }
  return found
}

/** Files that define errors; the caller imports them. */
export const errorFiles = (files) => files.filter(({ name, text }) => name !== 'base/errors.ts' && /defineError[<(]/.test(text))

/** Every code written as `code: 'E123'`: also of definitions that nobody exports. */
export function codesIn(files) {
  return files.flatMap(({ name, text }) =>
    name === 'base/errors.ts' ? [] : [...text.matchAll(/code: '(E\d{3})'/g)].map((match) => ({ code: match[1], file: name })))
}

export function definitionsIn(modules) {
  const definitions = modules.flatMap((module) => Object.values(module))
    .filter((value) => typeof value === 'function' && typeof value.definition?.code === 'string')
    .map((factory) => factory.definition)
  return [...new Map(definitions.map((definition) => [definition.code, definition])).values()]
    .sort((a, b) => (a.code < b.code ? -1 : 1))
}

/** Exported classes of the core folders, with the first sentence of their file's header. */
export function classesIn(files) {
  return files
    .filter(({ name }) => CORE_FOLDERS.includes(name.split('/')[0]))
    .flatMap(({ name, text }) =>
      [...text.matchAll(/^export (?:abstract )?class (\w+)/gm)].map((match) => ({
        name: match[1], file: name, about: firstSentence(headerOf(text)),
      })))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

export function firstSentence(text) {
  const flat = text.trim().split(/\n\s*\n/)[0].replace(/\s+/g, ' ')
  return /^(.*?[.:])(\s|$)/.exec(flat)?.[1].replace(/:$/, '.') ?? flat
}

/** Files that write the type `any`. */
export function filesWithAny(files) {
  const usesAny = (node) => node.kind === ts.SyntaxKind.AnyKeyword || ts.forEachChild(node, usesAny) === true
  return files.filter(({ name, text }) => usesAny(ts.createSourceFile(name, text, ts.ScriptTarget.Latest)))
    .map(({ name }) => name)
}
