/**
 * The commands that look after checkpoints and state, with their flags and help, as data for the parser.
 *
 * Part of inspect-commands.ts and app.ts, which hang them into the tree of commands. The laws are CL-1 and CL-2 there.
 */
import { buildCommand } from '@stricli/core'
import type { CliContext } from './app.ts'
import type { CleanFlags, PruneFlags } from './checkpoint-clean.ts'
import { takesOne } from './command.ts'
import {
  AT, DIRECTORY, JOB_DIRECTORY, JSON_FLAG, KEY, needed, off, only, optional, parseAge, parseCount,
} from './flags.ts'
import type { RescaleFlags } from './rescale.ts'
import type { EditFlags, ImportFlags } from './state-edit.ts'

const DRY_RUN = off('say what would go and why, and change nothing; also while the job runs')

export const gc = buildCommand<CleanFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./checkpoint-clean.ts')).gcCommand),
  parameters: { positional: only(JOB_DIRECTORY), flags: { dryRun: DRY_RUN, json: JSON_FLAG } },
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
  loader: takesOne(async () => (await import('./checkpoint-clean.ts')).pruneCommand),
  parameters: {
    positional: only(JOB_DIRECTORY),
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
  loader: takesOne(async () => (await import('./rescale.ts')).rescaleCommand),
  parameters: {
    positional: only(DIRECTORY),
    flags: {
      to: { kind: 'parsed', parse: parseCount, placeholder: 'n', brief: 'parallelism of the next start, or of the running job' },
      at: AT,
      live: off('change it now: the running job takes a last checkpoint and goes on from it'),
      json: JSON_FLAG,
    },
  },
  docs: {
    brief: 'say what another parallelism would move; with --live the running job changes to it',
    fullDescription: `Reads one checkpoint and says, operator by operator, what would move to another subtask and what would stay,
which subtask would be the largest, and how long reading it takes. Nothing is changed: a start with another
--parallelism does it.

With --live the running job does it: it takes a last checkpoint, commits its output and goes on from there with new
subtasks, in the same process. If the checkpoint fails the job goes on as it was. The next start has the parallelism
of its own command line again.

Examples
  tidemark rescale .tidemark/flights --to 8
  tidemark rescale .tidemark/flights#@before-deploy --to 8 --json
  tidemark rescale .tidemark/flights --to 8 --live

Exit codes with --live
  0 done; 3 it goes on as it was; 5 nobody runs it; 8 its process does not answer.`,
  },
})

const WHERE = {
  operator: needed('name', 'name of the operator, as in the job'),
  state: needed('name', 'name of one of its states'),
  to: needed('path', 'new directory for the savepoint'),
  at: AT,
  json: JSON_FLAG,
} as const

export const edit = buildCommand<EditFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./state-edit.ts')).stateEditCommand),
  parameters: {
    positional: only(DIRECTORY),
    flags: {
      ...WHERE,
      key: needed('key', KEY.brief),
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
  loader: takesOne(async () => (await import('./state-edit.ts')).stateImportCommand),
  parameters: {
    positional: only(DIRECTORY),
    flags: {
      ...WHERE,
      from: needed('file', 'JSON lines, as state export writes them'),
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
