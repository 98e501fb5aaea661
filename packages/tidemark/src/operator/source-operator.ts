/**
 * The head of a source chain: reads its splits, gives event time, validates, emits watermarks.
 *
 * Owns: the splits assigned to this subtask with their positions, and the watermark of each. Called
 * by the subtask: `poll` for records, `addSplits`/`noMoreSplits` for what the enumerator decides.
 * A 'pull' source reads its splits one after another in the order of discovery and asks for the
 * next when it has none; a 'spread' source reads all of its splits in turn.
 *
 *   SO-1  The watermark is the minimum over all splits of this subtask that are not finished, also
 *         those not begun, and never goes back; a source whose splits are in no time order gives
 *         none before its end.
 *   SO-2  The snapshot holds, for every unfinished split, the position of the next record that was
 *         not emitted.
 *   SO-3  Nothing is dropped silently: a record that does not fit goes where the job says.
 *   SO-4  With an alignment, a split that is too far ahead is not read, and it is not idle for that.
 *   SO-5  The state of a watermark generator of the job is cut together with the position of its split.
 *
 * Source: FLIP-27 SourceOperator; split-wise watermarks as WatermarkOutputMultiplexer.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { unreachable } from '../base/assert.ts'
import { isStreamError } from '../base/errors.ts'
import type { AssignedSplit } from '../base/protocol.ts'
import { MAX_TIMESTAMP, MIN_TIMESTAMP, NO_TIMESTAMP } from '../base/time.ts'
import { eventTimeMs, SURE_FROM_MS, SURE_TO_MS } from '../graph/event-time.ts'
import { INVALID, MAIN, type SourceOperatorSpec } from '../graph/operator-spec.ts'
import type { Batch, MalformedRow, ReaderContext, Split, SplitReader } from '../graph/source.ts'
import { E011_SCHEMA_MISMATCH } from '../record/errors.ts'
import { deepFreeze } from '../record/freeze.ts'
import { quicklyValid, validateSync } from '../record/schema.ts'
import type { OperatorSnapshot } from '../state/snapshot.ts'
import { Backlog } from '../time/backlog.ts'
import { Drift, NOT_COUNTED } from '../time/drift.ts'
import { SplitWatermarks } from '../time/split-watermarks.ts'
import { IdlenessTimer } from '../time/watermark-generator.ts'
import type { WatermarkHolder } from '../time/watermark-valve.ts'
import { E015_MALFORMED_ROW, userError } from './errors.ts'
import { E142_NOT_A_WATERMARK } from './errors-window.ts'
import { handedOn } from './inline.ts'
import { totalOf, type Collect, type Operator, type OperatorContext } from './operator.ts'

/** One assigned split; `position` is current only while no reader is open. */
interface ActiveSplit {
  readonly split: Split
  readonly order: number
  readonly position: unknown
  readonly idleness: IdlenessTimer | undefined
  reader: SplitReader<unknown> | undefined
  /** Largest timestamp minus the bound minus 1, or what the generator says; MIN_TIMESTAMP at first. */
  watermark: number
  /** State of the job's own watermark generator. */
  generator: unknown
  idle: boolean
}

/** Sends the records of a batch on and gives their largest time; where it stopped, in case it throws. */
type SendBatch = (records: readonly unknown[], batch: Batch<unknown>, cursor: { at: number }) => number

interface StoredSplit {
  readonly split: Split
  readonly order: number
  readonly position: unknown
  readonly watermark: number
  readonly generator?: unknown
}

