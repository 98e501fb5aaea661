/**
 * The fault catalogue: what may go wrong, and the automated tests that make it go wrong.
 *
 * One entry a row. `layers`: S, it is drawn or enumerated in simulation; P, it happens to real processes. `by` names
 * what proves it: a test (file below packages/tidemark/test and title, as written there), a fault of `npm run destroy`,
 * a kind of fault that the simulator draws from a seed, or a named step at which it kills and which every run of a
 * minute must reach 100 times. `needs` says which capability is missing before the rest of a row can be tested, `open`
 * what the engine does not hold up to yet. docs/faults.md is written from here; catalogue.test.ts checks all of it.
 */
const test = (file, title) => ({ kind: 'test', file, title })
const destroy = (...names) => names.map((name) => ({ kind: 'destroy', name }))
const drawn = (...names) => names.map((name) => ({ kind: 'drawn', name }))
const step = (...names) => names.flatMap((name) => [{ kind: 'step', name }, { kind: 'destroy', name: `step.${name}` }])

const EVERY_STEP = test('e2e/soak.test.ts', 'killed at every named step once: each is reached, and no line is lost, doubled or wrong')
const ENUMERATED = test('simulation/enumeration.test.ts',
  '${world.name}: started again, the job ends with its output exactly once and nothing left over')
const ERRNO_ONCE = test('checkpoint/crash.test.ts', '${errno} once at any operation: no wrong result, and the next checkpoint completes')
const DEAD_WORKER = test('e2e/workers.test.ts',
  'a worker thread that %s is replaced in the same process, and every total is exact')
const WORKER_AT_STEP = test('e2e/workers.test.ts',
  'a worker thread that ends at the step %s, as do its first successors, changes no total')
const REST = 'the REST API, which is not built yet'

