import { run } from '@stricli/core'
import { isStreamError, reportOf } from '../../src/base/errors.ts'
import { buildCli, type CliContext } from '../../src/cli/app.ts'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { renderError } from '../../src/cli/render-error.ts'
import { terminalForTest } from './terminal-for-test.ts'

export interface CommandEnded {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A command line as main.ts runs it, in this process: parsed, run, its errors rendered. */
export async function command(...args: readonly string[]): Promise<CommandEnded> {
  const { terminal, stdout, stderr } = terminalForTest()
  let exitCode: number | undefined
  const report = (error: unknown): number => {
    if (!isStreamError(error)) throw error
    terminal.problem(renderError(reportOf(error), terminal))
    return exitCodeOf(error)
  }
  const context: CliContext = {
    process: {
      stdout: { write: (text) => terminal.data(text) }, stderr: { write: (text) => terminal.problem(text) }, env: {},
    },
    terminal,
    guard: async (body) => {
      try {
        exitCode = await body()
      } catch (error) {
        exitCode = report(error)
      }
    },
    usage: (error) => {
      exitCode = report(error)
    },
  }
  await run(buildCli(context), args, context)
  // The parser answers --help itself.
  return { exitCode: exitCode ?? Number(context.process.exitCode), stdout: stdout(), stderr: stderr() }
}
