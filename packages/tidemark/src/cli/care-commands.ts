/**
 * The commands that look after checkpoints and state, with their flags and help, as data for the parser.
 *
 * Part of inspect-commands.ts and app.ts, which hang them into the tree of commands. The laws are CL-1 and CL-2 there.
 */
import { buildCommand } from '@stricli/core'
import type { CliContext } from './app.ts'
import type { CleanFlags, PruneFlags } from './checkpoint-clean.ts'
import { AT, DIRECTORY, JSON_FLAG, KEY, off, optional, parseAge, parseCount, text, word } from './flags.ts'
import type { RescaleFlags } from './rescale.ts'
import type { EditFlags, ImportFlags } from './state-edit.ts'

const OWN_DIRECTORY = {
  kind: 'tuple', parameters: [word('dir', 'state directory of the job')],
} as const
const DRY_RUN = off('say what would go and why, and change nothing; also while the job runs')

export const gc = buildCommand<CleanFlags, [string], CliContext>({
  loader: async () => {
    const { gcCommand } = await import('./checkpoint-clean.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => gcCommand(directory, flags, this.terminal))
    }
  },
  parameters: { positional: OWN_DIRECTORY, flags: { dryRun: DRY_RUN, json: JSON_FLAG } },
  docs: {
    brief: 'remove files that no checkpoint needs, of a job that does not run',
    fullDescription: `Removes what crashes left behind: temporary files, state that no checkpoint names, checkpoints that could
never be restored. Every checkpoint that a start could go on from stays, and every one with a label. A running job
does this itself after each checkpoint.

Examples
  tidemark checkpoint gc .tidemark/flights --dry-run
  tidemark checkpoint gc .tidemark/flights

Exit codes
  0 done; 4 the newest checkpoint is not whole, so that nothing is touched; 8 the job runs.`,
  },
})

export const prune = buildCommand<PruneFlags, [string], CliContext>({
  loader: async () => {
    const { pruneCommand } = await import('./checkpoint-clean.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => pruneCommand(directory, flags, this.terminal))
    }
  },
  parameters: {
    positional: OWN_DIRECTORY,
    flags: {
      keep: { kind: 'parsed', parse: parseCount, optional: true, placeholder: 'n', brief: 'keep so many, the newest ones' },
      olderThan: {
        kind: 'parsed', parse: parseAge, optional: true, placeholder: 'age',
        brief: 'remove those that completed longer ago: 12h, 30d',
      },
      dryRun: DRY_RUN,
      json: JSON_FLAG,
    },
  },
  docs: {
    brief: 'remove old checkpoints, of a job that does not run',
    fullDescription: `Removes completed checkpoints, and what checkpoint gc removes. Never the newest one, never one with a label,
and no file that a checkpoint which stays goes on top of.

Examples
  tidemark checkpoint prune .tidemark/flights --keep 3 --dry-run
  tidemark checkpoint prune .tidemark/flights --older-than 30d

Exit codes
  0 done; 4 the newest checkpoint is not whole, so that nothing is touched; 8 the job runs.`,
  },
})

export const rescale = buildCommand<RescaleFlags, [string], CliContext>({
  loader: async () => {
    const { rescaleCommand } = await import('./rescale.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => rescaleCommand(directory, flags, this.terminal))
    }
  },
  parameters: {
    positional: { kind: 'tuple', parameters: [DIRECTORY] },
    flags: {
      to: { kind: 'parsed', parse: parseCount, placeholder: 'n', brief: 'parallelism of the next start' },
      at: AT,
      json: JSON_FLAG,
    },
  },
  docs: {
    brief: 'say what a start at another parallelism would move, without doing it',
    fullDescription: `Reads one checkpoint and says, operator by operator, what would move to another subtask and what would stay,
which subtask would be the largest, and how long reading it takes. Nothing is changed: a start with another
--parallelism does it.

Examples
  tidemark rescale .tidemark/flights --to 8
  tidemark rescale .tidemark/flights#@before-deploy --to 8 --json`,
  },
})

const WHERE = {
  operator: { kind: 'parsed', parse: text, placeholder: 'name', brief: 'name of the operator, as in the job' },
  state: { kind: 'parsed', parse: text, placeholder: 'name', brief: 'name of one of its states' },
  to: { kind: 'parsed', parse: text, placeholder: 'path', brief: 'new directory for the savepoint' },
  at: AT,
  json: JSON_FLAG,
} as const

export const edit = buildCommand<EditFlags, [string], CliContext>({
  loader: async () => {
    const { stateEditCommand } = await import('./state-edit.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => stateEditCommand(directory, flags, this.terminal))
    }
  },
  parameters: {
    positional: { kind: 'tuple', parameters: [DIRECTORY] },
    flags: {
      ...WHERE,
      key: { kind: 'parsed', parse: text, placeholder: 'key', brief: KEY.brief },
      window: optional('json', 'which of its windows: [start, end] in ms, as an export shows it'),
      set: optional('json', 'what it is to hold, as state get shows it'),
      delete: off('it is to hold nothing'),
    },
  },
  docs: {
    brief: 'change what one key holds, in a new savepoint',
    fullDescription: `Writes a new savepoint that differs from the checkpoint in one entry. Neither the checkpoint nor a running job
is touched: begin from the new one with tidemark run job.ts --state DIR --from PATH.

Examples
  tidemark state edit backup/v1 --operator totals --state sum --key JFK --set 42 --to backup/v1-edited
  tidemark state edit backup/v1 --operator totals --state sum --key JFK --delete --to backup/v1-edited`,
  },
})

export const importCommand = buildCommand<ImportFlags, [string], CliContext>({
  loader: async () => {
    const { stateImportCommand } = await import('./state-edit.ts')
    return async function (this: CliContext, flags, directory) {
      await this.guard(() => stateImportCommand(directory, flags, this.terminal))
    }
  },
  parameters: {
    positional: { kind: 'tuple', parameters: [DIRECTORY] },
    flags: {
      ...WHERE,
      from: { kind: 'parsed', parse: text, placeholder: 'file', brief: 'JSON lines, as state export writes them' },
    },
  },
  docs: {
    brief: 'put the lines of an export in the place of one state, in a new savepoint',
    fullDescription: `Writes a new savepoint in which one state holds what the file says, and nothing else. Neither the checkpoint nor
a running job is touched.

Example
  tidemark state import backup/v1 --operator totals --state sum --from sum.jsonl --to backup/v1-edited

where sum.jsonl was written by: tidemark state export backup/v1 --operator totals --state sum --to sum.jsonl`,
  },
})
