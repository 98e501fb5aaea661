/**
 * The commands, their flags and their help, as data for the argument parser.
 *
 * Called by main.ts. The commands themselves are loaded only when one is run, so that `help` and
 * `version` load nothing of the engine.
 *
 * Invariants
 *   CL-1  Every command's help has an example that runs as it stands.
 *   CL-2  A flag or command that is not understood names the nearest one and ends with exit code 2.
 */
import {
  ArgumentParseError, buildApplication, buildCommand, buildRouteMap, FlagNotFoundError,
  formatMessageForArgumentScannerError, text_en, UnexpectedPositionalError, UnsatisfiedPositionalError,
  type Application, type ApplicationText, type CommandContext, type StricliProcess,
} from '@stricli/core'
import { ArgumentScannerError } from '@stricli/core'
import type { StreamError } from '../base/errors.ts'
import type { CheckpointFlags } from './checkpoint.ts'
import { didYouMean } from '../base/did-you-mean.ts'
import { durationMs, type Duration } from '../base/duration.ts'
import { E095_COMMAND_LINE } from './errors.ts'
import type { ExitCode } from './exit-codes.ts'
import type { GraphFlags } from './graph.ts'
import { rescale } from './care-commands.ts'
import { checkpointInspection, STATE_COMMANDS, stateRoutes } from './inspect-commands.ts'
import { ALLOW_DROPPED, check, savepoint, stop } from './line-commands.ts'
import type { RunFlags } from './run.ts'
import { ENGINE_SETTINGS } from './settings.ts'
import type { Terminal } from './terminal.ts'
import type { TopFlags } from './top.ts'
import { engineVersion } from '../host/version.ts'
import { versionReport } from './version.ts'

export interface CliContext extends CommandContext {
  readonly process: StricliProcess
  readonly terminal: Terminal
  /** Runs a command's body: errors are rendered, the exit code is kept. */
  readonly guard: (body: () => ExitCode | Promise<ExitCode>) => Promise<void>
  /** Renders an error of the command line itself. */
  readonly usage: (error: StreamError) => void
}

export const COMMANDS = ['run', 'stop', 'savepoint', 'check', 'top', 'graph', 'rescale', 'checkpoint', 'state', 'version', 'help'] as const
export const CHECKPOINT_COMMANDS = ['list', 'show', 'verify', 'diff', 'label', 'labels', 'unlabel', 'gc', 'prune'] as const

const text = (input: string): string => input

function parseParallelism(input: string): number {
  const value = Number(input)
  if (!/^\d+$/.test(input) || value < 1 || value > 32_768) throw new Error('a whole number from 1 to 32768 is needed')
  return value
}

/** Faster than people can read, and slower than the job would notice. */
const LEAST_INTERVAL_MS = 50

function parseInterval(input: string): number {
  try {
    return durationMs(input as Duration, 'interval', LEAST_INTERVAL_MS)
  } catch {
    throw new Error(`a duration of at least ${LEAST_INTERVAL_MS}ms is needed, for example 500ms or 2s`)
  }
}

const JOB_FILE = {
  kind: 'tuple',
  parameters: [{ brief: 'job file, with #name for an export other than the default', parse: text, placeholder: 'file' }],
} as const

const CONFIG = {
  kind: 'parsed', parse: text, brief: 'a setting of the job or of the engine; may be repeated',
  variadic: true, optional: true, placeholder: 'key=value',
} as const

const settingsHelp = Object.entries(ENGINE_SETTINGS)
  .map(([key, setting]) => `  -c ${setting.example.padEnd(24)} ${setting.brief}${key === '' ? '' : ''}`)
  .join('\n')

const run = buildCommand<RunFlags, [string], CliContext>({
  loader: async () => {
    const { runCommand } = await import('./run.ts')
    return async function (this: CliContext, flags, file) {
      await this.guard(() => runCommand(file, flags, this.terminal))
    }
  },
  parameters: {
    positional: JOB_FILE,
    flags: {
      state: {
        kind: 'parsed', parse: text, optional: true, placeholder: 'dir',
        brief: 'state directory; the default is .tidemark/<job>',
      },
      parallelism: {
        kind: 'parsed', parse: parseParallelism, optional: true, placeholder: 'n',
        brief: 'parallel subtasks of every operator; may change between two runs',
      },
      workers: {
        kind: 'parsed', parse: parseParallelism, optional: true, placeholder: 'n',
        brief: 'threads that share the subtasks, at most the parallelism; the default is one',
      },
      config: CONFIG,
      fresh: { kind: 'boolean', default: false, withNegated: false, brief: 'start empty although there are checkpoints' },
      from: {
        kind: 'parsed', parse: text, optional: true, placeholder: 'path',
        brief: 'begin an empty state directory with a savepoint, or with another state directory',
      },
      copy: {
        kind: 'boolean', default: true, withNegated: false, brief: 'with --from: what is begun from is only read (the default)',
      },
      allowDropped: ALLOW_DROPPED,
      takeOver: {
        kind: 'boolean', default: false, withNegated: false,
        brief: 'take the state directory from a process that holds it but is stopped',
      },
      json: { kind: 'boolean', default: false, withNegated: false, brief: 'events as JSON lines; the last one is the outcome' },
    },
    aliases: { c: 'config', p: 'parallelism' },
  },
  docs: {
    brief: 'run a job until its input ends or a signal stops it',
    fullDescription: `Runs a job. If the state directory holds a checkpoint of it, the job goes on from there.

Example
  tidemark run examples/flights/job.ts --state .tidemark/flights -c out=out/flights -c checkpointEvery=200ms

  tidemark run job.ts --state .tidemark/next --from backup/before-deploy -c out=out/next

Stopping
  Ctrl-C, SIGTERM or tidemark stop stops with a final checkpoint; a second signal stops at once.
  The same command goes on where it stopped, also after kill -9.

Settings of the engine (all others belong to the job)
${settingsHelp}`,
  },
})

