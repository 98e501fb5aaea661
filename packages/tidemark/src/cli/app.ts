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
import { E095_COMMAND_LINE } from './errors.ts'
import type { ExitCode } from './exit-codes.ts'
import type { GraphFlags } from './graph.ts'
import { rescale } from './care-commands.ts'
import { checkpointInspection, STATE_COMMANDS, stateRoutes } from './inspect-commands.ts'
import { takesAll, takesOne } from './command.ts'
import {
  ALLOW_DROPPED, CONFIG, JOB_DIRECTORY, JOB_FILE, JSON_FLAG, off, only, optional, parallelism, parseInterval, word,
} from './flags.ts'
import { check, replay, savepoint, stop } from './line-commands.ts'
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

export const COMMANDS = ['run', 'stop', 'savepoint', 'check', 'replay', 'top', 'graph', 'rescale', 'checkpoint', 'state', 'version', 'help'] as const
export const CHECKPOINT_COMMANDS = ['list', 'show', 'verify', 'diff', 'label', 'labels', 'unlabel', 'gc', 'prune'] as const

const settingsHelp = Object.entries(ENGINE_SETTINGS)
  .map(([key, setting]) => `  -c ${setting.example.padEnd(24)} ${setting.brief}${key === '' ? '' : ''}`)
  .join('\n')

const run = buildCommand<RunFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./run.ts')).runCommand),
  parameters: {
    positional: only(JOB_FILE),
    flags: {
      state: optional('dir', 'state directory; the default is .tidemark/<job>'),
      parallelism: parallelism('parallel subtasks of every operator; may change between two runs'),
      workers: parallelism('threads that share the subtasks, at most the parallelism; the default is one'),
      config: CONFIG,
      fresh: off('start empty although there are checkpoints'),
      from: optional('path', 'begin an empty state directory with a savepoint, or with another state directory (DIR#latest-1)'),
      copy: off('with --from: what is begun from is only read, which is the default'),
      claim: off('with --from: the savepoint becomes the job\'s own, which removes it when it is not needed any more'),
      allowDropped: ALLOW_DROPPED,
      takeOver: off('take the state directory from a process that holds it but is stopped'),
      json: off('events as JSON lines; the last one is the outcome'),
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
  loader: takesOne(async () => (await import('./top.ts')).topCommand),
  parameters: {
    positional: only(JOB_DIRECTORY),
    flags: {
      json: off('one JSON object a line'),
      once: off('one picture, or one line'),
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
  loader: takesOne(async () => (await import('./graph.ts')).graphCommand),
  parameters: {
    positional: only(JOB_FILE),
    flags: {
      json: JSON_FLAG,
      mermaid: off('as a Mermaid diagram'),
      parallelism: parallelism('as it would be deployed'),
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
  state: optional('dir', 'state directory, if it is not named first'), json: JSON_FLAG,
} as const
const STATE_DIRECTORY = { ...word('dir', 'state directory or savepoint'), optional: true } as const
const CHECKPOINT = only(
  { ...STATE_DIRECTORY, brief: 'state directory or savepoint; with --state, the ref' },
  { ...word('ref', 'latest (the default), latest-1, a number, or @label'), optional: true },
)

type Optional = string | undefined

const list = buildCommand<CheckpointFlags, [Optional], CliContext>({
  loader: takesOne(async () => (await import('./checkpoint.ts')).listCommand),
  parameters: { positional: only(STATE_DIRECTORY), flags: CHECKPOINT_FLAGS },
  docs: {
    brief: 'list the completed checkpoints of a state directory',
    fullDescription: 'Lists the completed checkpoints. The job\'s code is not needed.\n\n' +
      'Example\n  tidemark checkpoint list .tidemark/flights',
  },
})

const show = buildCommand<CheckpointFlags, [Optional, Optional], CliContext>({
  loader: takesAll(async () => (await import('./checkpoint.ts')).showCommand),
  parameters: { positional: CHECKPOINT, flags: CHECKPOINT_FLAGS },
  docs: {
    brief: 'show what one checkpoint holds',
    fullDescription: 'Shows operators, states, sizes and positions of one checkpoint.\n\n' +
      'Example\n  tidemark checkpoint show .tidemark/flights latest --json',
  },
})

const verify = buildCommand<CheckpointFlags, [Optional, Optional], CliContext>({
  loader: takesAll(async () => (await import('./checkpoint.ts')).verifyCommand),
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
  parameters: { flags: { json: JSON_FLAG } },
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
    routes: { run, stop, savepoint, check, replay, top, graph, rescale, checkpoint, state: stateRoutes, version },
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
