/**
 * The running part of a replay: starts the host, watches the sources come to their bounds, stops it.
 *
 * Owned by replay.ts, for one replay.
 *
 *   RPL-14  The job is stopped, not drained: no window fires that had not fired in the checkpoint that is replayed
 *           to. A source that had ended there ends here as well, before the stop.
 */
import type { JobEnd } from '../job/job-supervisor.ts'
import type { BoundedSource } from '../job/replay/bounded-source.ts'
import type { InProcessHost, InProcessInit } from './in-process.ts'

/** Tells the run, once there is one, that some source stands at its bound. */
export class Settling {
  check: () => void = () => {}
}

/** A source that ends exchanges a few messages first; one that rests at two looks in a row has. */
const LOOK_AGAIN_MS = 5

type Callbacks = Pick<InProcessInit, 'onStarted' | 'onEnd'>

/** From the start of the host to its end: stops it when every source stands where it is to stand. */
export class ReplayRun {
  readonly #sources: readonly BoundedSource[]
  readonly #settling: Settling
  readonly #done: (end: JobEnd | undefined) => void
  readonly #signal: AbortSignal | undefined
  #host: InProcessHost | undefined
  #timer: NodeJS.Timeout | undefined
  #quiet = 0
  #ended = false

  constructor(
    sources: readonly BoundedSource[], settling: Settling, done: (end: JobEnd | undefined) => void,
    signal: AbortSignal | undefined,
  ) {
    this.#sources = sources
    this.#settling = settling
    this.#done = done
    this.#signal = signal
  }

  start(make: (callbacks: Callbacks) => InProcessHost): void {
    this.#settling.check = () => this.#lookSoon()
    this.#signal?.addEventListener('abort', this.#cancel)
    this.#host = make({ onStarted: () => this.#lookSoon(), onEnd: (end) => this.#finish(end) })
    this.#host.start()
    if (this.#signal?.aborted === true) this.#cancel()
  }

  /** Not at once: whoever says so is in the middle of a step. */
  #lookSoon(): void {
    this.#timer ??= setTimeout(() => this.#look(), 0)
  }

  #look(): void {
    this.#timer = undefined
    if (this.#ended || !this.#sources.every(({ settled }) => settled)) return
    const ending = this.#sources.filter(({ bounds }) => bounds.ended).map(({ operator }) => operator)
    // RPL-14: with every source at its end the job ends by itself.
    if (ending.length > 0 && ending.length === this.#sources.length) return
    this.#quiet = ending.every((operator) => this.#rests(operator)) ? this.#quiet + 1 : 0
    if (ending.length === 0 || this.#quiet > 1) this.#host?.stop()
    else this.#timer = setTimeout(() => this.#look(), LOOK_AGAIN_MS)
  }

  /** Its last split ended, it asked for another, was told that there is none, and sent its last watermark. */
  #rests(source: string): boolean {
    const vertex = this.#host?.sample().vertices.find(({ operators }) => operators[0] === source)
    return vertex !== undefined && vertex.subtasks.every(({ waitsFor, ended }) => ended || waitsFor === 'input')
  }

  readonly #cancel = (): void => {
    this.#host?.cancel()
    this.#finish(undefined)
  }

  #finish(end: JobEnd | undefined): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#cancel)
    this.#done(end)
  }
}