export const FAULTS = [
  // ---- crashes and processes -------------------------------------------------------------------
  { id: 'F01', layers: 'SP', fault: 'killed before a checkpoint is triggered', by: [...step('cp.trigger.before'), EVERY_STEP] },
  { id: 'F02', layers: 'SP', fault: 'killed when a barrier is in some channels and not in others', by: step('cp.barrier.injected') },
  { id: 'F03', layers: 'SP', fault: 'killed while some subtasks are aligned and others are not', by: step('task.barrier.first', 'task.aligned') },
  { id: 'F04', layers: 'SP', fault: 'killed while state is being written', by: [
    ...step('task.snapshot.write', 'task.snapshot.fsync'), ...destroy('kill.syscall'), ENUMERATED,
  ] },
  { id: 'F05', layers: 'SP', fault: 'killed between two acknowledgements', by: step('task.ack.sent', 'cp.ack.recv.k') },
  { id: 'F06', layers: 'SP', fault: 'killed when all have acknowledged and no manifest is there', by: step('cp.acks.all') },
  { id: 'F07', layers: 'SP', fault: 'killed when the manifest is written and not synced, or not linked', by: [
    ...step('cp.manifest.tmp', 'cp.manifest.fsynced'), ENUMERATED,
  ] },
  { id: 'F08', layers: 'SP', fault: 'killed when the manifest is linked and its directory not synced', by: [
    ...step('cp.manifest.linked'), test('simulation/found.test.ts', 'is durable before the next process builds on it'),
    test('checkpoint/coordinator.test.ts', 'nobody is told before the manifest and its directory entry are durable'),
  ] },
  { id: 'F09', layers: 'SP', fault: 'killed between the manifest and the first commit', by: [
    ...step('cp.manifest.dirsynced', 'commit.begin'), test('testing/harness.test.ts', 'a crash between manifest and commit is made up for by the restore'),
  ] },
  { id: 'F10', layers: 'SP', fault: 'killed between two commits', by: [...step('commit.k.before', 'commit.k.after'), ENUMERATED] },
  { id: 'F11', layers: 'SP', fault: 'killed when a commit has taken effect and nobody knows', by: [
    ...step('commit.k.after', 'commit.all'), ...drawn('commitFailsOneIn'),
    test('connector/file-sink.test.ts', 'a crash between link and unlink is a commit that happened'),
  ] },
  { id: 'F12', layers: 'SP', fault: 'killed while restoring, at each part of it, several times in a row', by: [
    ...step('restore.list', 'restore.read', 'restore.apply', 'restore.abort-foreign', 'restore.recommit'),
    ...destroy('kill.restore-in-a-row'),
    test('checkpoint/crash.test.ts', 'a crash during recovery, at any operation, twice in a row, leaves a directory that opens'),
  ] },
  { id: 'F13', layers: 'SP', fault: 'killed while old checkpoints are removed', by: [
    ...step('gc.before', 'gc.k'),
    test('checkpoint/crash.test.ts', 'a crash at any of its operations removes no file that a manifest on the disk names'),
  ] },
  { id: 'F14', layers: 'P', fault: 'twenty deaths in a row, each within a second', by: [
    ...destroy('kill.crash-loop'),
    test('faults/crash-loop.test.ts', '${RESTARTS} deaths in a row: restarts back off, the end has the cause, and what was done is not lost'),
    test('faults/crash-loop.test.ts', 'a job that never gets as far as a checkpoint fails as well, and commits nothing'),
  ] },
  { id: 'F15', layers: 'P', fault: 'a worker dies: throws an error, null, undefined or what cannot be copied, or exits', by: [
    test('host/exactly-once.test.ts', 'a function that throws ${String(thrown)} changes no total at parallelism ${parallelism}'),
    DEAD_WORKER,
  ] },
  { id: 'F16', layers: 'P', fault: 'the heap of a worker is used up', by: [DEAD_WORKER] },
  { id: 'F17', layers: 'P', fault: 'memory outside the heap of a worker grows', by: [], needs: 'an account of memory outside the heap' },
  { id: 'F18', layers: 'P', fault: 'the heap of the process is used up', by: destroy('kill.heap-limit') },
  { id: 'F19', layers: 'SP', fault: 'a function of the user keeps a worker busy for 30 s', by: [
    test('host/pace.test.ts', 'a user function of 20 ms a record does not keep the event loop for a whole batch'),
    DEAD_WORKER,
  ] },
  { id: 'F20', layers: 'P', fault: 'the thread of the coordinator is busy', by: drawn('stallOneIn') },
  { id: 'F21', layers: 'P', fault: 'the process is stopped for a while, is succeeded, and goes on', by: [
    ...destroy('rivals.zombie', 'rivals.two-take-overs', 'rivals.frozen'), ...drawn('zombieOneIn'),
    test('host/directory-lock.test.ts', 'a stopped holder keeps it, its pid is still named, and --take-over passes by'),
  ] },
  { id: 'F22', layers: 'P', fault: 'a worker is ended while it holds a lock or writes into a ring', by: [WORKER_AT_STEP, DEAD_WORKER] },
  { id: 'F23', layers: 'P', fault: 'a worker is ended while it waits', by: [],
    needs: 'a way to end one idle thread from outside; no thread of the engine blocks, an idle one waits in its event loop' },
  { id: 'F24', layers: 'P', fault: 'SIGTERM, once and twice, at any moment', by: [
    ...destroy('signal.term', 'signal.twice', 'signal.any-moment'),
    test('cli/run.test.ts', 'the first %s stops with a final checkpoint, and the next run goes on'),
    test('cli/run.test.ts', 'a second SIGINT ends at once with exit code 130, while the final checkpoint still waits'),
  ] },
  { id: 'F25', layers: 'P', fault: 'SIGINT, SIGHUP, a closed terminal, a reader of stdout that goes away', by: [
    ...destroy('signal.int', 'signal.hup', 'signal.broken-pipe'),
    test('faults/process.test.ts', 'SIGHUP, as when the terminal is closed, is a death like any other: the next start goes on'),
    test('cli/run.test.ts', 'a reader of stdout that goes away does not stop the job'),
    test('cli/terminal.test.ts', 'a reader that went away ends the writing and nothing else'),
  ] },
  { id: 'F26', layers: 'SP', fault: 'killed at each part of a stop', by: [
    ...step('stop.final'), ENUMERATED,
    test('job/stop.test.ts', 'with a savepoint, cut off anywhere: the job goes on exactly, and there is a whole savepoint or none'),
    test('job/stop.test.ts', 'JS-5 cut off anywhere: it drains on or was never asked for, every total comes once'),
    test('checkpoint/savepoint.test.ts', 'of a running job, %s of the unsynced survives; the job loses nothing'),
  ] },
  { id: 'F27', layers: 'P', fault: 'the checkpoints are gone although the job has completed some', by: [
    ...destroy('damage.checkpoints-removed', 'damage.job'),
    test('checkpoint/recover.test.ts', 'a job that completed a checkpoint never starts empty without --fresh (E044)'),
  ] },
  { id: 'F28', layers: 'P', fault: 'the engine is replaced by another version between two runs', by: [
    test('checkpoint/recover.test.ts', 'a document of a newer format is refused naming both versions (E059), also as a manifest (E045)'),
    test('state/snapshot-format.test.ts', 'E058: a newer format is refused with both versions'),
  ], needs: 'a second release: state directories of each are to be kept and restored by all later ones' },

  // ---- storage ---------------------------------------------------------------------------------
  { id: 'F29', layers: 'SP', fault: 'the disk is full', by: [
    ...destroy('disk.full-state', 'disk.full-out', 'disk.full-for-a-while'), ...drawn('ioErrorOneIn'), ERRNO_ONCE,
    test('checkpoint/crash.test.ts', 'a full disk for good fails checkpoints, then the job (E041), and keeps the last one'),
  ] },
  { id: 'F30', layers: 'P', fault: 'a quota, or a limit on the size of files', by: destroy('disk.file-size-limit') },
  { id: 'F31', layers: 'SP', fault: 'the n-th read, write, sync, link, unlink, open or listing fails', by: [
    ERRNO_ONCE, ...drawn('ioErrorOneIn'),
    ...destroy('errno.fsync', 'errno.link', 'errno.unlink', 'errno.mkdir', 'errno.write', 'errno.open', 'errno.list', 'errno.read',
      'errno.open-to-read', 'errno.close'),
    test('checkpoint/crash.test.ts', 'a transient read error at start is retried, a lasting one is thrown and not taken for damage'),
  ] },
  { id: 'F32', layers: 'SP', fault: 'a sync fails and the one after it succeeds', by: [
    ...destroy('errno.fsync'), test('checkpoint/crash.test.ts', 'an fsync that failed once is never repeated on the same file'),
    test('checkpoint/simulated-disk.test.ts', 'after a failed sync the bytes are gone, although a second sync succeeds and they can be read'),
  ] },
  { id: 'F33', layers: 'SP', fault: 'a torn write: a part of the bytes survives, or some of the pages', by: [
    ENUMERATED, ...drawn('crashes'), ...destroy('damage.state', 'damage.manifest'),
  ] },
  { id: 'F34', layers: 'SP', fault: 'a bit flips in state, manifest, records of terms or staged output', by: [
    ...drawn('flipOneIn'),
    ...destroy('damage.manifest', 'damage.state', 'damage.epoch-start', 'damage.staged-output', 'damage.older-manifest', 'damage.trace'),
    test('checkpoint/recover.test.ts', 'round trip, and any flipped bit, cut or addition is noticed'),
    test('state/snapshot-format.test.ts', 'E057: any single damaged byte of a keyed entry or its count is found, with file and offset'),
    test('checkpoint/recover.test.ts', 'verify finds any flipped bit of a state file'),
  ] },
  { id: 'F35', layers: 'SP', fault: 'a file of a checkpoint is missing, empty, shorter or longer', by: [
    ...destroy('damage.state', 'damage.epoch-start-of-second', 'damage.epoch', 'damage.manifest-of-finished', 'damage.manifest-removed'),
    test('checkpoint/recover.test.ts', 'a state file that is missing, shorter or longer refuses the start and names file and place'),
    test('connector/file-sink.test.ts', 'staged output that is gone or damaged is E105, never success'),
  ] },
  { id: 'F36', layers: 'SP', fault: 'the newest manifest is damaged and an older one is good', by: [
    ...destroy('damage.manifest'),
    test('checkpoint/recover.test.ts', 'any flipped bit of the newest manifest refuses the start (E045), whatever older ones there are'),
    test('checkpoint/recover.test.ts', 'the remedy of E045 works: with the damaged one moved away the one before is restored'),
  ] },
  { id: 'F37', layers: 'S', fault: 'a directory entry that was not synced is lost', by: [
    ENUMERATED, ...drawn('crashes'),
    test('checkpoint/simulated-disk.test.ts', 'takes unsynced bytes and unsynced entries, separately, and never what was synced'),
    test('simulation/found.test.ts', 'is durable once a later one writes into it, wherever the earlier one died'),
  ] },
  { id: 'F38', layers: 'S', fault: 'a later write survives and an earlier one does not', by: [
    ENUMERATED, test('checkpoint/crash.test.ts', 'power cut (${kind}, ${survival} of the unsynced survives): the same holds'),
  ] },
  { id: 'F39', layers: 'SP', fault: 'each sync takes long', by: [
    ...drawn('slowSyncMs'), ...destroy('disk.slow-fsync'),
    test('checkpoint/coordinator.test.ts', 'a periodic checkpoint that comes while one is on its way is skipped, not queued'),
  ] },
  { id: 'F40', layers: 'P', fault: 'no file descriptor is left', by: destroy('disk.few-descriptors', 'errno.open') },
  { id: 'F41', layers: 'P', fault: 'a directory is or becomes read-only, or may not be written to', by: [
    ...destroy('disk.read-only-at-start', 'disk.read-only-meanwhile', 'errno.link'),
    test('host/storage.test.ts', 'a refused access is E054 and names the path'),
  ] },
  { id: 'F42', layers: 'P', fault: 'directories on two file systems, behind symbolic links, with odd or very long names', by: [
    test('faults/places.test.ts', 'with %s serves for input, output and state'),
    test('faults/places.test.ts', 'longer than the file system allows is refused with the path, and nothing is made'),
    test('faults/places.test.ts', 'state and output behind symbolic links are where the links lead'),
    test('faults/places.test.ts', 'state on one file system and output on another: no file is linked across'),
    test('checkpoint/recover.test.ts', 'a file system without hard links is refused (E049) before anything is written into it'),
    ...destroy('disk.full-out'),
  ] },
  { id: 'F43', layers: 'P', fault: 'two processes on one state directory', by: [
    ...destroy('rivals.race', 'rivals.second', 'rivals.second-other-network', 'rivals.two-take-overs'),
    test('host/directory-lock.test.ts', 'of 20 processes that start at the same moment exactly one gets it, also over a dead holder'),
    test('host/directory-lock.test.ts', 'it is free at once after kill -9 of its holder, five times in a row'),
    test('faults/places.test.ts', 'one lock for a directory, whichever way leads to it'),
  ] },
  { id: 'F44', layers: 'SP', fault: 'two processes write the same checkpoint, because the lock does not hold', by: [
    ...drawn('zombieOneIn'), ...destroy('rivals.two-take-overs'),
    test('checkpoint/coordinator.test.ts', 'a writer that was succeeded completes nothing, commits nothing and ends with E046'),
    test('checkpoint/coordinator.test.ts', 'a number taken by a writer without the right to it costs one checkpoint, not the job'),
    test('checkpoint/recover.test.ts', 'what an older writer completed after it was succeeded is not reachable'),
    test('host/storage.suite.ts', 'of many concurrent links to one name exactly one wins'),
  ] },
  { id: 'F45', layers: 'P', fault: 'an older copy of the state directory is put back while the output is ahead of it', by: [
    ...destroy('damage.older-copy', 'damage.manifest-removed'),
    test('connector/file-sink.test.ts',
      'output of a later checkpoint than the restored one is E113, and nothing is removed; of others it is none of ours'),
  ] },

  // ---- time, load, data, user code -------------------------------------------------------------
  { id: 'F46', layers: 'SP', fault: 'the clock of the machine is set forward or back', by: [
    ...drawn('wallJumpOneIn'), ...destroy('clock.jumps', 'clock.libfaketime'),
    test('operator/timers.test.ts', 'processing-time timers of the past fire at once after a restore, and never twice'),
  ] },
  { id: 'F47', layers: 'SP', fault: 'another parallelism after a restore', by: [
    test('faults/rescale.test.ts', 'along every change of parallelism each key keeps its state, its timer and its window, once'),
    test('faults/rescale.test.ts', 'more subtasks than key groups are refused, and the checkpoint is still good for fewer'),
    test('host/exactly-once.test.ts', 'a run at any other parallelism goes on with the state, and a run after the end writes nothing'),
    test('state/restore.test.ts', 'RS-1: every entry goes to the one owner of its key group, at any old and new parallelism'),
  ] },
  { id: 'F48', layers: 'SP', fault: 'the job goes back to an older savepoint', by: [
    test('checkpoint/recover.test.ts', 'a start from empty cuts everything older off, and a rewind what it left behind'),
    test('host/savepoint.test.ts',
      'its savepoint, begun at another parallelism after the job was cut off, gives exact totals with what it had committed'),
    test('host/savepoint.test.ts', 'OB-4 the same output place is refused once the old line has gone on in it'),
    test('job/stop.test.ts', 'OB-2 cut off anywhere, begun again: every total of both lines comes once'),
    test('checkpoint/begin-from.test.ts', 'another savepoint, and a directory that began by itself, are refused and untouched'),
  ] },
  { id: 'F49', layers: 'SP', fault: 'an operator is gone, renamed, new, or keeps another kind of state', by: [
    test('faults/job-changes.test.ts', 'that is gone is refused, named with those that there are, and the old job still goes on'),
    test('faults/job-changes.test.ts', 'under another name is refused, unless it says what it was called'),
    test('faults/job-changes.test.ts', 'that is new starts empty beside the others, which keep what they have'),
    test('faults/job-changes.test.ts', 'whose state has another kind is refused before a record is processed'),
    test('faults/job-changes.test.ts', 'that is gone with its position or its output is refused'),
    test('faults/job-changes.test.ts', 'that is new gets what comes from now on'),
  ] },
  { id: 'F50', layers: 'P', fault: 'the shape of stored values or of keys has changed', by: [
    test('state/keyed-backend.test.ts', 'E032: a restored state declared as another kind is refused'),
    test('evolution/migrate.test.ts', 'EV-2 an older version without an upgrade, and a newer one, are refused with both versions'),
    test('evolution/migrate.test.ts',
      'EV-3 an upgrade that throws, forgets to return, promises or cannot be stored names operator, state, key and versions'),
    test('evolution/job-versions.test.ts',
      'ends the start by name, without a restart, and the old job goes on from the same checkpoint'),
    test('e2e/evolution.test.ts',
      'version 1 to 3 by savepoints, killed before and after each first checkpoint, on threads, too: totals are exact'),
  ], open: 'a key that has become of another type finds nothing under it, without a word' },
  { id: 'F51', layers: 'SP', fault: 'the number of key groups or the chaining has changed', by: [
    test('faults/job-changes.test.ts', 'cut and joined anew keep all state, at parallelism ${parallelism}'),
    test('faults/job-changes.test.ts', 'another number of key groups is refused with both numbers'),
    test('checkpoint/recover.test.ts', 'another input or output, another job, another max parallelism are refused with both values'),
  ] },
  { id: 'F52', layers: 'SP', fault: 'a sink is much slower than its source', by: [
    test('faults/pressure.test.ts', 'holds the source back: what is under way is bounded, and checkpoints complete'),
    test('task/overtake.test.ts', 'behind a receiver that takes nothing, an aligned checkpoint waits for ever and an overtaken one for no record'),
    test('connector/file-sink.test.ts', 'the writer is full while the disk does not follow, and wakes when there is room'),
    ...drawn('hangOneIn'),
  ] },
  { id: 'F53', layers: 'SP', fault: 'one input is 1,000 times faster than another, or one is silent', by: [
    test('faults/pressure.test.ts', 'one silent and one 1,000 times faster: checkpoints complete, event time waits, and no record is lost'),
    test('operator/source-operator.test.ts', 'a silent split becomes idle and holds nothing back; its next record makes it active'),
    test('time/watermark-valve.test.ts', 'the valve equals its model, and its watermark never decreases'),
  ] },
  { id: 'F54', layers: 'SP', fault: 'nine records of ten bear the same key', by: [
    test('faults/pressure.test.ts', 'nine records of ten bear one key: every total is exact at any parallelism, across a rescale'),
    test('observe/rates.test.ts', 'is the busiest subtask below the last one that waits for room'),
    test('observe/subtask-times.test.ts',
      'MT-2 at every record busy, idle and waiting time of every subtask add up to the clock, at parallelism %i'),
  ] },
  { id: 'F55', layers: 'P', fault: '10 and 17 million keys', by: [
    test('state/key-map.test.ts', 'KM-1: at any limit the map of maps behaves as one Map'),
    test('state/key-map.test.ts', 'KM-2: a map three generations deep finds every key'),
    test('state/incremental.test.ts',
      'IS-1, SL-1, CG-2: a checkpoint is the state at its cut, whatever changes while it is written, completes or is aborted'),
    test('state/incremental.test.ts', 'IS-2, IS-3: small changes are written as small increments, in a chain that stays short'),
  ], needs: 'a machine with the memory, and minutes: so many keys are run by `npm run bench -- state --keys 10000000`' },
  { id: 'F56', layers: 'P', fault: 'very large records', by: [
    test('faults/records.test.ts', 'of 24 MB goes through source, keyed state, checkpoint and sink unharmed'),
    test('faults/records.test.ts', 'above the limit of its source ends the job with file and byte, and nothing is committed'),
    test('connector/text.test.ts', 'a row without end is E107'),
  ] },
  { id: 'F57', layers: 'SP', fault: 'values that systems trip over: NaN, -0, lone surrogates, __proto__, cycles, invalid dates', by: [
    test('faults/records.test.ts', 'all ${VALUES.length} of the corpus come back from a checkpoint as they went in, and pollute nothing'),
    test('faults/records.test.ts', 'keys that look alike are different keys, -0 is 0, and each keeps its own state'),
    test('faults/records.test.ts', '%s is refused as a key: the job fails with the operator, and nothing is committed'),
    test('faults/records.test.ts', '%s is refused as state: the job fails with state and key named'),
    test('operator/source-operator.test.ts', "'drop' counts, 'side' sends it to its own output, and the others go on"),
    test('connector/text.test.ts', 'a malformed row comes with its text, its reason and its byte offset; the others are read'),
    test('connector/text.test.ts', '__proto__ in a row is data and changes no prototype'),
  ] },
  { id: 'F58', layers: 'SP', fault: 'functions of the user that throw, change their input, or are not what they should be', by: [
    ...drawn('poison'),
    test('faults/user-functions.test.ts', 'in %s ends the job with its operator and the cause, and commits nothing'),
    test('faults/user-functions.test.ts', 'an async one where many records are expected is refused with the operator'),
    test('faults/user-functions.test.ts', 'one that changes its input is stopped at the change'),
    test('faults/user-functions.test.ts', 'that throws in %s ends the job with the words that were thrown'),
    test('operator/operators.test.ts', 'whatever a user function throws becomes one E061 with operator, function and cause'),
    test('operator/async-map.test.ts', 'E161 after the time limit, over all tries; the signal is aborted'),
    test('operator/async-map.test.ts', 'whatever comes when: capacity, order, exactly the missing ones in the snapshot, each result once'),
  ],
  open: 'a handle of state that is kept and used after its record is not always refused' },
  { id: 'F59', layers: 'P', fault: 'a rejection or an exception that nobody catches', by: [
    test('faults/process.test.ts', 'a stray %s ends the process with 1 and its words, never half; the next start goes on'),
  ] },

  // ---- the engine beside others ----------------------------------------------------------------
  { id: 'F76', layers: 'P', fault: 'a flood of requests', by: [], needs: REST },
  { id: 'F77', layers: 'P', fault: 'clients of the dashboard that go away', by: [], needs: REST },
  { id: 'F78', layers: 'P', fault: 'very much is logged, or the disk of the log is full', by: [
    test('faults/process.test.ts', '(%s) costs no output: the next start goes on'),
  ], open: 'the process ends when its log cannot be written, and a slow reader of stdout misses what is printed last' },
  { id: 'F79', layers: 'SP', fault: 'checkpoints are asked for more often than they can be taken', by: [
    test('checkpoint/coordinator.test.ts', 'a periodic checkpoint that comes while one is on its way is skipped, not queued'),
    test('checkpoint/coordinator.test.ts', 'user requests queue and each gets its own checkpoint; a final one goes first'),
    test('checkpoint/coordinator.test.ts', 'a checkpoint that is not acknowledged in time expires, the laggards are named in its trace'),
    ...destroy('disk.slow-fsync'), ...drawn('hangOneIn', 'slowSyncMs'),
  ] },
  { id: 'F80', layers: 'SP', fault: 'a failure when some sources have ended, or all of them and the sinks are not done', by: [
    test('faults/ends.test.ts', 'a crash ${when} the checkpoint that follows the end of one source, at parallelism ${parallelism}'),
    test('faults/ends.test.ts', 'all sources have ended and the process dies before the commits: the next one makes up for them, and ends'),
    test('checkpoint/coordinator.test.ts', 'one that was cut before the last end is followed by a final one; one cut after it is the final one'),
    test('host/regions.test.ts', 'JA-4: a side that has ended stays so when the other fails'),
    test('e2e/regions.test.ts', 'a thread that dies takes the part that runs, and not the one that has ended'),
    ENUMERATED,
  ] },
]

