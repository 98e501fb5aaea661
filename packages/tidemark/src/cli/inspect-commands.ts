/**
 * The commands that look inside checkpoints and state, with their flags and help, as data for the parser.
 *
 * Called by app.ts, which hangs them into the tree of commands. What they do is loaded when one is run.
 */
import { buildCommand, buildRouteMap } from '@stricli/core'
import type { CliContext } from './app.ts'
import type { DiffFlags } from './checkpoint-diff.ts'
import type { LabelFlags } from './checkpoint-labels.ts'
import { edit, gc, importCommand, prune } from './care-commands.ts'
import { takesAll, takesOne } from './command.ts'
import {
  AT, DIRECTORY, JSON_FLAG, KEY, LABEL, limit, off, only, OPERATOR, optional, OUTPUT, parseFormat, parseGroups, STATE,
  word,
} from './flags.ts'
import type { ExportFlags, QueryFlags, StateFlags } from './state.ts'

export const STATE_COMMANDS = ['list', 'get', 'query', 'export', 'edit', 'import'] as const

const list = buildCommand<StateFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./state.ts')).stateListCommand),
  parameters: { positional: only(DIRECTORY), flags: { at: AT, json: JSON_FLAG } },
  docs: {
    brief: 'list operators and their states: kinds, entries, sizes, key groups, schemas',
    fullDescription: 'Lists what state a checkpoint holds. The job\'s code is not needed.\n\n' +
      'Example\n  tidemark state list .tidemark/flights',
  },
})

const get = buildCommand<StateFlags, [string, string, string, string], CliContext>({
  loader: takesAll(async () => (await import('./state.ts')).stateGetCommand),
  parameters: {
    positional: only(DIRECTORY, OPERATOR, STATE, KEY), flags: { at: AT, json: JSON_FLAG },
  },
  docs: {
    brief: 'print what one key holds in one state',
    fullDescription: `Prints the value of one key, as JSON; with windows one line a window. Only the part of the state
that owns the key is read.

Examples
  tidemark state get .tidemark/flights per-hour window JFK
  tidemark state get .tidemark/flights per-hour window JFK --at latest-1

Keys
  JFK is a string, 7 a number, 7n a bigint, '"7"' the string "7".`,
  },
})

const query = buildCommand<QueryFlags, [string, string, string | undefined], CliContext>({
  loader: takesAll(async () => (await import('./state.ts')).stateQueryCommand),
  parameters: {
    positional: only(DIRECTORY, OPERATOR, { ...STATE, optional: true }),
    flags: {
      at: AT,
      key: optional('key', 'only this key'),
      prefix: optional('text', 'only string keys that begin like this'),
      from: optional('key', 'only keys of this kind from here on'),
      to: optional('key', 'only keys of this kind up to here, this one excluded'),
      group: {
        kind: 'parsed', parse: parseGroups, optional: true, placeholder: 'n[-m]', brief: 'only these key groups',
      },
      limit: limit('20', 'entries to print at most'),
      count: off('print only how many entries fit'),
      sql: optional('select', 'a query over the states of the operator; needs Node.js 22.13 or newer'),
      json: JSON_FLAG,
    },
  },
  docs: {
    brief: 'print entries of a state that fit a filter, or an SQL query over them',
    fullDescription: `Prints entries of one state. All filters that are given must hold; without one every entry fits.
With --sql each state of the operator is a table with the columns key, window_start, window_end, namespace,
value, written_at, and one for each field of a value.

Examples
  tidemark state query .tidemark/flights per-hour window --prefix J --limit all
  tidemark state query .tidemark/flights per-hour window --count
  tidemark state query .tidemark/flights per-hour --sql "select key, count(*) from [window] group by key"`,
  },
})

