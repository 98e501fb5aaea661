/**
 * The graph of a job as a replay runs it: bounded sources, sinks that write nothing, no checkpoint but the last.
 *
 * Called by the host of a replay, with the graph that the job file gave. Pure. Names, states and edges stay as they
 * are, so that the state of a checkpoint fits and comes out comparable.
 *
 *   RPL-7  No sink of the job is written to, committed to or cleaned up, also not for what the checkpoint owes.
 *   RPL-8  A failure ends the replay: to begin again would show the same records twice.
 *   RPL-9  Who watches a key sees what enters an operator and changes nothing of it: a watcher is a sink of its own
 *          beside the operator, fed by the same producer.
 *
 * Source: own design.
 */
import type { Key } from '../../graph/key.ts'
import type { LogicalGraph, LogicalOperator } from '../../graph/logical-graph.ts'
import type { KeySelector, OperatorSpec } from '../../graph/operator-spec.ts'
import type { AnySink, SinkWriter } from '../../graph/sink.ts'
import type { BoundedSource } from './bounded-source.ts'

/** One record of the watched key on its way into a keyed operator. */
export interface EnteringRecord {
  readonly operator: string
  readonly record: unknown
  /** Epoch ms; NO_TIMESTAMP of base/time.ts if it has none. */
  readonly timestamp: number
}

export interface KeyWatch {
  readonly key: Key
  /** Called while the record is processed: it must be looked at at once. */
  entering(entering: EnteringRecord): void
}

/** Longer than anybody steps through code. */
const NEVER_MS = 365 * 24 * 3_600_000

/** `sources`: one for each source of the graph. */
export function replayGraph(graph: LogicalGraph, sources: readonly BoundedSource[], watch?: KeyWatch): LogicalGraph {
  const operators = graph.operators.map((operator) => ({ ...operator, spec: replayed(operator, sources) }))
  const watchers = watch === undefined ? [] : watchersOf(graph, watch)
  return {
    ...graph,
    operators: [...operators, ...watchers],
    // Listed one by one: what makes a running job take more checkpoints, or unaligned ones, has no place here.
    checkpoint: { everyMs: NEVER_MS, timeoutMs: NEVER_MS, minPauseMs: 0, retain: 2, tolerableFailures: 0 },
    restart: { kind: 'none' },
  }
}

function replayed({ name, spec }: LogicalOperator, sources: readonly BoundedSource[]): OperatorSpec {
  if (spec.kind === 'sink') return { ...spec, sink: mutedSink(spec.sink) }
  const bounded = sources.find(({ operator }) => operator === name)
  if (spec.kind !== 'source' || bounded === undefined) return spec
  // A split that waits at its bound is slow for ever: others would wait for it, short of their own bounds.
  const { alignment: _, ...unaligned } = spec
  return { ...unaligned, source: bounded.spec }
}

/** The same place, as identity goes; nothing reaches it. */
export function mutedSink({ kind, resource, commit }: AnySink): AnySink {
  return silent({ kind, resource, commit }, () => {})
}

function silent(like: Pick<AnySink, 'kind' | 'resource' | 'commit'>, write: SinkWriter['write']): AnySink {
  return {
    ...like,
    createWriter: () => ({
      write, full: false,
      *prepareCommit() {
        return []
      },
      close() {},
    }),
    createCommitter: () => ({
      *commit() {},
      *removeAbandoned() {},
    }),
  }
}

function watchersOf({ operators }: LogicalGraph, watch: KeyWatch): LogicalOperator[] {
  const names = new Set(operators.map(({ name }) => name))
  const watchers: LogicalOperator[] = []
  for (const { name: operator, inputs } of operators) {
    for (const { from, output, ship } of inputs) {
      if (ship.kind !== 'hash') continue
      const parallelism = operators[from]?.parallelism
      watchers.push({
        index: operators.length + watchers.length, name: freeName(operator, names), named: false, was: [],
        spec: { kind: 'sink', sink: watchingSink(operator, ship.keyOf, watch) },
        inputs: [{ from, output, ship: { kind: 'forward' } }],
        ...(parallelism === undefined ? {} : { parallelism }),
      })
    }
  }
  return watchers
}

const watchingSink = (operator: string, keyOf: KeySelector, watch: KeyWatch): AnySink =>
  silent({ kind: 'watch', resource: 'replay', commit: 'idempotent' }, (record, timestamp) => {
    if (keyIn(keyOf, record) === watch.key) watch.entering({ operator, record, timestamp })
  })

/** A selector that throws does so in the job as well, where its error has a place. */
function keyIn(keyOf: KeySelector, record: unknown): Key | undefined {
  try {
    return keyOf(record)
  } catch {
    return undefined
  }
}

function freeName(operator: string, names: Set<string>): string {
  let name = `watch of ${operator}`
  while (names.has(name)) name = `${name}'`
  names.add(name)
  return name
}