const LAYERS = { S: 'simulated', P: 'real', SP: 'both' }

const plain = (title) => title.replaceAll(/\$\{[^}]*\}|%s/g, '…').replaceAll('|', '\\|').replaceAll('<', '&lt;')

function proof({ kind, name, file, title }) {
  if (kind === 'test') return `${plain(title)} (\`${file}\`)`
  return { destroy: `destroy: \`${name}\``, drawn: `seeds: \`${name}\``, step: `seeds: killed at \`${name}\`` }[kind]
}

const row = ({ id, layers, fault, by, needs, open }) => `| ${[
  id, fault, LAYERS[layers], by.map(proof).join('<br>') || '-',
  [open === undefined ? [] : [`**Open:** ${open}.`], needs === undefined ? [] : [`Needs ${needs}.`]].flat().join(' '),
].join(' | ')} |`

/** The page docs/faults.md. */
export function faultPage() {
  const untested = FAULTS.filter(({ by }) => by.length === 0).length
  return `# Faults

What may go wrong, and the automated tests that make it go wrong. Rows of external systems and networks (F60 to F75)
come with their connectors. *Seeds* are the simulator (\`npm run sim\`), which draws that kind of fault from a seed, or
kills at that step; *destroy* is a fault of \`npm run destroy\`, done to real processes; everything else is a test by its
title, below \`packages/tidemark/test\`. This page is written from \`packages/tidemark/test/faults/catalogue.mjs\` by
\`node packages/tidemark/test/faults/page.mjs\`; a test checks that all that is named exists.

${FAULTS.length} rows, of which ${untested} wait as a whole for what is not built yet.

| | fault | layer | proved by | what is missing |
|---|---|---|---|---|
${FAULTS.map(row).join('\n')}
`
}