const exportCommand = buildCommand<ExportFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./state.ts')).stateExportCommand),
  parameters: {
    positional: only(DIRECTORY),
    flags: {
      at: AT,
      operator: optional('name', 'only this operator'),
      state: optional('name', 'only this state of it'),
      lists: off('also list state of subtasks: positions, watermarks, pending output'),
      to: OUTPUT,
      format: {
        kind: 'parsed', parse: parseFormat, default: 'jsonl', placeholder: 'format', brief: 'jsonl: one JSON object a line',
      },
    },
  },
  docs: {
    brief: 'write state as sorted JSON lines: equal state, equal bytes',
    fullDescription: `Writes every entry as a line of JSON, sorted, without anything that depends on when or at which
parallelism the checkpoint was taken. A file is there whole or not at all. One state at a time is held in
memory to sort it.

Examples
  tidemark state export .tidemark/flights --to flights.jsonl
  tidemark state export .tidemark/flights --at @before-deploy --operator per-hour`,
  },
})

export const stateRoutes = buildRouteMap<string, CliContext>({
  routes: { list, get, query, export: exportCommand, edit, import: importCommand },
  docs: { brief: 'look inside the state of a job, live or dead; change it in a new savepoint' },
})

const diff = buildCommand<DiffFlags, [string, string, string], CliContext>({
  loader: takesAll(async () => (await import('./checkpoint-diff.ts')).diffCommand),
  parameters: {
    positional: only(
      DIRECTORY, word('a', 'a checkpoint, or another directory'), word('b', 'the one to compare it with'),
    ),
    flags: {
      operator: optional('name', 'only this operator'),
      state: optional('name', 'only states of this name'),
      limit: limit('10', 'changes to print of each state'),
      exitCode: off('end with exit code 7 if they differ'),
      json: JSON_FLAG,
    },
  },
  docs: {
    brief: 'show what has changed between two checkpoints: structure, positions, entries',
    fullDescription: `Compares two checkpoints: operators, states, parallelism, positions of sources, and every entry. Key groups
with equal digests are not decoded.

Examples
  tidemark checkpoint diff .tidemark/flights latest-1 latest
  tidemark checkpoint diff .tidemark/flights @before-deploy latest --operator per-hour --exit-code
  tidemark checkpoint diff .tidemark/flights latest .tidemark/other#latest

Exit codes
  0 also if they differ; 7 if they differ and --exit-code is given.`,
  },
})

const label = buildCommand<LabelFlags, [string, string, string], CliContext>({
  loader: takesAll(async () => (await import('./checkpoint-labels.ts')).labelCommand),
  parameters: {
    positional: only(DIRECTORY, word('ref', 'latest, latest-1, a number, or @label'), LABEL),
    flags: { json: JSON_FLAG },
  },
  docs: {
    brief: 'give a checkpoint a name; it is kept as long as it has one',
    fullDescription: 'Gives a checkpoint a name, also while the job runs. @name then stands for it everywhere, and it\n' +
      'is not removed with the old checkpoints. A name that is in use moves.\n\n' +
      'Example\n  tidemark checkpoint label .tidemark/flights latest before-deploy',
  },
})

const labels = buildCommand<LabelFlags, [string], CliContext>({
  loader: takesOne(async () => (await import('./checkpoint-labels.ts')).labelsCommand),
  parameters: { positional: only(DIRECTORY), flags: { json: JSON_FLAG } },
  docs: {
    brief: 'list the names that checkpoints have',
    fullDescription: 'Lists labels and the checkpoints that have them.\n\n' +
      'Example\n  tidemark checkpoint labels .tidemark/flights',
  },
})

const unlabel = buildCommand<LabelFlags, [string, string], CliContext>({
  loader: takesAll(async () => (await import('./checkpoint-labels.ts')).unlabelCommand),
  parameters: { positional: only(DIRECTORY, LABEL), flags: { json: JSON_FLAG } },
  docs: {
    brief: 'take a name away; the checkpoint may then be removed with the old ones',
    fullDescription: 'Takes a label away.\n\nExample\n  tidemark checkpoint unlabel .tidemark/flights before-deploy',
  },
})

export const checkpointInspection = { diff, label, labels, unlabel, gc, prune } as const
