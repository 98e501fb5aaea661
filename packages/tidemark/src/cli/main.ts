/**
 * Entry of the command line: arguments in, exit code out.
 *
 * Called by bin/tidemark.mjs. Owns the process-wide handlers, which nothing else may install.
 *
 * Invariants
 *   MN-1  Every way out has an exit code of exit-codes.ts.
 *   MN-2  A process that ends without an outcome (nothing left to wait for) does not exit with 0.
 */
import { run } from '@stricli/core'
import { describeThrown, isStreamError, reportOf, type StreamError } from '../base/errors.ts'
import { buildCli, COMMANDS, type CliContext } from './app.ts'
import { didYouMean } from '../base/did-you-mean.ts'
import { E095_COMMAND_LINE } from './errors.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { overview } from './help.ts'
import { refusePlatform } from './platform.ts'
import { renderError, stackOf } from './render-error.ts'
import { pipeSafe, Terminal, wantsColor } from './terminal.ts'
import { engineVersion } from '../host/version.ts'

export async function main(argv: readonly string[]): Promise<ExitCode> {
  const global = takeGlobalFlags(argv)
  const terminal = new Terminal(pipeSafe(process.stdout), pipeSafe(process.stderr), {
    color: wantsColor(process.env, process.stderr.isTTY === true, global.noColor),
    interactive: process.stderr.isTTY === true && process.env['CI'] === undefined,
    columns: process.stderr.columns ?? 80,
    quiet: global.quiet,
  })
  const report = (error: unknown): ExitCode => reportError(error, terminal, argv.includes('--json'))
  const removeHandlers = installHandlers(report)
  try {
    refusePlatform(process.platform, process.version)
    return await dispatch(global.rest, terminal, report)
  } catch (error) {
    return report(error)
  } finally {
    removeHandlers()
  }
}

async function dispatch(
  argv: readonly string[],
  terminal: Terminal,
  report: (error: unknown) => ExitCode,
): Promise<ExitCode> {
  const [first, ...others] = argv
  if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && others.length === 0)) {
    terminal.data(overview(terminal, engineVersion()))
    return EXIT.ok
  }
  if (first === 'help' && !COMMANDS.includes(others[0] as (typeof COMMANDS)[number])) {
    const given = others[0] as string
    const near = didYouMean(given, COMMANDS)
    throw E095_COMMAND_LINE({
      problem: `There is no command "${given}".${near === undefined ? '' : ` Did you mean "${near}"?`}`,
      hints: ['see all commands: tidemark help'],
    })
  }
  let exitCode: ExitCode | undefined
  const context: CliContext = {
    process: {
      stdout: { write: (text) => writeLines(text, (line) => terminal.data(line)) },
      stderr: { write: (text) => writeLines(text, (line) => terminal.problem(line)) },
      env: process.env,
    },
    terminal,
    guard: async (body) => {
      try {
        exitCode = await body()
      } catch (error) {
        exitCode = report(error)
      }
    },
    usage: (error: StreamError) => {
      exitCode = report(error)
    },
  }
  await run(buildCli(context), first === 'help' ? [...others, '--help'] : argv, context)
  return exitCode ?? (context.process.exitCode === 0 ? EXIT.ok : EXIT.internal)
}

function writeLines(text: string, write: (line: string) => void): void {
  const trimmed = text.replace(/\n$/, '')
  if (trimmed !== '') write(trimmed)
}

interface GlobalFlags {
  readonly rest: readonly string[]
  readonly noColor: boolean
  readonly quiet: boolean
}

/** Flags of every command, wherever they stand before `--`. */
function takeGlobalFlags(argv: readonly string[]): GlobalFlags {
  const end = argv.indexOf('--')
  const before = end < 0 ? argv : argv.slice(0, end)
  const rest = before.filter((arg) => arg !== '--no-color' && arg !== '--quiet')
  return {
    rest: end < 0 ? rest : [...rest, ...argv.slice(end)],
    noColor: before.includes('--no-color'),
    quiet: before.includes('--quiet'),
  }
}

function reportError(error: unknown, terminal: Terminal, json: boolean): ExitCode {
  if (isStreamError(error)) {
    const report = reportOf(error)
    if (json) terminal.data(JSON.stringify({ kind: 'failed', error: report }))
    else terminal.problem(renderError(report, terminal, stackOf(error)))
    return exitCodeOf(error)
  }
  const what = describeThrown(error)
  if (json) terminal.data(JSON.stringify({ kind: 'failed', error: { code: 'INTERNAL', what } }))
  const stack = error instanceof Error ? error.stack ?? what : what
  terminal.problem(`${terminal.style('red', 'Internal error')}: this is a bug of tidemark ${engineVersion()}, ` +
    `Node.js ${process.version}.\n\n${stack}\n\nThe last completed checkpoint is untouched. ` +
    'Please report this text together with the job file.')
  return EXIT.internal
}

/** What nobody caught ends the process: state that was half changed is not to be written. */
function installHandlers(report: (error: unknown) => ExitCode): () => void {
  const fatal = (error: unknown): void => process.exit(report(error))
  const withoutOutcome = (): void => {
    process.exitCode = report(new Error('the process ended although a command was still waiting'))
  }
  process.on('uncaughtException', fatal)
  process.on('unhandledRejection', fatal)
  process.on('beforeExit', withoutOutcome)
  return () => {
    process.off('uncaughtException', fatal)
    process.off('unhandledRejection', fatal)
    process.off('beforeExit', withoutOutcome)
  }
}
