/**
 * `tidemark graph`: what a job does, without running it.
 *
 * Called by app.ts. The graph is built exactly as `run` would build it, settings included.
 */
import { buildGraph } from '../api/build.ts'
import { toJobGraph } from '../graph/chaining.ts'
import { explainJson, explainMermaid, explainText } from '../graph/explain.ts'
import { E095_COMMAND_LINE } from './errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { loadJob, parseAddress } from '../host/load/load-job.ts'
import { parseSettings, refuseUnread } from './settings.ts'
import type { Terminal } from './terminal.ts'

export interface GraphFlags {
  readonly json: boolean
  readonly mermaid: boolean
  readonly parallelism?: number
  readonly config?: readonly string[]
}

export async function graphCommand(file: string, flags: GraphFlags, terminal: Terminal): Promise<ExitCode> {
  if (flags.json && flags.mermaid) {
    throw E095_COMMAND_LINE({ problem: '--json and --mermaid exclude each other.', hints: ['give one of them'] })
  }
  const config = parseSettings(flags.config ?? [])
  const job = await loadJob(parseAddress(file, process.cwd()))
  const { graph, configRead } = buildGraph(job, { config })
  refuseUnread(config, configRead)
  const jobGraph = toJobGraph(graph, flags.parallelism === undefined ? {} : { parallelism: flags.parallelism })
  const explain = flags.json ? explainJson : flags.mermaid ? explainMermaid : explainText
  terminal.data(explain(jobGraph).trimEnd())
  return EXIT.ok
}
