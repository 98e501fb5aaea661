/**
 * A source whose records fall due at instants fixed in advance, whatever becomes of those who read them.
 *
 * Record n is due at startMs + n / rate, on the monotonic clock that all processes and threads of a machine
 * share. A reader that was blocked, stopped or restarted finds all that fell due meanwhile waiting for it, as
 * with a log that others go on writing to. So a delay that is counted from `dueMs(n)` holds every wait,
 * whoever caused it (no coordinated omission). Split i of k gives the records n with n mod k = i.
 */

/** Milliseconds since the machine was started. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6

/** `rate`: records a second over all splits. */
export const dueMs = ({ startMs, rate }, n) => startMs + (n * 1000) / rate

/** How many records are due by then. */
const dueBy = ({ startMs, rate }, ms) => (ms < startMs ? 0 : Math.floor(((ms - startMs) * rate) / 1000) + 1)

export function scheduled({ startMs, rate, count, splits = 1, record, now = nowMs }) {
  const plan = { startMs, rate }
  return {
    kind: 'scheduled',
    resource: `scheduled, ${count} records`,
    rewind: 'can rewind',
    splitsInTimeOrder: true,
    assignment: 'spread',
    discoverEveryMs: 1000,
    *discover() {
      const made = Array.from({ length: splits }, (_, index) => ({ id: `scheduled-${index}-of-${splits}`, index }))
      return { splits: made, state: undefined, complete: true }
    },
    openSplit({ index }, position, { ports, wake }) {
      let next = typeof position === 'number' ? position : index
      let timer
      let closed = false
      return {
        poll(max) {
          if (closed || next >= count) return 'end'
          const first = next
          const there = Math.ceil((Math.min(count, dueBy(plan, now())) - first) / splits)
          const records = Array.from({ length: Math.max(0, Math.min(max, there)) }, (_, i) => record(first + i * splits))
          next += records.length * splits
          if (records.length > 0) return { records, malformed: [], place: (i) => `record ${first + i * splits}` }
          timer?.cancel()
          timer = ports.timers.after(Math.max(1, Math.ceil(dueMs(plan, first) - now())), wake)
          return 'pending'
        },
        position: () => next,
        close() {
          closed = true
          timer?.cancel()
        },
      }
    },
  }
}
