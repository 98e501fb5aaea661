/**
 * Writes the reference pages that follow from the source: docs/errors.md, docs/invariants.md and the
 * class table of docs/glossary.md. test/docs fails while they differ from the source.
 *
 *   node scripts/docs.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createJiti } from 'jiti'
import { ROOT } from './lib/workspace.mjs'
import { classesIn, definitionsIn, errorFiles, firstSentence, headerOf, invariantsOf, sourceFiles } from './lib/source-facts.mjs'

const files = sourceFiles(ROOT)
const jiti = createJiti(import.meta.url, { interopDefault: false })

/** Stands for details nobody knows yet: every property is again one, and its text is its name. */
function placeholder(name) {
  return new Proxy(function () {}, {
    get(_, key) {
      if (key === Symbol.toPrimitive || key === 'toString' || key === 'toJSON') return () => `‹${name}›`
      if (key === Symbol.iterator) return function* () {}
      if (key === 'length') return 1
      if (key === 'startsWith' || key === 'includes' || key === 'endsWith') return () => false
      if (key === 'join') return () => `‹${name}›`
      if (key === 'map' || key === 'filter' || key === 'flatMap' || key === 'slice') return () => placeholder(name)
      return placeholder(typeof key === 'symbol' ? name : key)
    },
    apply: () => placeholder(name),
  })
}

function attempt(write) {
  try {
    return write(placeholder('…'))
  } catch {
    return undefined
  }
}

const text = (value) => String(value).replace(/"‹(\w+|…)›"/g, '‹$1›').replace(/</g, '&lt;').trim()

function errorSection(definition, exitCode) {
  const what = attempt((d) => definition.what(d))
  const why = attempt((d) => definition.why?.(d))
  const fix = attempt((d) => definition.fix(d).map(String))
  const retried = definition.retryable ? 'the job is restarted' : 'not retried'
  return [
    `## ${definition.code}`, '', `**${definition.title}** · kind \`${definition.kind}\` · exit code ${exitCode} · ${retried}`, '',
    ...(what === undefined ? [] : [text(what), '']),
    ...(why === undefined || String(why) === '' ? [] : [text(why), '']),
    ...(fix === undefined || fix.length === 0 ? [] : [...fix.map((line) => `- ${text(line)}`), '']),
  ].join('\n')
}

const { exitCodeOf } = await jiti.import(join(ROOT, 'packages/tidemark/src/cli/exit-codes.ts'))
const modules = []
for (const { path } of errorFiles(files)) modules.push(await jiti.import(path))
const definitions = definitionsIn(modules)
writeFileSync(join(ROOT, 'docs/errors.md'), `# Errors

Every error has a stable code: match on \`error.code\`, never on its text. On the command line it is shown with what
happened, why, where, and what to do; with \`--json\` the same report is one object. \`‹name›\` stands for a value.
This page is written by \`node scripts/docs.mjs\` from the definitions in the source; a test compares the two.

${definitions.map((definition) => errorSection(definition, exitCodeOf(definition))).join('\n')}`)

const invariants = invariantsOf(files)
const byFile = Map.groupBy ? Map.groupBy(invariants, ({ file }) => file) : groupBy(invariants, ({ file }) => file)
writeFileSync(join(ROOT, 'docs/invariants.md'), `# Invariants

Each file of the core begins with the laws that it keeps. They are collected here, so that a comment, a test or an
assertion can name one. This page is written by \`node scripts/docs.mjs\` from the headers; a test compares the two.

${[...byFile].map(([file, laws]) => `## ${file}\n\n${firstSentence(headerOf(files.find(({ name }) => name === file).text))}\n
${laws.map(({ id, law }) => `- **${id}** ${law.replace(/</g, '&lt;')}`).join('\n')}\n`).join('\n')}`)

function groupBy(items, key) {
  const groups = new Map()
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item])
  return groups
}

const MARK = '<!-- classes -->'
const glossary = join(ROOT, 'docs/glossary.md')
const before = readFileSync(glossary, 'utf8').split(MARK)[0]
const rows = classesIn(files).map(({ name, file, about }) => `| \`${name}\` | ${file} | ${about.replace(/\|/g, '\\|')} |`)
writeFileSync(glossary, `${before}${MARK}\n\n| class | file | what the file is |\n|---|---|---|\n${rows.join('\n')}\n`)
console.log(`${definitions.length} errors, ${invariants.length} invariants, ${rows.length} classes`)
