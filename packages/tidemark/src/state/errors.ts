/** Errors of keyed state and of the snapshot format. */
import { defineError } from '../base/errors.ts'

export const E032_STATE_CHANGED = defineError<{
  readonly state: string
  readonly stored: string
  readonly declared: string
}>({
  code: 'E032',
  kind: 'state',
  retryable: false,
  title: 'State does not fit its declaration',
  what: (d) =>
    `The checkpoint holds "${d.state}" as ${d.stored} state; this job declares it as ${d.declared} state.`,
  why: () => 'What was stored would be read as something else.',
  fix: (d) => [
    `declare "${d.state}" as ${d.stored} state again`,
    `carry it over: fromKind(former, stored) in the options of "${d.state}" makes the new from the old`,
    'give the new state another name, and let go of the old one with --allow-dropped',
  ],
})

export const E057_CORRUPT_STATE = defineError<{
  /** What is wrong, as a clause: `the digest of key group 7 of "count" does not match`. */
  readonly what: string
  /** Empty where the caller knows only bytes; it adds the file by `withPlace`. */
  readonly file: string
  /** Byte within the file (or within the segment, where the file is unknown). */
  readonly offset: number
}>({
  code: 'E057',
  kind: 'corrupt',
  retryable: false,
  title: 'A state file is damaged',
  what: (d) => `${d.file === '' ? 'A state segment' : d.file} is damaged at byte ${d.offset}: ${d.what}.`,
  why: () => 'Going on with part of the state would give wrong totals without a word.',
  fix: () => [
    'run `tidemark checkpoint verify` to see which checkpoints are whole, and resume from the newest of them',
    'restore the state directory from a backup, and check the disk it lay on',
  ],
})

export const E058_NEWER_FORMAT = defineError<{
  /** What has the version, e.g. `The state segment`. */
  readonly subject: string
  readonly found: number | string
  readonly supported: number | string
}>({
  code: 'E058',
  kind: 'state',
  retryable: false,
  title: 'The state was written by a newer Tidemark',
  what: (d) => `${d.subject} has format ${d.found}; this version reads up to ${d.supported}.`,
  why: () => 'An older version cannot know what the newer one means, and does not guess.',
  fix: () => ['run the job with the Tidemark version that wrote the checkpoint, or a later one'],
})

export const E062_NO_CURRENT_KEY = defineError<{ readonly state: string }>({
  code: 'E062',
  kind: 'job',
  retryable: false,
  title: 'State was used without a key',
  what: (d) => `The state "${d.state}" was used where no key is set: no key set outside a keyed context.`,
  why: () => 'Keyed state belongs to the key of the record or timer being processed; outside there is none.',
  fix: () => [
    'use state only inside onRecord and onTimer, synchronously: not in a promise or a kept callback',
    'call keyBy before process',
  ],
})

export const E192_TTL_WITHOUT_EVENT_TIME = defineError<{ readonly operator: string }>({
  code: 'E192',
  kind: 'job',
  retryable: false,
  title: 'State with a TTL by event time was written for a record without event time',
  what: (d) => `A record without event time reached "${d.operator}", whose state has a ttl by event time.`,
  why: () => 'There is neither a time nor a watermark from which the ttl could count, so nothing would ever be forgotten.',
  fix: () => [
    'give the source an event time: { eventTime: (record) => record.at }',
    "let the state forget by the machine's clock: ttl: { after, time: 'processing' }",
  ],
})

export const E193_AGGREGATE_CHANGED = defineError<{
  readonly operator: string
  readonly state: string
  /** In words: `of n (count), total (sum)`, `of a function of the job`. */
  readonly stored: string
  readonly now: string
}>({
  code: 'E193',
  kind: 'state',
  retryable: false,
  title: 'An aggregate has become another one, and nothing says how',
  what: (d) =>
    `The checkpoint holds accumulators ${d.stored} in "${d.state}" of "${d.operator}"; in this job they are ${d.now}.`,
  why: () => 'Numbers of the one would be read as if they were those of the other.',
  fix: (d) => [
    'say how one becomes the other: a new version with an upgrade, in the options of the operator or the state',
    `give the operator another name, and let go of the old state: --allow-dropped '${d.operator}'`,
  ],
})

export const E194_KEPT_CHANGED = defineError<{
  readonly operator: string
  readonly state: string
  readonly stored: string
  readonly now: string
  /** The checkpoint is unaligned, and parts of results were on their way. */
  readonly inFlight?: true
}>({
  code: 'E194',
  kind: 'state',
  retryable: false,
  title: 'A window keeps something else than it did',
  what: (d) => `The checkpoint holds ${d.stored} in "${d.state}" of "${d.operator}"; in this job it keeps ${d.now}.`,
  why: (d) => d.inFlight === true
    ? 'What is in flight was added up by the version before and does not say of what it is made.'
    : 'An aggregate keeps one accumulator; a function over all records, or an evictor, needs the records themselves.',
  fix: (d) => d.inFlight === true ? [
    'let the version before take a savepoint, which has nothing in flight, and begin from it: tidemark stop <dir> --savepoint PATH',
  ] : [
    `give the window another name, and let go of the old state: --allow-dropped '${d.operator}'`,
    'let the old version finish its windows first: tidemark stop <dir> --drain',
  ],
})