const top = buildCommand<TopFlags, [string], CliContext>({
  loader: async () => {
    const { topCommand } = await import('./top.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => topCommand(directory, flags, this.terminal))
    }
  },
  parameters: {
    positional: {
      kind: 'tuple', parameters: [{ brief: 'state directory of the job', parse: text, placeholder: 'dir' }],
    },
    flags: {
      json: { kind: 'boolean', default: false, withNegated: false, brief: 'one JSON object a line' },
      once: { kind: 'boolean', default: false, withNegated: false, brief: 'one picture, or one line' },
      interval: {
        kind: 'parsed', parse: parseInterval, default: '1s', placeholder: 'duration', brief: 'time between two pictures',
      },
    },
  },
  docs: {
    brief: 'watch what a running job does: who is busy, who waits, how old the checkpoint is',
    fullDescription: `Shows a running job live: busy, waiting and idle time of every subtask, rates, queues, event time,
checkpoints, and who holds the others up. Off a terminal it prints one picture. q or Ctrl-C leaves.

Examples
  tidemark top .tidemark/flights
  tidemark top .tidemark/flights --json --interval 500ms

Exit codes
  0 also when the job ends meanwhile; 5 if nobody runs it; 8 if its process does not answer.`,
  },
})

const graph = buildCommand<GraphFlags, [string], CliContext>({
  loader: async () => {
    const { graphCommand } = await import('./graph.ts')
    return async function (this: CliContext, flags, file) {
      await this.guard(() => graphCommand(file, flags, this.terminal))
    }
  },
  parameters: {
    positional: JOB_FILE,
    flags: {
      json: { kind: 'boolean', default: false, withNegated: false, brief: 'as one JSON document' },
      mermaid: { kind: 'boolean', default: false, withNegated: false, brief: 'as a Mermaid diagram' },
      parallelism: {
        kind: 'parsed', parse: parseParallelism, optional: true, placeholder: 'n', brief: 'as it would be deployed',
      },
      config: CONFIG,
    },
    aliases: { c: 'config', p: 'parallelism' },
  },
  docs: {
    brief: 'show what a job does, without running it',
    fullDescription: `Builds the graph of a job and prints it: operators, edges, chains, guarantees.

Examples
  tidemark graph examples/flights/job.ts
  tidemark graph examples/flights/job.ts --mermaid > flights.mmd`,
  },
})

const CHECKPOINT_FLAGS = {
  state: { kind: 'parsed', parse: text, optional: true, placeholder: 'dir', brief: 'state directory, if it is not named first' },
  json: { kind: 'boolean', default: false, withNegated: false, brief: 'as one JSON document' },
} as const

const STATE_DIRECTORY = {
  brief: 'state directory or savepoint', parse: text, placeholder: 'dir', optional: true,
} as const

const CHECKPOINT = {
  kind: 'tuple',
  parameters: [
    { ...STATE_DIRECTORY, brief: 'state directory or savepoint; with --state, the ref' },
    { brief: 'latest (the default), latest-1, a number, or @label', parse: text, placeholder: 'ref', optional: true },
  ],
} as const

type Optional = string | undefined

const list = buildCommand<CheckpointFlags, [Optional], CliContext>({
  loader: async () => {
    const { listCommand } = await import('./checkpoint.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => listCommand(directory, flags, this.terminal))
    }
  },
  parameters: { positional: { kind: 'tuple', parameters: [STATE_DIRECTORY] }, flags: CHECKPOINT_FLAGS },
  docs: {
    brief: 'list the completed checkpoints of a state directory',
    fullDescription: 'Lists the completed checkpoints. The job\'s code is not needed.\n\n' +
      'Example\n  tidemark checkpoint list .tidemark/flights',
  },
})

