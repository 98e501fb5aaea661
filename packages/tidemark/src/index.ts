/**
 * Package `tidemark`: what a job file, a test or an embedding program needs.
 */
export { aggregator, avg, collectAll, count, max, min, sum } from './api/aggregates.ts'
export type { Aggregate, SumOptions } from './api/aggregates.ts'
export type { AsyncFunction, AsyncOptions, AsyncStream, FailedRecord, RetryOptions } from './api/async.ts'
export type { BroadcastConnected, BroadcastContext, BroadcastHandlers, BroadcastStream, KeyedBroadcastConnected,
  KeyedBroadcastContext, KeyedBroadcastHandlers, ReadonlyMapState } from './api/broadcast.ts'
export { buildGraph } from './api/build.ts'
export type { BuildSettings, BuiltGraph } from './api/build.ts'
export type { Change, Changelog, ChangeOp, GroupedChangelog, LatestOptions, NamedChangelog } from './api/changelog.ts'
export type { ConnectedKeyedStreams, ConnectedStreams, CoProcessHandlers,
  StreamCoProcessHandlers } from './api/connect.ts'
export type { JobConfig } from './api/config.ts'
export type { DedupeOptions } from './api/dedupe.ts'
export type { Bound, CoGroupOptions, IntervalJoinOptions, JoinContext, JoinedStream, JoinLate, JoinType,
  KeyedJoinOptions, LookupOptions, TemporalJoinOptions, TimedJoinContext, WindowJoinOptions } from './api/joins.ts'
export { evolve } from './api/evolve.ts'
export type { Evolution, EvolutionStep, Evolve, WidenTo } from './api/evolve.ts'
export { isJob, job } from './api/job.ts'
export type { CheckpointSettings, Job, JobOptions, RestartSettings } from './api/job.ts'
export type { JobBuilder, SourceOptions, WatermarkGenerator } from './api/job-builder.ts'
export { pattern } from './api/pattern-builder.ts'
export type { MatchOptions, Pattern, PatternMatch, PatternStart, TimedOutMatch } from './api/patterns.ts'
export { sideOutput } from './api/process.ts'
export type { ProcessContext, ProcessHandlers, SideOutput, StreamProcessContext, StreamProcessHandlers,
  Timers, WindowContext } from './api/process.ts'
export type { Sortable } from './api/sorting.ts'
export { state } from './api/state.ts'
export type { EvolutionOptions, StateDeclaration, StateOptions } from './api/state.ts'
export type { Aggregates, InvalidRecord, Keyed, KeyedStream, LateRecord, MatchStream, NamedStream, ProcessedStream,
  SourceStream, Stream, WindowedStream, WindowOptions, WindowResult, WindowResultStream,
  WindowRow } from './api/streams.ts'
export { continuousProcessingTimeTrigger, continuousTrigger, countEvictor, countTrigger, deltaEvictor,
  deltaTrigger, earlyTrigger, eventTimeTrigger, neverTrigger, processingTimeTrigger, purging, timeEvictor,
  trigger } from './api/triggers.ts'
export type { Evictor, Trigger, TriggerContext, TriggerHandlers } from './api/triggers.ts'
export { calendar, countWindow, globalWindow, session, sliding, tumbling } from './api/windows.ts'
export type { WindowAssigner } from './api/windows.ts'
export type { TopOptions, TopRow } from './api/top-n.ts'
export type { TtlOptions, TtlRefresh } from './api/ttl.ts'
export type { Duration } from './base/duration.ts'
export { isStreamError, reportOf, StreamError } from './base/errors.ts'
export type { ErrorPlace, ErrorReport } from './base/errors.ts'
export { collect, collection } from './connector/collection.ts'
export { csv, files, jsonl } from './connector/files.ts'
export { generator } from './connector/generator.ts'
export { parquet } from './connector/parquet.ts'
export type { Key } from './graph/key.ts'
export type { Guarantee } from './graph/logical-graph.ts'
export type { Commit, Committer, SinkContext, SinkSpec, SinkWriter } from './graph/sink.ts'
export type { Batch, Rewind, SourceSpec, Split, SplitReader } from './graph/source.ts'
export type { AggregateSpec, FormerState, UpgradeContext } from './graph/state-spec.ts'
export { startJob } from './host/run.ts'
export type { RunOptions, RunOutcome } from './host/run.ts'
export type { AggregatingState, ListState, MapState, ReducingState, ValueState } from './state/handles.ts'
