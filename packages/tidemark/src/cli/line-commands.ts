/**
 * `savepoint` and `stop` for the argument parser: what they take, and their help.
 *
 * Part of app.ts, which registers them. The laws are CL-1 and CL-2 there.
 */
import { buildCommand } from '@stricli/core'
import type { CliContext } from './app.ts'
import type { SavepointFlags } from './savepoint.ts'
import type { StopFlags } from './stop.ts'

const text = (input: string): string => input

const DIRECTORY = {
  kind: 'tuple', parameters: [{ brief: 'state directory of the job', parse: text, placeholder: 'dir' }],
} as const

const JSON_FLAG = { kind: 'boolean', default: false, withNegated: false, brief: 'as one JSON document' } as const

export const savepoint = buildCommand<SavepointFlags, [string], CliContext>({
  loader: async () => {
    const { savepointCommand } = await import('./savepoint.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => savepointCommand(directory, flags, this.terminal))
    }
  },
  parameters: {
    positional: DIRECTORY,
    flags: {
      to: {
        kind: 'parsed', parse: text, optional: true, placeholder: 'path',
        brief: 'new directory for it; the default is <dir>-savepoints/<time>',
      },
      at: {
        kind: 'parsed', parse: text, optional: true, placeholder: 'ref',
        brief: 'copy this checkpoint as it lies there: a number, latest-1, or @label',
      },
      json: JSON_FLAG,
    },
  },
  docs: {
    brief: 'take a savepoint: a self-contained copy of the state that can be moved and kept',
    fullDescription: `Asks the running job for a checkpoint, waits until its output is committed, and copies it
into a directory of its own. If nobody runs the job, its newest completed checkpoint is copied. Prints the path.

Examples
  tidemark savepoint .tidemark/flights
  tidemark savepoint .tidemark/flights --to backup/before-deploy
  tidemark savepoint .tidemark/flights --at latest-1

Begin from it with: tidemark run job.ts --state <empty dir> --from <path>`,
  },
})

export const stop = buildCommand<StopFlags, [string], CliContext>({
  loader: async () => {
    const { stopCommand } = await import('./stop.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => stopCommand(directory, flags, this.terminal))
    }
  },
  parameters: {
    positional: DIRECTORY,
    flags: {
      drain: {
        kind: 'boolean', default: false, withNegated: false,
        brief: 'declare the end of the input: all windows fire, and the job can never go on',
      },
      savepoint: {
        kind: 'parsed', parse: text, optional: true, placeholder: 'path',
        brief: 'new directory for a savepoint of the last checkpoint',
      },
      noSavepoint: {
        kind: 'boolean', default: false, withNegated: false, brief: 'none, which is the default',
      },
      json: JSON_FLAG,
    },
  },
  docs: {
    brief: 'stop a running job with a last checkpoint',
    fullDescription: `The job takes a last checkpoint, commits its output and ends, as after Ctrl-C. Without --drain
the same run command goes on exactly where it stopped. If the checkpoint fails the job goes on, and the command says why.

Examples
  tidemark stop .tidemark/flights
  tidemark stop .tidemark/flights --savepoint backup/flights-42
  tidemark stop .tidemark/flights --drain

Exit codes
  0 stopped; 3 it goes on, or the savepoint could not be written; 5 nobody runs it; 8 its process does not answer.`,
  },
})
