/** `-c` keys of the engine itself, applied over what the job file says (cli/settings.ts lists them). */
import { byteSize, type ByteSize } from '../base/byte-size.ts'
import { durationMs, type Duration } from '../base/duration.ts'
import { DEFAULT_CACHE_BYTES, LEAST_CACHE_BYTES, type LogicalGraph, type PagedState } from '../graph/logical-graph.ts'

export function withEngineSettings(graph: LogicalGraph, config: Readonly<Record<string, string>>): LogicalGraph {
  const duration = (key: string, otherwise: number, min: number): number =>
    config[key] === undefined ? otherwise : durationMs(config[key] as Duration, `-c ${key}`, min)
  const count = (key: string, otherwise: number): number =>
    config[key] === undefined ? otherwise : Number(config[key])
  const { checkpoint, restart } = graph
  const { unalignedAfterMs } = checkpoint
  const unaligned = config['unalignedAfter'] === undefined && unalignedAfterMs === undefined
    ? {}
    : { unalignedAfterMs: duration('unalignedAfter', unalignedAfterMs ?? 0, 0) }
  const { duringBacklogMs } = checkpoint
  const attempts = config['restartAttempts']
  return {
    ...graph,
    checkpoint: {
      everyMs: duration('checkpointEvery', checkpoint.everyMs, 1),
      timeoutMs: duration('checkpointTimeout', checkpoint.timeoutMs, 1),
      minPauseMs: duration('minPause', checkpoint.minPauseMs, 0),
      retain: count('retain', checkpoint.retain),
      tolerableFailures: count('tolerableFailures', checkpoint.tolerableFailures),
      ...unaligned,
      ...(duringBacklogMs === undefined ? {} : { duringBacklogMs }),
    },
    aggregateAhead: config['aggregateAhead'] === undefined ? graph.aggregateAhead ?? true : config['aggregateAhead'] === 'on',
    ...pagedState(graph.pagedState, config),
    pruneColumns: config['pruneColumns'] === undefined ? graph.pruneColumns ?? true : config['pruneColumns'] === 'on',
    restart: attempts === undefined || restart.kind === 'none' ? restart : { ...restart, attempts: Number(attempts) },
  }
}

function pagedState(
  given: PagedState | undefined, { stateBackend: backend, stateCache }: Readonly<Record<string, string>>,
): { readonly pagedState?: PagedState | undefined } {
  const { cacheBytes, ...rest } = given ?? { cacheBytes: DEFAULT_CACHE_BYTES }
  if (backend === 'heap' || (backend === undefined && given === undefined)) return { pagedState: undefined }
  const bytes = stateCache === undefined ? cacheBytes : byteSize(stateCache as ByteSize, '-c stateCache', LEAST_CACHE_BYTES)
  return { pagedState: { ...rest, cacheBytes: bytes } }
}

/** After this long without a sign of life a worker thread is ended and replaced. */
export function heartbeatTimeoutMs(config: Readonly<Record<string, string>>): number {
  return durationMs((config['heartbeatTimeout'] ?? '30s') as Duration, '-c heartbeatTimeout', 1000)
}
