/**
 * Package `tidemark`: what a job file, a test or an embedding program needs.
 */
export { aggregator, avg, collectAll, count, max, min, sum } from './api/aggregates.ts'
export type { Aggregate, SumOptions } from './api/aggregates.ts'
export { buildGraph } from './api/build.ts'
export type { BuildSettings, BuiltGraph } from './api/build.ts'
export type { JobConfig } from './api/config.ts'
export { isJob, job } from './api/job.ts'
export type { CheckpointSettings, Job, JobOptions, RestartSettings } from './api/job.ts'
export type { JobBuilder, SourceOptions } from './api/job-builder.ts'
export { sideOutput } from './api/process.ts'
export type { ProcessContext, ProcessHandlers, SideOutput, StreamProcessContext, StreamProcessHandlers,
  Timers, WindowContext } from './api/process.ts'
export { state } from './api/state.ts'
export type { StateDeclaration, StateOptions } from './api/state.ts'
export type { Aggregates, InvalidRecord, Keyed, KeyedStream, LateRecord, NamedStream, ProcessedStream,
  SourceStream, Stream, WindowedStream, WindowOptions, WindowResult, WindowResultStream,
  WindowRow } from './api/streams.ts'
export { continuousTrigger, countEvictor, countTrigger, deltaEvictor, eventTimeTrigger, neverTrigger,
  processingTimeTrigger, purging, timeEvictor } from './api/triggers.ts'
export type { Evictor, Trigger } from './api/triggers.ts'
export { globalWindow, session, sliding, tumbling } from './api/windows.ts'
export type { WindowAssigner } from './api/windows.ts'
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
export type { AggregateSpec } from './graph/state-spec.ts'
export { startJob } from './host/run.ts'
export type { RunOptions, RunOutcome } from './host/run.ts'
export type { AggregatingState, ListState, MapState, ReducingState, ValueState } from './state/handles.ts'
