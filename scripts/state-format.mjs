/**
 * Records a checkpoint of the job in packages/tidemark/test/fixtures/state-formats with a built engine, for the day when
 * a later engine has to read it.
 *
 *   node scripts/state-format.mjs NAME [--engine packages/tidemark] [--rate 1000] [--checkpoints 8]
 *
 * To be run once when a format version is new, before its successor exists: NAME is `format-2`. With --engine the
 * package of another checkout writes it, which must be built. With fewer records a second (--rate) less changes between
 * two checkpoints: at 300, and after 60 checkpoints, so little that maps and lists are written in part (from format 3 on).
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os, { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { COUNT, formatsJob } from '../packages/tidemark/test/fixtures/state-formats/job.mjs'
import { ROOT } from './lib/workspace.mjs'

const KEPT = /^(job\.json|completed\..*|completed-.*|epochs|checkpoints)$/

const { values, positionals: [name] } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: join(ROOT, 'packages/tidemark') },
    rate: { type: 'string', default: `${COUNT / 1.5}` },
    // Enough for increments on top of a base.
    checkpoints: { type: 'string', default: '8' },
  },
})
if (name === undefined || !/^format-\d+$/.test(name)) {
  process.stderr.write('usage: node scripts/state-format.mjs format-N [--engine DIRECTORY] [--rate N] [--checkpoints N]\n')
  process.exit(2)
}
const engine = resolve(values.engine)
const target = join(ROOT, 'packages/tidemark/test/fixtures/state-formats', name)
if (existsSync(target)) {
  process.stderr.write(`${target} is there already: what was written once is never written again\n`)
  process.exit(1)
}
// Who wrote it is part of every term; the fixture is nobody's.
os.hostname = () => 'nobody'
syncBuiltinESMExports()
const tidemark = await import(pathToFileURL(join(engine, 'dist/index.js')).href)
const directory = mkdtempSync(join(tmpdir(), 'tidemark-format-'))
let checkpoints = 0
const handle = tidemark.startJob(formatsJob(tidemark, { rate: Number(values.rate) }), {
  stateDirectory: directory,
  onEvent: (event) => {
    if (event.kind === 'checkpoint' && ++checkpoints === Number(values.checkpoints)) handle.cancel()
  },
})
const outcome = await handle.done
if (outcome.kind !== 'cancelled') throw new Error(`the job ended before it was cancelled: ${JSON.stringify(outcome)}`)
for (const entry of readdirSync(directory)) {
  if (KEPT.test(entry)) cpSync(join(directory, entry), join(target, entry), { recursive: true })
}
rmSync(directory, { recursive: true })
process.stdout.write(`${target}\n`)
process.exit(0)
