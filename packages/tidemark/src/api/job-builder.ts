/**
 * What a build function gets: sources and settings.
 *
 * The one place where untyped streams (fluent.ts) get their types (streams.ts).
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { Guarantee } from '../graph/logical-graph.ts'
import type { InvalidPolicy, SourceOperatorSpec, WatermarkGeneratorSpec } from '../graph/operator-spec.ts'
import type { AnySource, Rewind, SourceSpec, Split } from '../graph/source.ts'
import { requireFunction } from './checks.ts'
import type { JobConfig } from './config.ts'
import { FluentSource, notA } from './fluent.ts'
import type { GraphDraft } from './graph-draft.ts'
import { isSchema, type OutputOf, type Schema } from './state.ts'
import type { SourceStream } from './streams.ts'

/** Sources a job may read. The condition stays in a type argument, so that inference works. */
export type RewindFor<G extends Guarantee> = G extends 'exactly-once' ? 'can rewind' : Rewind

/**
 * How far event time has come, as a function of the records of one split so far, and of nothing else: so a
 * restart gives the same watermarks. The state is plain data and part of the checkpoint.
 */
export interface WatermarkGenerator<T, S = any> {
  /** State before the first record. */
  create(): S
  /** For every record in order; returns the new state. `eventTime` in ms. */
  onEvent(state: S, eventTime: number, record: T): S
  /** No record of this time or an earlier one is expected any more; undefined: nothing is known yet. */
  watermark(state: S): number | Date | undefined
}

export interface SourceOptions<T> {
  /** When it happened, as a Date or milliseconds. Without it, records have no event time. */
  readonly eventTime?: (record: T) => Date | number
  /** Records come at most this much out of order; later ones are late. Default 0. */
  readonly outOfOrder?: Duration
  /** Watermarks by a rule of your own, instead of `outOfOrder`. */
  readonly watermarks?: WatermarkGenerator<T>
  /**
   * Sources with the same `group` are read in step: whatever is more than `maxDrift` ahead of the slowest in
   * event time waits, so that state and buffers of windows and joins stay small. Splits of one source count
   * one by one.
   */
  readonly align?: { readonly group: string; readonly maxDrift: Duration }
  /** A split that is silent for this long no longer holds back event time. Default: never. */
  readonly idleAfter?: Duration
  /** What happens to a row that fits neither format nor schema. Default 'fail'. */
  readonly onInvalid?: InvalidPolicy
}

/** Records of a source: what its schema gives, else what the source says. */
export type RecordOf<T, S> = S extends Schema ? OutputOf<S> : T

export interface JobBuilder<G extends Guarantee = Guarantee> {
  /** Reads a source; with `schema` (any Standard Schema) each record is checked and typed by it. */
  from<T, S extends Schema | undefined = undefined>(
    name: string,
    source: SourceSpec<T, Split, RewindFor<G>>,
    options?: SourceOptions<RecordOf<T, S>> & { readonly schema?: S },
  ): SourceStream<RecordOf<T, S>, G>
  /** Settings of this run: `-c key=value`. */
  readonly config: JobConfig
}

interface UntypedOptions extends SourceOptions<unknown> {
  readonly schema?: Schema | undefined
}

export function jobBuilder<G extends Guarantee>(draft: GraphDraft, config: JobConfig): JobBuilder<G> {
  const from = (name: string, source: AnySource, options: UntypedOptions = {}): FluentSource => {
    if (typeof source?.openSplit !== 'function') throw notA('source', 'from', source)
    return new FluentSource(draft, draft.add({ name, spec: sourceSpec(name, source, options), inputs: [] }))
  }
  return Object.freeze({ config, from: from as unknown as JobBuilder<G>['from'] })
}

const POLICIES: readonly string[] = ['fail', 'drop', 'side'] satisfies InvalidPolicy[]

function sourceSpec(name: string, source: AnySource, options: UntypedOptions): SourceOperatorSpec {
  const { schema, eventTime, outOfOrder, idleAfter, watermarks, align, onInvalid = 'fail' } = options
  if (schema !== undefined && !isSchema(schema)) throw notA('schema', 'from', schema)
  if (eventTime !== undefined) requireFunction(eventTime, 'eventTime')
  if (!POLICIES.includes(onInvalid)) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `onInvalid of the source "${name}" is unknown`, given: onInvalid,
      why: 'It says what happens to a row that does not fit.', fix: "use 'fail', 'drop' or 'side'",
    })
  }
  const idle = idleAfter === undefined
    ? {}
    : { idleAfterMs: durationMs(idleAfter, `idleAfter of the source "${name}"`, 1) }
  if (watermarks !== undefined && outOfOrder !== undefined) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `The source "${name}" has both outOfOrder and watermarks`, given: undefined,
      why: 'Both say how far event time has come.', fix: 'give one of them',
    })
  }
  return {
    kind: 'source',
    source,
    ...(schema === undefined ? {} : { schema }),
    ...(eventTime === undefined ? {} : { eventTime }),
    outOfOrderMs: durationMs(outOfOrder ?? 0, `outOfOrder of the source "${name}"`),
    ...(watermarks === undefined ? {} : { watermarks: generatorSpec(watermarks) }),
    ...(align === undefined ? {} : { alignment: alignmentSpec(name, align) }),
    ...idle,
    onInvalid,
  }
}

function generatorSpec(given: WatermarkGenerator<unknown>): WatermarkGeneratorSpec {
  return {
    create: requireFunction(given.create?.bind(given), 'watermarks.create'),
    onEvent: requireFunction(given.onEvent?.bind(given), 'watermarks.onEvent'),
    watermark: requireFunction(given.watermark?.bind(given), 'watermarks.watermark'),
  }
}

function alignmentSpec(name: string, { group, maxDrift }: NonNullable<SourceOptions<unknown>['align']>) {
  return { group: String(group), maxDriftMs: durationMs(maxDrift, `maxDrift of the source "${name}"`, 1) }
}