const show = buildCommand<CheckpointFlags, [Optional, Optional], CliContext>({
  loader: async () => {
    const { showCommand } = await import('./checkpoint.ts')
    return async function (this: CliContext, flags, ...given) {
      await this.guard(() => showCommand(given, flags, this.terminal))
    }
  },
  parameters: { positional: CHECKPOINT, flags: CHECKPOINT_FLAGS },
  docs: {
    brief: 'show what one checkpoint holds',
    fullDescription: 'Shows operators, states, sizes and positions of one checkpoint.\n\n' +
      'Example\n  tidemark checkpoint show .tidemark/flights latest --json',
  },
})

const verify = buildCommand<CheckpointFlags, [Optional, Optional], CliContext>({
  loader: async () => {
    const { verifyCommand } = await import('./checkpoint.ts')
    return async function (this: CliContext, flags, ...given) {
      await this.guard(() => verifyCommand(given, flags, this.terminal))
    }
  },
  parameters: { positional: CHECKPOINT, flags: CHECKPOINT_FLAGS },
  docs: {
    brief: 'read every file of a checkpoint and check it',
    fullDescription: 'Reads every file of one checkpoint and compares length and checksum: for backups.\n' +
      'Exit code 0 if all is well, 4 if something is damaged.\n\n' +
      'Example\n  tidemark checkpoint verify .tidemark/flights latest',
  },
})

const checkpoint = buildRouteMap<string, CliContext>({
  routes: { list, show, verify, ...checkpointInspection },
  docs: { brief: 'look into the checkpoints of a state directory, and look after them' },
})

const version = buildCommand<{ readonly json: boolean }, [], CliContext>({
  func: async function (this: CliContext, flags) {
    await this.guard(() => {
      const report = versionReport()
      this.terminal.data(flags.json
        ? JSON.stringify(report)
        : `tidemark ${report.tidemark} (Node.js ${report.node}, ${report.platform})`)
      return 0
    })
  },
  parameters: { flags: { json: { kind: 'boolean', default: false, withNegated: false, brief: 'as one JSON document' } } },
  docs: { brief: 'print the version', fullDescription: 'Prints versions.\n\nExample\n  tidemark version --json' },
})

/** The parser's own words replaced by our error form. `context` is the one of this run. */
function applicationText(context: CliContext): ApplicationText {
  const usage = (problem: string, hints: readonly string[]): string => {
    context.usage(E095_COMMAND_LINE({ problem, hints }))
    return ''
  }
  return {
    ...text_en,
    noCommandRegisteredForInput: ({ input, corrections }) => {
      const near = didYouMean(input, [...COMMANDS, ...CHECKPOINT_COMMANDS, ...STATE_COMMANDS]) ?? corrections[0]
      const looksLikeFile = /[./]/.test(input)
      return usage(`There is no command "${input}".${near === undefined ? '' : ` Did you mean "${near}"?`}`, [
        ...(looksLikeFile ? [`to run a job file: tidemark run ${input}`] : []),
        'see all commands: tidemark help',
      ])
    },
    exceptionWhileParsingArguments: (error) => {
      const { problem, hints } = describeParseError(error)
      return usage(problem, hints)
    },
  }
}

function describeParseError(error: unknown): { problem: string; hints: readonly string[] } {
  const hints = ['see its flags: tidemark help <command>']
  if (error instanceof FlagNotFoundError) {
    const given = error.aliasName === undefined ? `--${error.input}` : `-${error.aliasName}`
    const near = error.corrections[0]
    const question = near === undefined ? '' : ` Did you mean "--${near.replace(/^--/, '')}"?`
    return { problem: `There is no flag "${given}".${question}`, hints }
  }
  if (error instanceof ArgumentParseError) {
    const name = error.externalFlagNameOrPlaceholder
    const why = error.exception instanceof Error ? error.exception.message : String(error.exception)
    return { problem: `--${name} ${error.input} cannot be used: ${why}.`, hints }
  }
  if (error instanceof UnsatisfiedPositionalError) return { problem: `<${error.placeholder}> is missing.`, hints }
  if (error instanceof UnexpectedPositionalError) {
    return {
      problem: `"${error.input}" is one argument too many.`,
      hints: ['write flags as --flag value and settings as -c key=value', ...hints],
    }
  }
  if (error instanceof ArgumentScannerError) {
    return { problem: `${formatMessageForArgumentScannerError(error, {})}.`.replace(/\.\.$/, '.'), hints }
  }
  return { problem: error instanceof Error ? error.message : String(error), hints }
}

export function buildCli(context: CliContext): Application<CliContext> {
  const root = buildRouteMap<string, CliContext>({
    routes: { run, stop, savepoint, check, top, graph, rescale, checkpoint, state: stateRoutes, version },
    docs: { brief: 'Stateful stream processing inside your Node process, with consistent checkpoints.' },
  })
  return buildApplication<CliContext>(root, {
    name: 'tidemark',
    versionInfo: { currentVersion: engineVersion() },
    scanner: { caseStyle: 'allow-kebab-for-camel' },
    documentation: { caseStyle: 'convert-camel-to-kebab', disableAnsiColor: !context.terminal.options.color },
    localization: { text: applicationText(context) },
  })
}