export class SourceOperator implements Operator {
  readonly name: string
  readonly collect: Collect = () => unreachable('a source has no input')
  readonly #spec: SourceOperatorSpec
  readonly #context: OperatorContext
  readonly #emit: Collect
  /** The usual case as generated code; undefined: `#emitEach` does it. */
  readonly #send: SendBatch | undefined
  readonly #emitInvalid: Collect
  readonly #readerContext: ReaderContext
  readonly #watermarks: SplitWatermarks
  readonly #splits: ActiveSplit[] = []
  readonly #drift: Drift | undefined
  readonly #backlog: Backlog | undefined
  #noMore = false
  /** Told to end: part of the snapshot, since what the end brought about cannot be taken back. */
  #drained: boolean
  #requested = false
  #turn = 0
  #cancelIdleCheck: (() => void) | undefined
  #cancelBacklogCheck: (() => void) | undefined
  /** Records emitted since the job began: part of the snapshot, so it goes back with everything else. */
  emitted: number

  constructor(spec: SourceOperatorSpec, context: OperatorContext) {
    this.name = context.operator
    this.#spec = spec
    this.#context = context
    this.#emit = context.output.collector(MAIN)
    this.#send = this.#compile()
    this.#drift = spec.alignment === undefined ? undefined : new Drift(spec.alignment.maxDriftMs)
    this.#backlog = spec.backlogLagMs === undefined ? undefined : new Backlog(spec.backlogLagMs)
    this.#emitInvalid = context.output.collector(INVALID)
    const { ports, restored } = context
    this.#readerContext = {
      ports, storage: ports.storage, log: ports.log,
      wake: () => context.wake(),
      fail: (error) => context.fail(error),
    }
    this.emitted = totalOf(restored?.list('records'))
    this.#drained = (restored?.list('drained') ?? []).length > 0
    const floors = (restored?.list('watermark') ?? []) as readonly number[]
    this.#watermarks = new SplitWatermarks(floors.length === 0 ? MIN_TIMESTAMP : Math.min(...floors))
    for (const stored of (restored?.list('splits') ?? []) as readonly StoredSplit[]) this.#add(stored)
  }

  get watermark(): number {
    return this.#watermarks.watermark
  }

  /** Why the watermark is what it is: which split is furthest behind. */
  holder(): WatermarkHolder {
    const { watermark, holder, idle } = this.#watermarks
    return { watermark, heldBy: holder, idle }
  }

  /** The slowest of the alignment group of this source, as the job knows it. */
  onGroupWatermark(watermark: number): void {
    this.#drift?.onGroup(watermark)
  }

  /** What the job is to be told of this subtask for its alignment group; undefined: nothing new. */
  takeAlignmentReport(): { readonly group: string; readonly watermark: number } | undefined {
    const { alignment } = this.#spec
    const watermark = this.#drift?.report(this.#slowest())
    if (alignment === undefined || watermark === undefined) return undefined
    return { group: alignment.group, watermark }
  }

  /** What the job is to be told of a backlog; undefined: nothing new. */
  takeBacklogReport(): boolean | undefined {
    return this.#backlog?.report()
  }

  open(): void {
    const { watermark } = this.#watermarks
    if (watermark > MIN_TIMESTAMP) this.#context.output.watermark(watermark)
    if (this.#spec.idleAfterMs !== undefined) this.#scheduleIdleCheck(this.#spec.idleAfterMs)
  }

  addSplits(assigned: readonly AssignedSplit[]): void {
    this.#requested = false
    for (const { split, order } of assigned) {
      this.#add({ split, order, position: undefined, watermark: MIN_TIMESTAMP })
    }
  }

  noMoreSplits(): void {
    this.#requested = false
    this.#noMore = true
  }

  /** The input ends here, whatever splits there are. */
  drain(): void {
    this.#drained = true
  }

  /** True once each time a split is wanted: the subtask then asks the enumerator. */
  takeSplitRequest(): boolean {
    const wanted = !this.#noMore && !this.#drained && !this.#requested && this.#splits.length === 0
    if (wanted) this.#requested = true
    return wanted
  }

  poll(max: number): 'emitted' | 'pending' | 'end' {
    const polled = this.#poll(max)
    if (this.#backlog !== undefined) this.#noteBacklog(this.#backlog, polled)
    return polled
  }

  #noteBacklog(backlog: Backlog, polled: 'emitted' | 'pending' | 'end'): void {
    const { ports: { clock }, processingTime } = this.#context
    if (polled !== 'pending') {
      backlog.found(this.#slowest(), clock.wallMs())
      return
    }
    const againMs = backlog.foundNothing(clock.monotonicMs())
    if (againMs === undefined || this.#cancelBacklogCheck !== undefined) return
    this.#cancelBacklogCheck = processingTime.at(processingTime.now() + Math.ceil(againMs), () => {
      this.#cancelBacklogCheck = undefined
      this.#context.wake()
    })
  }

  #poll(max: number): 'emitted' | 'pending' | 'end' {
    if (this.#splits.length === 0 || this.#drained) {
      if (!this.#noMore && !this.#drained) return 'pending'
      this.#context.output.watermark(MAX_TIMESTAMP)
      return 'end'
    }
    const candidates = this.#spec.source.assignment === 'pull' ? 1 : this.#splits.length
    for (let i = 0; i < candidates; i++) {
      const index = candidates === 1 ? 0 : (this.#turn + i) % candidates
      const active = this.#splits[index] as ActiveSplit
      if (this.#drift?.isAhead(active.watermark, this.#slowest()) === true) {
        active.idleness?.activity()
        continue
      }
      active.reader ??= this.#spec.source.openSplit(active.split, active.position, this.#readerContext)
      const batch = active.reader.poll(max)
      if (batch === 'pending') continue
      this.#turn = index + 1
      if (batch === 'end') this.#finishSplit(index)
      else this.#emitBatch(active, batch)
      return 'emitted'
    }
    return 'pending'
  }

  onWatermark(): void {
    unreachable('a source has no input')
  }

  onIdle(): void {
    unreachable('a source has no input')
  }

  snapshot(): OperatorSnapshot {
    const splits: StoredSplit[] = this.#splits.map(({ split, order, watermark, generator, ...active }) => ({
      split, order, watermark, position: active.reader === undefined ? active.position : active.reader.position(),
      ...(this.#spec.watermarks === undefined ? {} : { generator }),
    }))
    return {
      keyed: [],
      lists: [
        { name: 'splits', redistribute: 'split', items: splits },
        { name: 'watermark', redistribute: 'union', items: [this.#watermarks.watermark] },
        { name: 'records', redistribute: 'split', items: [this.emitted] },
        ...(this.#drained ? [{ name: 'drained', redistribute: 'union' as const, items: [true] }] : []),
      ],
    }
  }

  close(): void {
    this.#cancelIdleCheck?.()
    this.#cancelBacklogCheck?.()
    for (const { reader } of this.#splits) reader?.close()
  }

  #add(stored: StoredSplit): void {
    const { split, order, position, watermark } = stored
    const { idleAfterMs } = this.#spec
    const { clock } = this.#context.ports
    const idleness = idleAfterMs === undefined ? undefined : new IdlenessTimer(idleAfterMs, () => clock.monotonicMs())
    const generator = stored.generator ?? this.#spec.watermarks?.create()
    this.#splits.push({
      split, order, position, watermark, generator, idleness, idle: false, reader: undefined,
    })
    this.#splits.sort((a, b) => a.order - b.order)
    this.#watermarks.add(split.id, watermark)
  }

  #finishSplit(index: number): void {
    const [done] = this.#splits.splice(index, 1)
    if (done === undefined) return
    done.reader?.close()
    this.#forward(() => this.#watermarks.remove(done.split.id))
  }

  #emitBatch(active: ActiveSplit, batch: Batch<unknown>): void {
    for (const row of batch.malformed) this.#onMalformed(row)
    const { records } = batch
    const { eventTime, watermarks } = this.#spec
    const cursor = { at: 0 }
    let most: number
    try {
      most = this.#send !== undefined && (eventTime !== undefined || batch.eventTimes === undefined)
        ? this.#send(records, batch, cursor)
        : this.#emitEach(active, batch, cursor)
    } catch (error) {
      const place = { operator: this.name, subtask: this.#context.subtask, position: batch.place(cursor.at) }
      const fn = watermarks === undefined ? 'eventTime' : 'eventTime or watermarks'
      const wrapped = userError(error, this.name, fn)
      throw isStreamError(wrapped) ? wrapped.withPlace(place) : wrapped
    }
    this.emitted += records.length
    active.idleness?.activity()
    active.idle = false
    if (most === MIN_TIMESTAMP || !this.#spec.source.splitsInTimeOrder) return
    const watermark = this.#watermarkAfter(active, most)
    if (watermark > active.watermark) active.watermark = watermark
    this.#forward(() => this.#watermarks.onWatermark(active.split.id, active.watermark))
  }

  #emitEach(active: ActiveSplit, batch: Batch<unknown>, cursor: { at: number }): number {
    const { records, eventTimes } = batch
    const { schema, eventTime, watermarks } = this.#spec
    const { freeze } = this.#context
    const emit = this.#emit
    let most = MIN_TIMESTAMP
    for (let i = 0; i < records.length; i++) {
      cursor.at = i
      let record = records[i]
      if (schema !== undefined) {
        const valid = this.#validated(schema, record, batch, i)
        if (valid === REFUSED) continue
        record = valid
      }
      if (freeze) deepFreeze(record)
      let timestamp = NO_TIMESTAMP
      if (eventTime !== undefined || eventTimes !== undefined) {
        const given = eventTime === undefined ? eventTimes?.[i] : eventTime(record)
        timestamp = eventTimeMs(given, this.name)
        if (timestamp > most) most = timestamp
        if (watermarks !== undefined) {
          active.generator = watermarks.onEvent(active.generator, timestamp, record)
        }
      }
      emit(record, timestamp)
    }
    return most
  }

  /** `#emitEach` with the chain behind it in line; not with watermarks of the job's own, or times of the log. */
  #compile(): SendBatch | undefined {
    const { schema, eventTime, watermarks } = this.#spec
    if (watermarks !== undefined) return undefined
    const { freeze, output } = this.#context
    return output.generate?.<SendBatch>(['records', 'batch', 'cursor'], (code) => {
      const [i, record, given, time] = [code.local(), code.local(), code.local(), code.local()]
      const validate = schema === undefined
        ? undefined
        : code.bind((row: unknown, batch: Batch<unknown>, at: number) => this.#validated(schema, row, batch, at))
      const checked = validate === undefined
        ? ''
        : `${record} = ${validate}(${record}, batch, ${i}); if (${record} === ${code.bind(REFUSED)}) continue`
      const timed = eventTime === undefined
        ? `const ${time} = ${NO_TIMESTAMP}`
        : `const ${given} = ${code.bind(eventTime)}(${record})
          const ${time} = typeof ${given} === 'number' && ${given} >= ${SURE_FROM_MS} && ${given} <= ${SURE_TO_MS}
            ? Math.floor(${given}) : ${code.bind((value: unknown) => eventTimeMs(value, this.name))}(${given})
          if (${time} > most) most = ${time}`
      return `let most = ${MIN_TIMESTAMP}
        let ${i} = 0
        try {
          for (; ${i} < records.length; ${i}++) {
            let ${record} = records[${i}]
            ${checked}
            ${handedOn(code, record, freeze)}
            ${timed}
            ${code.next(MAIN, record, time)}
          }
        } catch (thrown) {
          cursor.at = ${i}
          throw thrown
        }
        return most`
    })
  }

  #watermarkAfter(active: ActiveSplit, most: number): number {
    const { watermarks, outOfOrderMs } = this.#spec
    if (watermarks === undefined) return most - outOfOrderMs - 1
    let given: number | Date | undefined
    try {
      given = watermarks.watermark(active.generator)
    } catch (thrown) {
      throw userError(thrown, this.name, 'watermarks')
    }
    if (given === undefined) return MIN_TIMESTAMP
    const ms = Math.floor(+given)
    if (Number.isNaN(ms)) throw E142_NOT_A_WATERMARK({ operator: this.name, given: String(given) })
    // The largest one is said by the end of the input alone.
    return Math.max(MIN_TIMESTAMP, Math.min(ms, MAX_TIMESTAMP - 1))
  }

  /** The smallest watermark of the splits being read, for the alignment of sources. */
  #slowest(): number {
    const { splitsInTimeOrder, assignment } = this.#spec.source
    if (!splitsInTimeOrder) return NOT_COUNTED
    // Of splits that are read one after another, the others are not slow: they have not begun.
    const reading = assignment === 'pull' ? this.#splits.slice(0, 1) : this.#splits
    let least = NOT_COUNTED
    for (const { idle, watermark } of reading) if (!idle && watermark < least) least = watermark
    return least
  }

  /** The record as the schema gives it back. What is not plainly valid goes the slow way to its reason. */
  #validated(schema: StandardSchemaV1, record: unknown, batch: Batch<unknown>, index: number): unknown {
    const quick = quicklyValid(schema, record)
    if (quick !== undefined) return quick.value
    const valid = validateSync(schema, record, `records of "${this.name}"`)
    if (valid.ok) return valid.value
    const { onInvalid } = this.#spec
    const { path, issue } = valid
    const mismatch = E011_SCHEMA_MISMATCH({ subject: `A record of "${this.name}"`, path, issue, policy: onInvalid })
    if (onInvalid === 'fail') throw mismatch
    this.#reject({ text: shown(record), reason: mismatch.message, place: batch.place(index) })
    return REFUSED
  }

  #onMalformed(row: MalformedRow): void {
    if (this.#spec.onInvalid !== 'fail') {
      this.#reject(row)
      return
    }
    const { text, reason, place } = row
    const where = { operator: this.name, subtask: this.#context.subtask, position: place }
    throw E015_MALFORMED_ROW({ operator: this.name, text, reason }, { place: where })
  }

  #reject(row: MalformedRow): void {
    this.#context.metrics.invalid += 1
    if (this.#spec.onInvalid === 'side') this.#emitInvalid(row, NO_TIMESTAMP)
  }

  /** Runs a change of the combination and sends on what it changed: active before, idle after. */
  #forward(change: () => boolean): void {
    const watermarks = this.#watermarks
    const { watermark, idle } = watermarks
    if (!change()) return
    const { output } = this.#context
    if (idle && !watermarks.idle) output.idle(false)
    if (watermarks.watermark > watermark) output.watermark(watermarks.watermark)
    if (!idle && watermarks.idle) output.idle(true)
  }

  #scheduleIdleCheck(idleAfterMs: number): void {
    const { processingTime } = this.#context
    const every = Math.max(1, Math.floor(idleAfterMs / 4))
    this.#cancelIdleCheck = processingTime.at(processingTime.now() + every, () => {
      for (const active of this.#splits) {
        const { split, idleness } = active
        if (idleness === undefined) continue
        const idle = idleness.check()
        // Splits that wait for this one may be read now.
        if (idle && !active.idle && this.#drift !== undefined) this.#context.wake()
        active.idle = idle
        this.#forward(() => this.#watermarks.onIdle(split.id, idle))
      }
      this.#scheduleIdleCheck(idleAfterMs)
    })
  }
}

export function createSource(spec: SourceOperatorSpec, context: OperatorContext): SourceOperator {
  return new SourceOperator(spec, context)
}

export function isSource(operator: Operator): operator is SourceOperator {
  return operator instanceof SourceOperator
}

const REFUSED = Symbol('refused')

function shown(record: unknown): string {
  try {
    return JSON.stringify(record) ?? String(record)
  } catch {
    return String(record)
  }
}
