/**
 * What a command does, loaded only when it is run: `help` and `version` load nothing of the engine.
 *
 * Called by app.ts and the files of its commands.
 */
import type { CliContext } from './app.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

type Load<GIVEN, FLAGS> =
  () => Promise<(given: GIVEN, flags: FLAGS, terminal: Terminal) => ExitCode | Promise<ExitCode>>

/** Of a command with one argument. */
export const takesOne = <GIVEN extends string | undefined, FLAGS>(load: Load<GIVEN, FLAGS>) => async () => {
  const body = await load()
  return async function (this: CliContext, flags: FLAGS, given: GIVEN): Promise<void> {
    await this.guard(() => body(given, flags, this.terminal))
  }
}

/** Of a command with several arguments. */
export const takesAll = <GIVEN extends readonly (string | undefined)[], FLAGS>(load: Load<GIVEN, FLAGS>) => async () => {
  const body = await load()
  return async function (this: CliContext, flags: FLAGS, ...given: GIVEN): Promise<void> {
    await this.guard(() => body(given, flags, this.terminal))
  }
}
