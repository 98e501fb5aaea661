/**
 * `savepoint`, `stop`, `check` and `replay` for the argument parser: what they take, and their help.
 *
 * Part of app.ts, which registers them. The laws are CL-1 and CL-2 there.
 */
import { buildCommand } from '@stricli/core'
import type { CliContext } from './app.ts'
import type { CheckFlags } from './check.ts'
import type { ReplayFlags } from './replay.ts'
import type { SavepointFlags } from './savepoint.ts'
import type { StopFlags } from './stop.ts'
import { takesOne } from './command.ts'
import {
  ALLOW_DROPPED, CONFIG, JOB_DIRECTORY, JOB_FILE, JSON_FLAG, KEY, limit, needed, off, only, optional,
} from './flags.ts'

export const savepoint = buildCommand<SavepointFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./savepoint.ts')).savepointCommand),
  parameters: {
    positional: only(JOB_DIRECTORY),
    flags: {
      to: optional('path', 'new directory for it; the default is <dir>-savepoints/<time>'),
      at: optional('ref', 'copy this checkpoint as it lies there: a number, latest-1, or @label'),
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
  loader: takesOne(async () => (await import('./stop.ts')).stopCommand),
  parameters: {
    positional: only(JOB_DIRECTORY),
    flags: {
      drain: off('declare the end of the input: all windows fire, and the job can never go on'),
      savepoint: optional('path', 'new directory for a savepoint of the last checkpoint'),
      noSavepoint: off('none, which is the default'),
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

export const check = buildCommand<CheckFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./check.ts')).checkCommand),
  parameters: {
    positional: only(JOB_FILE),
    flags: {
      against: needed('ref', 'state directory or savepoint, with #ref for another checkpoint than the latest'),
      state: optional('dir', 'state directory, if --against is latest, latest-1, a number or @label alone'),
      allowDropped: ALLOW_DROPPED,
      config: CONFIG,
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

export const replay = buildCommand<ReplayFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./replay.ts')).replayCommand),
  parameters: {
    positional: only(JOB_FILE),
    flags: {
      state: optional('dir', 'state directory, which is only read; the default is .tidemark/<job>'),
      from: optional('ref', 'checkpoint to begin at: a number, latest-1, or @label; the default is the one before --to'),
      to: needed('ref', 'checkpoint to end at, and to compare with'),
      key: optional('key', `show what happens to this key: ${KEY.brief}`),
      inspect: off('wait for a debugger before the first record'),
      keep: optional('path', 'new directory for the state of the replay, which is else removed'),
      limit: limit('100', 'records of the key, and entries of each state, to print at most'),
      config: CONFIG,
      json: JSON_FLAG,
    },
    aliases: { c: 'config' },
  },
  docs: {
    brief: 'run the records between two checkpoints again, sinks muted, and compare the state',
    fullDescription: `Begins with the state of one checkpoint, in a directory of its own, reads exactly the records that lie between
it and the other, writes nothing to any sink, and compares the state it comes to with that of the other.

Examples
  tidemark replay examples/flights/job.ts --state .tidemark/flights --from latest-1 --to latest -c out=out/flights
  tidemark replay examples/flights/job.ts --state .tidemark/flights --to 42 --key JFK -c out=out/flights
  tidemark replay examples/flights/job.ts --state .tidemark/flights --to latest --inspect -c out=out/flights

Exit codes
  0 the state is the same; 3 the job failed; 4 these two cannot be replayed; 5 there is no such checkpoint; 7 the
  state differs.`,
  },
})
