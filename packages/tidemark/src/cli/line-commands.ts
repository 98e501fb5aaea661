/**
 * `savepoint`, `stop` and `check` for the argument parser: what they take, and their help.
 *
 * Part of app.ts, which registers them. The laws are CL-1 and CL-2 there.
 */
import { buildCommand } from '@stricli/core'
import type { CliContext } from './app.ts'
import type { CheckFlags } from './check.ts'
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

export const ALLOW_DROPPED = {
  kind: 'parsed', parse: text, variadic: true, optional: true, placeholder: 'name',
  brief: 'an operator, or operator/state, whose state may be dropped; may be repeated',
} as const

export const check = buildCommand<CheckFlags, [string], CliContext>({
  loader: async () => {
    const { checkCommand } = await import('./check.ts')
    return async function (this: CliContext, flags, file) {
      await this.guard(() => checkCommand(file, flags, this.terminal))
    }
  },
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'job file, with #name for an export other than the default', parse: text, placeholder: 'file' }],
    },
    flags: {
      against: {
        kind: 'parsed', parse: text, placeholder: 'ref',
        brief: 'state directory or savepoint, with #ref for another checkpoint than the latest',
      },
      state: {
        kind: 'parsed', parse: text, optional: true, placeholder: 'dir',
        brief: 'state directory, if --against is latest, latest-1, a number or @label alone',
      },
      allowDropped: ALLOW_DROPPED,
      config: {
        kind: 'parsed', parse: text, brief: 'a setting of the job; may be repeated',
        variadic: true, optional: true, placeholder: 'key=value',
      },
      json: JSON_FLAG,
    },
    aliases: { c: 'config' },
  },
  docs: {
    brief: 'say what becomes of the state of a checkpoint in this version of the job',
    fullDescription: `Loads a job without running it, compares it with a checkpoint, and says of every operator and state: kept,
migrated, new, dropped or incompatible. Every value that would be migrated is put through its upgrade. Nothing is written.

Examples
  tidemark check job.ts --against .tidemark/flights -c out=out
  tidemark check job.ts --against .tidemark/flights#latest-1 -c out=out
  tidemark check job.ts --against backup/before-deploy --allow-dropped old-totals -c out=out

Exit codes
  0 if this job can go on from there; 4 if not, or if something would be dropped that is not named.`,
  },
})
