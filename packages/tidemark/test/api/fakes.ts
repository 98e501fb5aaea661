/** Connectors that never run: graphs are only built here. */
import type { SinkSpec } from '../../src/graph/sink.ts'
import type { Commit } from '../../src/graph/sink.ts'
import type { Rewind, SourceSpec, Split } from '../../src/graph/source.ts'
import { StreamError } from '../../src/base/errors.ts'

function never(): never {
  throw new Error('a graph is only built in this test, nothing runs')
}

export function source<T, R extends Rewind = 'can rewind'>(
  resource = 'memory', rewind: R = 'can rewind' as R,
): SourceSpec<T, Split, R> {
  return {
    kind: 'fake', resource, rewind, splitsInTimeOrder: true, assignment: 'pull', discoverEveryMs: 1000,
    discover: never, openSplit: never,
  }
}

export function sink<T, C extends Commit = 'transactional'>(
  resource = 'memory', commit: C = 'transactional' as C,
): SinkSpec<T, C> {
  return { kind: 'fake', resource, commit, createWriter: never, createCommitter: never }
}

/** The StreamError that `run` throws. */
export function errorOf(run: () => unknown): StreamError {
  try {
    run()
  } catch (error) {
    if (error instanceof StreamError) return error
    throw error
  }
  throw new Error('it threw nothing')
}