interface Versions {
  readonly operator: string
  readonly state: string
  /** Of what is stored. */
  readonly from: number
  /** Of the declaration. */
  readonly to: number
}

export const E138_NEWER_STATE = defineError<Versions>({
  code: 'E138',
  kind: 'state',
  retryable: false,
  title: 'State was written by a newer version of the job',
  what: (d) =>
    `The checkpoint holds version ${d.from} of "${d.state}" of "${d.operator}"; this job knows it up to version ${d.to}.`,
  why: () => 'What a later version means is unknown here, and nothing is guessed.',
  fix: () => [
    'run the version of the job that wrote the checkpoint, or a later one',
    'to go back for good, begin from a savepoint that was taken before the change: run --from PATH',
  ],
})

export const E139_NO_UPGRADE = defineError<Versions>({
  code: 'E139',
  kind: 'state',
  retryable: false,
  title: 'State is of an older version, and nothing says how to upgrade it',
  what: (d) =>
    `The checkpoint holds version ${d.from} of "${d.state}" of "${d.operator}"; ` +
    `this job declares version ${d.to} without an upgrade.`,
  why: () => 'Values of the old meaning would be read as if they had the new one.',
  fix: (d) => [
    `say how: { version: ${d.to}, upgrade: (from, value) => … } or upgrade: evolve({ ${d.from + 1}: [evolve.add(…)] })`,
    `if the meaning is the same after all, declare version ${d.from} again`,
  ],
})

export const E168_UPGRADE_FAILED = defineError<Versions & {
  /** As it is written on a command line: `JFK`, `7n`; of a map with the key inside. */
  readonly key: string
  /** A clause: `it threw Error: no currency`, `it gave undefined`. */
  readonly problem: string
}>({
  code: 'E168',
  kind: 'state',
  retryable: false,
  title: 'A stored value could not be upgraded',
  what: (d) =>
    `The value of key ${d.key} in "${d.state}" of "${d.operator}" could not be brought from version ${d.from} ` +
    `to ${d.to}: ${d.problem}.`,
  why: () => 'Nothing was changed: the checkpoint is as it was, and the version of the job that wrote it goes on from it.',
  fix: () => [
    'correct the upgrade or the schema, and start again with the same command',
    'try it without running the job: tidemark check <file> --against <dir>',
  ],
})

export const E195_LMDB_MISSING = defineError<{ readonly problem: string }>({
  code: 'E195',
  kind: 'environment',
  retryable: false,
  title: 'State on disk needs the package lmdb',
  what: (d) => `The package lmdb could not be loaded: ${d.problem}.`,
  why: () => 'It is native code and an optional dependency: only jobs whose state is larger than memory need it.',
  fix: () => [
    'install it: npm install lmdb',
    'keep the state in memory, which needs no package: leave out state: { backend: … }',
  ],
})

export const E196_STORE_FAILED = defineError<{
  readonly directory: string
  /** `opened`, `read`, `written`. */
  readonly doing: string
  readonly problem: string
  /** The disk or the address space is full. */
  readonly full: boolean
}>({
  code: 'E196',
  kind: 'resource',
  retryable: true,
  title: 'State on disk cannot be used',
  what: (d) => `The state in ${d.directory} could not be ${d.doing}: ${d.problem}.`,
  why: () => 'What does not fit into memory lies there; the job goes on from its last checkpoint once it can be written.',
  fix: (d) => d.full ? [
    'make room on that disk: the files hold all keyed state of this process, and what changes while a checkpoint is written twice',
    'choose a directory on another disk: state: { backend: \'lmdb\', directory: … }',
  ] : [
    'check that the directory exists, may be written, and lies on a local disk: a network file system is none',
    'choose another directory: state: { backend: \'lmdb\', directory: … }',
  ],
})

export const E197_KEY_TOO_LONG = defineError<{
  readonly operator: string
  readonly state: string
  /** Of the key. */
  readonly start: string
  readonly bytes: number
  readonly most: number
}>({
  code: 'E197',
  kind: 'data',
  retryable: false,
  title: 'A key is too long for state on disk',
  what: (d) => `A key of "${d.state}" of "${d.operator}" has ${d.bytes} bytes, beginning with ${d.start}; ${d.most} are possible.`,
  why: () => 'A page of the store holds a key and its value; a longer key would have to be cut, and two keys might become one.',
  fix: () => [
    'choose a shorter key: a digest of a long text tells texts apart as well',
    'keep the state in memory, which takes keys of any length',
  ],
})
