/**
 * The small trace of one checkpoint: who, when, how long, how many bytes.
 *
 * Filled by the coordinator, written next to the checkpoint after it ended, read by people and by
 * whatever explains a slow or failed checkpoint, also of a job that is no longer running.
 *
 *   CT-1  Bounded; never fsynced; a failure to write it is no failure of the checkpoint.
 */
import type { CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { checkpointDirectory, checkpointFile, TRACE_FILE } from './layout.ts'

export type TraceEvent =
  | { readonly event: 'cp.trigger'; readonly cp: number; readonly t: number; readonly reason: string }
  | {
      readonly event: 'ack'; readonly cp: number; readonly t: number; readonly task: string
      readonly metrics: unknown
    }
  /** The checkpoint was too old: these were told to wait for no barrier. */
  | { readonly event: 'cp.overtake'; readonly cp: number; readonly t: number; readonly tasks: readonly string[] }
  | { readonly event: 'cp.done'; readonly cp: number; readonly t: number; readonly bytes: number }
  | {
      readonly event: 'cp.abort'; readonly cp: number; readonly t: number; readonly why: string
      readonly who?: string; readonly error?: string
    }

const MOST_EVENTS = 4_096

export class CheckpointTrace {
  readonly #lines: string[] = []
  #left = 0

  add(event: TraceEvent): void {
    if (this.#lines.length < MOST_EVENTS) this.#lines.push(JSON.stringify(event))
    else this.#left += 1
  }

  text(): string {
    const lines = this.#left === 0 ? this.#lines : [...this.#lines, JSON.stringify({ event: 'more', count: this.#left })]
    return `${lines.join('\n')}\n`
  }
}

export function* writeTrace(storage: Storage, directory: string, id: CheckpointId, trace: CheckpointTrace): Io<void> {
  yield* storage.makeDirectory(checkpointDirectory(directory, id))
  const file = yield* storage.create(checkpointFile(directory, id, TRACE_FILE))
  try {
    yield* storage.append(file, new TextEncoder().encode(trace.text()))
  } finally {
    yield* storage.close(file)
  }
}
