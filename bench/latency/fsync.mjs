/**
 * What the disk takes for an fsync: appends a block to a file of its own and syncs it, so many times a second.
 *
 *   node latency/fsync.mjs DIRECTORY SECONDS
 *
 * Synchronous calls in a process that does nothing else, so that nothing but the system is in the figure.
 */
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Histogram } from '../lib/histogram.mjs'
import { report } from '../lib/measure.mjs'

const BLOCK = Buffer.alloc(4096, 1)
const EVERY_MS = 20

const [directory, seconds] = process.argv.slice(2)
const path = join(directory, 'fsync-probe')
const file = openSync(path, 'wx')
const histogram = new Histogram()
const end = performance.now() + Number(seconds) * 1000
while (performance.now() < end) {
  writeSync(file, BLOCK)
  const began = performance.now()
  fsyncSync(file)
  histogram.add(performance.now() - began)
  await pause(EVERY_MS)
}
closeSync(file)
unlinkSync(path)
report(histogram.summary())
