/**
 * Nexmark events as a source of a job: held in memory, or made while they are read.
 *
 * Split i of k gives the events n with n mod k = i, so all splits move through time side by side. A split
 * begins to give records only when the events of all are in memory: each reader says that it is ready by
 * writing a file, since splits may be read in different threads. The first record of each and its end are marked.
 */
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NexmarkGenerator } from './generator.mjs'

const LOOK_AGAIN_MS = 2

/** Milliseconds since 1970 with fractions, the same in all threads of a process. */
export const nowMs = () => performance.timeOrigin + performance.now()

/** One line of the marks of a run: what happened, when, how many. */
export const mark = (directory, what, { count = 0, at = nowMs() } = {}) => {
  appendFileSync(join(directory, 'marks'), `${what} ${at} ${count}\n`)
}

/** Events `index`, `index + parts`, … below `count`. */
export function eventsOf(count, index = 0, parts = 1) {
  const generator = new NexmarkGenerator()
  const events = []
  for (let n = index; n < count; n += parts) events.push(generator.event(n))
  return events
}

/** Batches out of an array. */
const fromMemory = (events) => (at, end) => events.slice(at, end)

/** Batches out of the generator. */
function fromGenerator(index, parts) {
  const generator = new NexmarkGenerator()
  return (at, end) => {
    const events = []
    for (let i = at; i < end; i++) events.push(generator.event(index + i * parts))
    return events
  }
}

/**
 * `keep`: a Map that outlives a run, so that a second run in the same thread finds its events in memory.
 * `directory`: where marks go. `made`: true to make events while they are read.
 */
export function nexmarkSource({ count, parts, directory, made = false, keep = new Map() }) {
  const eventsFor = (index) => {
    const key = `${count} ${index}/${parts}`
    if (!keep.has(key)) keep.set(key, eventsOf(count, index, parts))
    return keep.get(key)
  }
  return {
    kind: 'nexmark',
    resource: `${count} events of Nexmark in ${parts} parts`,
    rewind: 'can rewind',
    splitsInTimeOrder: true,
    assignment: 'spread',
    discoverEveryMs: 1000,
    *discover() {
      const splits = Array.from({ length: parts }, (_, index) => ({ id: `${index}-of-${parts}`, index }))
      return { splits, state: undefined, complete: true }
    },
    openSplit({ index }, position, context) {
      const take = made ? fromGenerator(index, parts) : fromMemory(eventsFor(index))
      const end = Math.max(0, Math.ceil((count - index) / parts))
      let at = typeof position === 'number' ? position : 0
      let begun = false
      let ended = false
      let timer
      writeFileSync(join(directory, `ready-${index}`), '')
      const allReady = () => readdirSync(directory).filter((name) => name.startsWith('ready-')).length === parts
      return {
        poll(max) {
          if (!begun) {
            if (!allReady()) {
              timer = context.ports.timers.after(LOOK_AGAIN_MS, () => context.wake())
              return 'pending'
            }
            begun = true
            mark(directory, 'first')
          }
          if (at >= end) {
            if (!ended) mark(directory, 'end')
            ended = true
            return 'end'
          }
          const from = at
          at = Math.min(at + max, end)
          return { records: take(from, at), malformed: [], place: (i) => `event ${index + (from + i) * parts}` }
        },
        position: () => at,
        close: () => timer?.cancel(),
      }
    },
    *size() {
      return { records: count }
    },
  }
}
