/**
 * The coordinator's side of a source: discovers splits and hands them out (FLIP-27 SplitEnumerator).
 *
 * Owns: splits discovered and not handed out, in order, and who asked for one. Called by the job
 * master: `start`, `onRequest`, `snapshot`. Discovery is an Io; its result comes back as mail.
 *
 *   SE-1  Splits are handed out in the order of discovery, those given back first.
 *   SE-2  A snapshot is taken before the sources are triggered, and messages to a subtask arrive in
 *         order: a split is in the enumerator's snapshot or in a reader's, never in both or neither.
 *   SE-3  A reader that asks when nothing is left, and nothing will come, is told so once.
 * Source: Flink SourceCoordinator, SplitAssignmentTracker (here every failure is a global one, so
 * that restoring the snapshot gives back whatever was assigned after it).
 */
import { start, type Fiber } from '../base/io.ts'
import type { Ports, TimerHandle } from '../base/ports.ts'
import type { AssignedSplit, ToSubtask } from '../base/protocol.ts'
import type { AnySource, Split } from '../graph/source.ts'
import type { OperatorSnapshot, RestoredOperator } from '../state/snapshot.ts'

export interface EnumeratorInit {
  readonly operator: string
  readonly source: AnySource
  readonly parallelism: number
  readonly ports: Ports
  readonly restored: RestoredOperator | undefined
  readonly send: (subtask: number, message: ToSubtask) => void
  readonly fail: (error: unknown) => void
}

interface Stored {
  readonly pending: readonly AssignedSplit[]
  readonly discoveryState: unknown
  readonly complete: boolean
  readonly nextOrder: number
}

export class SplitEnumerator {
  readonly #init: EnumeratorInit
  #pending: AssignedSplit[] = []
  #discoveryState: unknown
  #complete = false
  #nextOrder = 0
  readonly #waiting: number[] = []
  readonly #told = new Set<number>()
  #discovering: Fiber | undefined
  #timer: TimerHandle | undefined
  #closed = false

  constructor(init: EnumeratorInit) {
    this.#init = init
    const [stored] = (init.restored?.list('enumerator') ?? []) as readonly Stored[]
    if (stored === undefined) return
    this.#pending = [...stored.pending]
    this.#discoveryState = stored.discoveryState
    this.#complete = stored.complete
    this.#nextOrder = stored.nextOrder
  }

  start(): void {
    if (!this.#complete) this.#discover()
    else this.#handOut()
  }

  onRequest(subtask: number): void {
    this.#waiting.push(subtask)
    this.#handOut()
  }

  snapshot(): OperatorSnapshot {
    const stored: Stored = {
      pending: [...this.#pending], discoveryState: this.#discoveryState,
      complete: this.#complete, nextOrder: this.#nextOrder,
    }
    return { keyed: [], lists: [{ name: 'enumerator', redistribute: 'union', items: [stored] }] }
  }

  close(): void {
    this.#closed = true
    this.#discovering?.cancel()
    this.#timer?.cancel()
  }

  #discover(): void {
    const { source, ports, parallelism, operator } = this.#init
    const io = source.discover({ storage: ports.storage, parallelism, state: this.#discoveryState })
    this.#discovering = start(io, (outcome) => {
      ports.executor.post(`enumerator:${operator}`, () => {
        if (this.#closed) return
        if (!outcome.ok) {
          this.#init.fail(outcome.error)
          return
        }
        const { splits, state, complete } = outcome.value
        this.#discoveryState = state
        this.#complete = complete
        for (const split of splits as readonly Split[]) {
          this.#pending.push({ split, order: this.#nextOrder })
          this.#nextOrder += 1
        }
        this.#handOut()
        if (!complete) this.#timer = ports.timers.after(source.discoverEveryMs, () => this.#discover())
      })
    })
  }

  #handOut(): void {
    const { source } = this.#init
    if (source.assignment === 'spread') this.#spread()
    else this.#answer()
  }

  /** 'pull': one split for each request. */
  #answer(): void {
    const { operator, send } = this.#init
    while (this.#waiting.length > 0) {
      const split = this.#pending.shift()
      if (split === undefined) {
        if (!this.#complete) return
        for (const subtask of this.#waiting.splice(0)) this.#tellNoMore(subtask)
        return
      }
      send(this.#waiting.shift() as number, { kind: 'assign', operator, splits: [split] })
    }
  }

  /** 'spread': split i goes to subtask i mod parallelism, so that a rescale spreads them anew. */
  #spread(): void {
    const { operator, parallelism, send } = this.#init
    for (const split of this.#pending.splice(0)) {
      send(split.order % parallelism, { kind: 'assign', operator, splits: [split] })
    }
    if (!this.#complete) return
    for (let subtask = 0; subtask < parallelism; subtask++) this.#tellNoMore(subtask)
  }

  #tellNoMore(subtask: number): void {
    if (this.#told.has(subtask)) return
    this.#told.add(subtask)
    this.#init.send(subtask, { kind: 'no-more-splits', operator: this.#init.operator })
  }
}
