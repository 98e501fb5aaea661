/** Errors of the built-in connectors (E101-E119). */
import { didYouMean } from '../base/did-you-mean.ts'
import { defineError } from '../base/errors.ts'

const list = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ')

export const E101_WRONG_COLUMN = defineError<{
  file: string
  asked: readonly string[]
  there: readonly string[]
}>({
  code: 'E101', kind: 'data', retryable: false, title: 'Wrong column',
  what: (d) => `${d.file} has no column ${list(d.asked)}.`,
  why: (d) => `Its columns are ${list(d.there)}.`,
  fix: (d) => {
    const near = d.asked.map((name) => didYouMean(name, d.there)).filter((name) => name !== undefined)
    return [
      ...near.map((name) => `did you mean ${JSON.stringify(name)}?`),
      'ask only for columns that the file has, or point the source at the right file',
    ]
  },
})

export interface FileIdentity {
  readonly sizeBytes: number
  readonly crc32: number
}

const identity = (d: FileIdentity): string => `${d.sizeBytes} bytes, crc32 ${d.crc32.toString(16).padStart(8, '0')}`

export const E102_INPUT_CHANGED = defineError<{ file: string; expected: FileIdentity; found: FileIdentity }>({
  code: 'E102', kind: 'data', retryable: false, title: 'The input file has changed',
  what: (d) =>
    `${d.file} is not the file the job began to read: it was ${identity(d.expected)}, it is ${identity(d.found)}.`,
  why: () => 'Positions in the checkpoint are offsets in the file as it was: reading on would lose or repeat rows.',
  fix: () => [
    'put the original file back',
    'or start anew on the changed input with an empty state directory and an empty output directory',
    'to add data to a watched directory, move a new complete file into it; never append to one',
  ],
})

export const E103_INPUT_UNREADABLE = defineError<{ path: string; reason: string }>({
  code: 'E103', kind: 'not-found', retryable: false, title: 'The input cannot be read',
  what: (d) => `${d.path} cannot be read: ${d.reason}.`,
  fix: (d) => [`check that ${d.path} exists and that this user may read it`],
})

export const E104_OUTPUT_IN_THE_WAY = defineError<{ file: string; expected: FileIdentity; found: FileIdentity }>({
  code: 'E104', kind: 'state', retryable: false, title: 'Another output file has this name',
  what: (d) => `${d.file} exists with other content: ours has ${identity(d.expected)}, it has ${identity(d.found)}.`,
  why: () => 'The file was written by another run, or changed since. Nothing is ever overwritten.',
  fix: (d) => [
    `move ${d.file} away and run the same command again: the output is still staged beside it`,
    'give every run with a new state directory an output directory of its own',
  ],
})

export const E105_OUTPUT_LOST = defineError<{ staged: string; final: string; reason: string }>({
  code: 'E105', kind: 'corrupt', retryable: false, title: 'Staged output is lost',
  what: (d) => `${d.final} cannot be committed: ${d.reason}.`,
  why: (d) => `A completed checkpoint counts on the staged file ${d.staged}; going on would lose its rows.`,
  fix: () => [
    'restore the output directory from a backup and run the same command again',
    'or start anew with an empty state directory and an empty output directory',
  ],
})

export const E106_UNWRITABLE_RECORD = defineError<{ sink: string; format: string; reason: string }>({
  code: 'E106', kind: 'job', retryable: false, title: 'A record cannot be written',
  what: (d) => `The sink '${d.sink}' cannot write a record as ${d.format}: ${d.reason}.`,
  fix: () => ['map the record to plain values before the sink; turn a bigint into a string or a number'],
})

export const E107_ROW_TOO_LONG = defineError<{ file: string; offset: number; limit: number }>({
  code: 'E107', kind: 'data', retryable: false, title: 'A row is too long',
  what: (d) => `The row at byte ${d.offset} of ${d.file} is longer than ${d.limit} bytes.`,
  why: () => 'A row is held in memory; one without end is most often a missing quote or another file format.',
  fix: () => ['check the file at that byte', 'or raise maxRowBytes of the source'],
})

export const E108_BAD_HEADER = defineError<{ file: string; reason: string }>({
  code: 'E108', kind: 'data', retryable: false, title: 'The header row is not usable',
  what: (d) => `The header of ${d.file} is not usable: ${d.reason}.`,
  fix: () => ['correct the header row', "or name the columns yourself: header: ['a', 'b', …] for a file without one"],
})

export const E109_INPUT_DAMAGED = defineError<{ file: string; reason: string }>({
  code: 'E109', kind: 'data', retryable: false, title: 'The input file is damaged',
  what: (d) => `${d.file} cannot be decoded: ${d.reason}.`,
  fix: () => ['check the file with a tool of its format (gzip -t, parquet-tools) and replace it'],
})

export const E110_NO_INPUT = defineError<{ directory: string; endings: readonly string[] }>({
  code: 'E110', kind: 'not-found', retryable: false, title: 'No input files',
  what: (d) => `${d.directory} holds no file that ends with ${d.endings.join(', ')}.`,
  why: () => 'A bounded source over an empty directory would end at once, with no result and no hint.',
  fix: () => ['check the directory', 'or wait for files to come with watch: true'],
})

export const E111_CONNECTOR_OPTION = defineError<{ connector: string; option: string; reason: string }>({
  code: 'E111', kind: 'usage', retryable: false, title: 'Impossible connector option',
  what: (d) => `${d.connector}: ${d.option} ${d.reason}.`,
  fix: (d) => [`correct ${d.option} in the job file`],
})

export const E112_DECODER_DIED = defineError<{ file: string; reason: string }>({
  code: 'E112', kind: 'resource', retryable: true, title: 'The decoding thread ended',
  what: (d) => `The thread that decodes ${d.file} ended: ${d.reason}.`,
  why: () => 'It ends when it runs out of memory, for example on very large row groups.',
  fix: () => ['read fewer columns', 'or write the file with smaller row groups'],
})

const MOST_FILES = 5

export const E113_OUTPUT_AHEAD = defineError<{
  directory: string
  restored: number
  newest: number
  files: readonly string[]
}>({
  code: 'E113', kind: 'state', retryable: false, title: 'The output is ahead of the state',
  what: (d) => `${d.directory} holds output up to checkpoint #${d.newest}, but the newest checkpoint there is is #${d.restored}.`,
  why: () => 'The state directory is an older copy, or has lost checkpoints: what was committed since would come twice.',
  fix: (d) => [
    'put back the state directory that belongs to this output',
    `or move away the ${d.files.length} files of later checkpoints, whose rows come again: ` +
      `${d.files.slice(0, MOST_FILES).join(', ')}${d.files.length > MOST_FILES ? ' …' : ''} (the number before the last is that of the checkpoint)`,
  ],
})
