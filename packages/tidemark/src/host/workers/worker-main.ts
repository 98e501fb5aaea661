/**
 * Entry of a worker thread: loads the job file, builds the same graph, takes its place, and waits for deployments.
 *
 * Started by worker-pool.ts; imported by nobody.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { buildGraph } from '../../api/build.ts'
import { assert } from '../../base/assert.ts'
import { reportOf } from '../../base/errors.ts'
import { toJobGraph } from '../../graph/chaining.ts'
import { explainJson } from '../../graph/explain.ts'
import type { JobGraph } from '../../graph/job-graph.ts'
import { loadLmdb } from '../../state/lmdb/lmdb-store.ts'
import { engineError } from '../errors.ts'
import { loadJob } from '../load/load-job.ts'
import { withEngineSettings } from '../settings.ts'
import { E087_OTHER_GRAPH } from './errors.ts'
import type { FromWorker, TakePlace, WorkerSetup } from './messages.ts'
import { WorkerHost } from './worker-host.ts'

const setup = workerData as WorkerSetup
const port = parentPort
assert(port !== null, 'a worker has a port to the thread that started it')

async function sameGraph(): Promise<JobGraph> {
  const { address, config, parallelism } = setup
  const { graph } = buildGraph(await loadJob(address), { config })
  const built = toJobGraph(withEngineSettings(graph, config), { parallelism })
  const mine = explainJson(built).split('\n')
  const theirs = setup.graph.split('\n')
  const at = theirs.findIndex((line, i) => line !== mine[i])
  if (at >= 0) {
    throw E087_OTHER_GRAPH({ file: address.file, here: mine[at] ?? 'nothing', there: theirs[at] as string })
  }
  return built
}

try {
  const graph = await sameGraph()
  if (setup.pagedDirectory !== undefined) await loadLmdb()
  const take = (place: TakePlace): void => {
    new WorkerHost(setup, place, graph, port)
    port.off('message', take)
  }
  port.on('message', take)
} catch (error) {
  port.postMessage({ kind: 'refused', error: reportOf(engineError(error)) } satisfies FromWorker)
}
