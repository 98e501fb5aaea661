/**
 * Tells the story of the necklace in a terminal: runs the job and turns its events into lines.
 *
 *   node examples/necklace/play.mjs [bead at which somebody sneezes]
 *
 * Everything shown comes from the running engine: counts from its print, bands from its checkpoints,
 * the way back from its restart. At the end every total is compared with a plain loop.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { bead, BEADS } from './beads.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const CLI = join(HERE, '../../packages/tidemark/bin/tidemark.mjs')
const sneezeAt = process.argv[2] ?? '251'
const color = process.stdout.isTTY === true && !process.env.NO_COLOR
const paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[39m` : text)
const PAINT = { red: 31, blue: 34, green: 32 }
const BAND = [33, 35, 36]

const place = mkdtempSync(join(tmpdir(), 'necklace-'))
const out = join(place, 'out')
let lastBand = 0
let goneBack = false

function tell(event) {
  switch (event.kind) {
    case 'started':
      console.log('Ada, Ben and Cleo count the beads of a necklace: red, blue and green. Dora keeps the book.\n')
      break
    case 'print': {
      const [, name, count, colour] = /^(\w+) has counted (\d+) (\w+)/.exec(event.text)
      const string = paint(PAINT[colour], '●'.repeat(Math.ceil(count / 10)))
      const again = event.replayed ? '   touched again, counted once' : ''
      console.log(`  ${name.padEnd(5)} ${count.padStart(4)} ${colour.padEnd(6)} ${string}${again}`)
      break
    }
    case 'checkpoint':
      lastBand = event.id
      console.log(paint(BAND[event.id % BAND.length],
        `  ━━━━ band ${event.id} ━━━━ all have told Dora their numbers; she underlines it`))
      break
    case 'restarting':
      goneBack = true
      console.log(`\n  ✱ ${event.error.cause ?? event.error.what}`)
      console.log(lastBand === 0
        ? '    Nothing is underlined yet: everybody starts again.\n'
        : `    Everybody goes back to band ${lastBand}, takes the number in Dora's book, and the necklace is laid back.\n`)
      break
    case 'failed':
      console.error(`${event.error.code} ${event.error.title}: ${event.error.what}`)
      break
    default:
  }
}

/** What the counts must be: for each window of a minute that begins every 20 s, a plain loop. */
function expectedCounts() {
  const counts = new Map()
  for (let n = 0; n < BEADS; n++) {
    const { colour, at } = bead(n)
    for (let start = at - (at % 20_000); start > at - 60_000; start -= 20_000) {
      const key = `${colour} ${start} ${start + 60_000}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  return counts
}

function compare() {
  const left = expectedCounts()
  const expected = left.size
  let wrong = 0
  for (const name of readdirSync(out)) {
    for (const line of readFileSync(join(out, name), 'utf8').split('\n').filter((text) => text !== '')) {
      const { colour, start, end, count } = JSON.parse(line)
      const key = `${colour} ${start} ${end}`
      if (left.get(key) !== count) wrong += 1
      left.delete(key)
    }
  }
  return { expected, lost: left.size, wrong }
}

const args = [CLI, 'run', join(HERE, 'job.ts'), '--state', join(place, 'state'), '-c', `out=${out}`, '-c', `sneezeAt=${sneezeAt}`, '--json']
const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
const closed = new Promise((resolve) => child.on('close', resolve))
for await (const line of createInterface({ input: child.stdout })) tell(JSON.parse(line))
const exitCode = await closed

if (exitCode === 0) {
  const { expected, lost, wrong } = compare()
  console.log(`\n${goneBack ? 'Beads after the band were touched twice and counted once' : 'Nobody sneezed'}: ` +
    `${expected} counts of a minute compared with a plain loop, ${lost} lost, ${wrong} wrong or doubled.`)
  process.exitCode = lost + wrong === 0 ? 0 : 1
} else {
  process.exitCode = exitCode ?? 1
}
rmSync(place, { recursive: true, force: true })
