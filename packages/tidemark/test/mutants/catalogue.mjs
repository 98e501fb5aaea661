/**
 * Bugs that must never come back: each as a patch of the source, with what is to notice it.
 *
 * The classes are those of real bugs in other engines: A transactions, B restore, commit and collection, C end
 * of input, D output files, E key groups and timers, F watermarks and idleness, G sources, P checkpoint protocol,
 * S what must be durable, U barriers that overtake, and when they begin to, I incremental snapshots, V savepoints,
 * N later versions of a job, R another parallelism, W threads that die, L regions that restart alone. `by` names the
 * fastest means: seeds of the simulator, or a test file with the test whose name holds `test`.
 */
const seeds = (within) => ({ kind: 'seeds', within })
const suite = (file, test) => ({ kind: 'test', file: `packages/tidemark/test/${file}`, test })
const enumeration = (world) => suite('simulation/enumeration.test.ts', world)
const one = (file, find, replace) => [{ file, find, replace }]
/** Takes a text away. */
const without = (file, find) => one(file, find, '')

export const MUTANTS = [
  // ---- A: transactions, commits ---------------------------------------------------------------------
  {
    name: 'missing-is-committed', class: 'A', bug: 'a commit takes "staged file unknown" for success',
    patches: without('connector/file-committer.ts', "      yield* this.#wasCommitted(file, 'neither it nor its staged file is there')\n"),
    by: suite('connector/file-sink.test.ts', 'staged output that is gone or damaged'),
  },
  {
    name: 'other-content-is-committed', class: 'A', bug: 'a commit takes a foreign file under the final name for its own',
    patches: without('connector/file-committer.ts', "    if (outcome !== 'linked') yield* this.#wasCommitted(file, 'its staged file vanished')\n"),
    by: suite('connector/file-sink.test.ts', 'a final name with other content is E104'),
  },
  {
    name: 'failed-commit-forgotten', class: 'A', bug: 'a commit that failed counts as confirmed',
    patches: without('operator/sink-operator.ts', '        this.#context.fail(outcome.error)\n        return\n'),
    by: seeds(2000),
  },
  {
    name: 'live-parts-removed', class: 'A', bug: 'a start clears away staged parts that a checkpoint counts on',
    patches: without('connector/file-committer.ts', ' && !keep.has(name)'),
    by: seeds(400),
  },
  {
    name: 'unlinked-before-durable', class: 'A', bug: 'the staged name goes before the final name is durable',
    patches: one(
      'connector/file-committer.ts',
      '    yield* this.#storage.syncDirectory(this.#directory)\n    yield* inBatches(files, (file) => this.#storage.unlink(this.#at(file.staged)))\n',
      '    yield* inBatches(files, (file) => this.#storage.unlink(this.#at(file.staged)))\n    yield* this.#storage.syncDirectory(this.#directory)\n',
    ),
    by: enumeration('the commit of 1 part'),
  },
  {
    name: 'fence-not-asked', class: 'A', bug: 'a writer that lost its term commits all the same',
    patches: without('operator/sink-operator.ts', '    yield* this.#context.fence()\n'),
    by: suite('mutants/holes.test.ts', 'a sink whose term is over commits nothing'),
  },
  // ---- B: restore, commits and their checkpoints, collection ----------------------------------------
  {
    name: 'carry-dropped', class: 'B', bug: 'a checkpoint carries its own commits alone',
    patches: one('operator/sink-operator.ts', 'items: [...this.#pending] }', 'items: this.#pending.filter((one) => one.checkpoint === checkpoint) }'),
    by: seeds(400),
  },
  {
    name: 'aborted-part-not-carried', class: 'B', bug: 'what an aborted checkpoint staged does not travel with the next',
    patches: one(
      'operator/sink-operator.ts', 'items: [...this.#pending] }',
      'items: this.#pending.filter((one) => one.checkpoint === checkpoint || one.checkpoint <= this.#complete) }',
    ),
    by: enumeration('an aborted checkpoint is carried'),
  },
  {
    name: 'restored-without-commits', class: 'B', bug: 'a restore forgets the commits of its checkpoint',
    patches: one('operator/sink-operator.ts', "    this.#pending = [...((context.restored?.list('pending') ?? []) as readonly Pending[])]\n", '    this.#pending = []\n'),
    by: seeds(400),
  },
  {
    name: 'filed-under-the-wrong-checkpoint', class: 'B', bug: 'a staged part is filed under the checkpoint before',
    patches: one('operator/sink-operator.ts', 'this.#pending.push({ checkpoint, committable })', 'this.#pending.push({ checkpoint: checkpoint - 1, committable })'),
    by: seeds(2000),
  },
  {
    name: 'retained-one-too-few', class: 'B', bug: 'collection takes one checkpoint too many',
    patches: one('checkpoint/gc.ts', 'reachable.length - retain ||', 'reachable.length - Math.max(1, retain - 1) ||'),
    by: suite('checkpoint/coordinator.test.ts', 'as many as asked for are retained'),
  },
  {
    name: 'collected-on-its-way', class: 'B', bug: 'collection takes the files of a checkpoint that is on its way',
    patches: one('checkpoint/coordinator.ts', 'const floor = this.#pending?.id ?? this.#nextId', 'const floor = this.#nextId + 1'),
    by: seeds(2000),
  },
  {
    name: 'starts-empty', class: 'B', bug: 'a job that lost its directory starts empty',
    patches: one(
      'checkpoint/recover.ts', 'if (restored === null && !facts.completedLineages.some(ofLineage)) return', 'return',
    ),
    by: suite('checkpoint/recover.test.ts', 'never starts empty without --fresh'),
  },
  {
    name: 'falls-back-silently', class: 'B', bug: 'an unreadable newest checkpoint is passed over',
    patches: without('checkpoint/recover.ts', "    if (fact.kind === 'damaged') return unreadable(directory, fact.id, fact.error, newest)\n"),
    by: suite('checkpoint/recover.test.ts', 'any flipped bit of the newest manifest'),
  },
  {
    name: 'succeeded-writer-restored', class: 'B', bug: 'what an older writer completed after it was succeeded is restored',
    patches: one('checkpoint/epochs.ts', 'manifest.checkpoint <= (limits.get(manifest.epoch) ?? 0)', 'limits.has(manifest.epoch) || manifest.checkpoint > 0'),
    by: suite('checkpoint/recover.test.ts', 'what an older writer completed after it was succeeded'),
  },
  // ---- C: end of input and stop ---------------------------------------------------------------------
  {
    name: 'partly-finished-is-the-end', class: 'C', bug: 'a checkpoint cut before some inputs ended counts as the final one',
    patches: one('checkpoint/pending-checkpoint.ts', 'this.allAcknowledged && this.#ended === this.#acknowledged.size', 'this.allAcknowledged && this.#ended > 0'),
    by: seeds(400),
  },
  {
    name: 'stop-does-not-await-commits', class: 'C', bug: 'the job ends before the commits of its final checkpoint are confirmed',
    patches: without('checkpoint/confirmed-commits.ts', '    if (!this.covers(awaited.id, awaited.who)) return undefined\n'),
    by: seeds(400),
  },
  {
    name: 'leaves-before-its-commits', class: 'C', bug: 'a subtask ends when the final checkpoint is complete, its commits open',
    patches: one('task/commit-reports.ts', 'this.#committed >= final', 'this.#complete >= final'),
    by: seeds(400),
  },
  {
    name: 'end-before-the-last-flush', class: 'C', bug: 'watermarks and the end of data overtake the last records',
    patches: one('task/record-writer.ts', "    this.flush()\n    if (item.kind === 'watermark') this.watermark = item.watermark\n", "    if (item.kind === 'barrier') this.flush()\n    if (item.kind === 'watermark') this.watermark = item.watermark\n"),
    by: seeds(400),
  },
  {
    name: 'finished-without-its-mark', class: 'C', bug: 'a final checkpoint counts as the end although its commits were not confirmed',
    patches: one('checkpoint/recover.ts', 'return newest.finished && done', 'return newest.finished'),
    by: suite('checkpoint/coordinator.test.ts', 'a crash between the final manifest and the last commit'),
  },
  {
    name: 'end-without-final-checkpoint', class: 'C', bug: 'the end of all input does not ask for a final checkpoint',
    patches: without('checkpoint/coordinator.ts', "    // One on its way may have been cut before the end. If it was not, it answers this request, too.\n    this.request('final')\n"),
    by: suite('checkpoint/coordinator.test.ts', 'a final checkpoint is triggered at once'),
  },
  // ---- E: key groups and timers ---------------------------------------------------------------------
  {
    name: 'timer-in-the-wrong-group', class: 'E', bug: 'timers are filed under the wrong key group',
    patches: one('operator/timer-service.ts', "kind: 'timers', version: 1, extent, maxParallelism })", "kind: 'timers', version: 1, extent, maxParallelism: 1 })"),
    by: seeds(400),
  },
  {
    name: 'timers-not-restored', class: 'E', bug: 'a restore forgets the timers',
    patches: without('operator/timer-service.ts', '        this.#queues[domain].add(key, windowOf(namespace), value as number)\n'),
    by: seeds(400),
  },
  {
    name: 'key-group-range-off-by-one', class: 'E', bug: 'the last key group of a range belongs to nobody',
    patches: one('graph/key-groups.ts', '((subtask + 1) * maxParallelism - 1) / parallelism', '((subtask + 1) * maxParallelism - 1) / parallelism - 1e-9'),
    by: suite('state/restore.test.ts', 'RS-1'),
  },
  {
    name: 'foreign-group-kept', class: 'E', bug: 'state of key groups that went to another subtask is kept',
    patches: one('state/restore.ts', 'if (group.group >= range.start && group.group <= range.end) owned', 'if (group.group >= range.start) owned'),
    by: suite('state/restore.test.ts', 'RS-1'),
  },
  {
    name: 'record-to-the-wrong-owner', class: 'E', bug: 'records go to another subtask than their key group',
    patches: one('graph/key-groups.ts', 'return Math.floor((group * parallelism) / maxParallelism)', 'return group % parallelism'),
    by: seeds(400),
  },
  {
    name: 'timer-registered-twice', class: 'E', bug: 'a timer registered twice fires twice',
    patches: without('operator/timer-queue.ts', '    if (find(first, namespace) !== undefined) return false\n'),
    by: suite('operator/timers.test.ts', 'the timer queue equals a sorted list'),
  },
  // ---- F: watermarks and idleness -------------------------------------------------------------------
  {
    name: 'source-watermark-not-restored', class: 'F', bug: 'a source forgets its watermark',
    patches: one('operator/source-operator.ts', 'floors.length === 0 ? MIN_TIMESTAMP : Math.min(...floors)', 'floors.length < 0 ? 0 : MIN_TIMESTAMP'),
    by: suite('mutants/holes.test.ts', 'a source goes on from its watermark'),
  },
  {
    name: 'timer-watermark-not-restored', class: 'F', bug: 'a timer service forgets its watermark',
    patches: without('operator/timer-service.ts', '    this.#watermark = restoredWatermark(restored)\n'),
    by: suite('mutants/holes.test.ts', 'a timer service never falls behind'),
  },
  {
    name: 'idle-split-never-resumed', class: 'F', bug: 'a split that was idle stays idle when it sends again',
    patches: one('time/split-watermarks.ts', '    part.idle = false\n    if (watermark <=', '    if (watermark <='),
    by: suite('operator/source-operator.test.ts', 'a silent split becomes idle'),
  },
  {
    name: 'idle-channel-never-resumed', class: 'F', bug: 'a channel that was idle stays idle',
    patches: one('time/watermark-valve.ts', 'if (channel.finished || channel.active === !idle) return', 'if (channel.finished || !idle || !channel.active) return'),
    by: suite('time/watermark-valve.test.ts', 'the valve equals its model'),
  },
  {
    name: 'finished-counts-as-idle', class: 'F', bug: 'an input that ended makes the others idle, or idle stays after the end',
    patches: one('time/watermark-valve.ts', '      const idle = this.#setIdle(false)\n', '      const idle = this.#setIdle(true)\n'),
    by: suite('time/watermark-valve.test.ts', 'the valve equals its model'),
  },
  {
    name: 'watermark-goes-back', class: 'F', bug: 'a merged watermark follows its inputs down',
    patches: [
      { file: 'time/watermark-valve.ts', find: '    if (watermark <= this.#watermark) return undefined\n', replace: '    if (watermark === this.#watermark) return undefined\n' },
      { file: 'time/watermark-valve.ts', find: 'channel.aligned = channel.watermark >= this.#watermark', replace: 'channel.aligned = true' },
    ],
    by: suite('time/watermark-valve.test.ts', 'the valve equals its model'),
  },
  {
    name: 'behind-counts-at-once', class: 'F', bug: 'a channel that comes back behind the merged watermark holds it at once',
    patches: one('time/watermark-valve.ts', 'channel.aligned = channel.watermark >= this.#watermark', 'channel.aligned = true'),
    by: suite('time/watermark-valve.test.ts', 'the valve equals its model'),
  },
  // ---- G: sources -----------------------------------------------------------------------------------
  {
    name: 'position-off-by-one', class: 'G', bug: 'a source goes on behind the record that is next',
    patches: one('connector/collection.ts', 'position: () => at,', 'position: () => (at === split.start ? at : at + 1),'),
    by: seeds(400),
  },
  {
    name: 'position-of-the-last-record', class: 'G', bug: 'a source goes on with a record that it gave already',
    patches: one('connector/generator.ts', '  position(): number {\n    return this.#next\n', '  position(): number {\n    return Math.max(this.#first, this.#next - this.#step)\n'),
    by: seeds(400),
  },
  {
    name: 'advanced-at-poll', class: 'G', bug: 'the position in a snapshot counts records that were read and not emitted',
    patches: one(
      'operator/source-operator.ts', '? active.position : active.reader.position(),',
      '? active.position : (active.reader.poll(1), active.reader.position()),',
    ),
    by: seeds(400),
  },
  {
    name: 'splits-not-given-back', class: 'G', bug: 'a restore forgets the splits that were not handed out',
    patches: one('job/split-enumerator.ts', '    this.#pending = [...stored.pending]\n', ''),
    by: seeds(400),
  },
  {
    name: 'split-order-lost', class: 'G', bug: 'splits are read as they come, not in the order of discovery',
    patches: without('operator/source-operator.ts', '    this.#splits.sort((a, b) => a.order - b.order)\n'),
    by: suite('operator/source-operator.test.ts', 'splits are read in the order of discovery'),
  },
  {
    name: 'split-twice', class: 'G', bug: 'a split handed out during a cut is in the snapshot of both sides',
    patches: one('job/job-attempt.ts', '    this.#held = []\n', ''),
    by: seeds(2000),
  },
  // ---- P: the checkpoint protocol -------------------------------------------------------------------
  {
    name: 'commit-before-manifest', class: 'P', bug: 'everybody is told "complete" before the manifest is durable',
    patches: one(
      'checkpoint/coordinator.ts', "    this.#ports.probe('cp.acks.all')\n",
      "    this.#ports.probe('cp.acks.all')\n    for (const to of pending.plan.wait) this.#host.send(to, { kind: 'complete', id: pending.id })\n",
    ),
    by: seeds(400),
  },
  {
    name: 'epoch-not-checked', class: 'P', bug: 'a writer that was succeeded completes a checkpoint',
    patches: one('checkpoint/commit-manifest.ts', 'if (!(yield* stillMine(storage, directory, manifest.epoch)))', 'if (manifest.epoch < 0)'),
    by: suite('mutants/holes.test.ts', 'a writer that is succeeded while it links'),
  },
  {
    name: 'taken-is-committed', class: 'P', bug: 'a checkpoint number that somebody else used counts as our own',
    patches: without('checkpoint/commit-manifest.ts', "    if (outcome === 'exists') return { kind: 'taken' }\n"),
    by: suite('checkpoint/coordinator.test.ts', 'a number taken by a writer'),
  },
  {
    name: 'late-acks-accepted', class: 'P', bug: 'an acknowledgement of another checkpoint is counted',
    patches: one('checkpoint/coordinator.ts', "pending.id !== message.id || pending.state !== 'waiting') return 'late'", "pending.state !== 'waiting') return 'late'"),
    by: suite('checkpoint/coordinator.test.ts', 'each way an acknowledgement can be useless'),
  },
  {
    name: 'ack-before-written', class: 'P', bug: 'a snapshot is acknowledged before it is written',
    patches: [
      { file: 'checkpoint/files.ts', find: '        yield* storage.append(open.handle, bytes)\n', replace: '        start(storage.append(open.handle, bytes), () => {})\n' },
    ],
    by: seeds(2000),
  },
  {
    name: 'barrier-overtakes', class: 'P', bug: 'a barrier overtakes the records before it',
    patches: one('task/record-writer.ts', "    this.flush()\n    if (item.kind === 'watermark') this.watermark = item.watermark\n", "    if (item.kind !== 'barrier') this.flush()\n    if (item.kind === 'watermark') this.watermark = item.watermark\n"),
    by: seeds(400),
  },
  {
    name: 'record-overtakes', class: 'P', bug: 'one record more is read between the barrier and the snapshot',
    patches: one('task/subtask.ts', '    const parts = this.#chain.snapshot(id)\n', "    if (this.#source !== undefined && this.#state === 'running') this.#source.poll(1)\n    const parts = this.#chain.snapshot(id)\n"),
    by: seeds(400),
  },
  {
    name: 'not-aligned', class: 'P', bug: 'inputs are not blocked during alignment',
    patches: one('task/subtask.ts', '      block: (channel) => this.#setBlocked(channel, true),\n', '      block: () => {},\n'),
    by: seeds(400),
  },
  {
    name: 'cancel-not-forwarded', class: 'P', bug: 'a subtask that gives a checkpoint up does not tell those behind it',
    patches: one('task/subtask.ts', "        this.#chain.broadcast({ kind: 'cancel', id })\n        this.#send({ kind: 'decline', id, reason })\n", "        this.#send({ kind: 'decline', id, reason })\n"),
    by: suite('mutants/holes.test.ts', 'a checkpoint that is given up at an input'),
  },
  // ---- U: barriers that overtake, what is in flight ---------------------------------------------------
  {
    name: 'overtaken-dropped', class: 'U', bug: 'a batch that a barrier overtook is not recorded',
    patches: one('task/input-capture.ts', '    items.push(item)\n', "    if (item.kind !== 'data') items.push(item)\n"),
    by: seeds(200),
  },
  {
    name: 'sent-after-the-look', class: 'U', bug: 'what another thread sends between a look and the taking is not recorded',
    patches: one('task/input-capture.ts', '    if (recording.seen > 0) {\n      recording.seen -= 1\n      return undefined\n    }\n', '    if (recording.seen > 0) recording.seen -= 1\n    if (recording.seen >= 0) return undefined\n'),
    by: suite('task/in-flight.test.ts', 'IC-1: records, once and in order'),
  },
  {
    name: 'overtaken-twice', class: 'U', bug: 'what a barrier overtook is recorded twice',
    patches: one('task/input-capture.ts', '    items.push(item)\n', '    items.push(item, item)\n'),
    by: suite('task/in-flight.test.ts', 'IC-1: records, once and in order'),
  },
  {
    name: 'recorded-behind-the-barrier', class: 'U', bug: 'recording goes on when the barrier of a channel has come',
    patches: one('task/input-capture.ts', "(item.kind === 'barrier' && item.barrier.id === this.id)", "(item.kind === 'barrier' && item.barrier.id > this.id)"),
    by: suite('task/in-flight.test.ts', 'IC-1: records, once and in order'),
  },
  {
    name: 'open-batch-not-recorded', class: 'U', bug: 'the rest of the batch that is being read at the cut is not recorded',
    patches: without('task/subtask.ts', '    if (partial !== undefined) capture.add(partial.channel, restOf(partial.batch, partial.next))\n'),
    by: suite('task/overtake.test.ts', 'ST-9: each record is processed before the cut'),
  },
  {
    name: 'in-flight-to-the-wrong-subtask', class: 'U', bug: 'at another parallelism in-flight records go to the first subtask instead of the owner of their key',
    patches: one('task/in-flight.ts', "keyOf === undefined || share === 'whole'", "keyOf === undefined || share !== 'none'"),
    by: suite('task/in-flight.test.ts', 'IF-2: from 2 to 3 subtasks'),
  },
  {
    name: 'new-input-first', class: 'U', bug: 'new input is processed before what was in flight',
    patches: one('task/subtask.ts', 'else if (this.#replay !== undefined) this.#resumeReplay', 'else if (this.#replay !== undefined && this.#partial === undefined && !this.#init.gate.ready) this.#resumeReplay'),
    by: suite('task/overtake.test.ts', 'ST-8: what was in flight is processed before new input'),
  },
  {
    name: 'restored-forgotten-at-the-next-cut', class: 'U', bug: 'what is restored and not processed yet is not in the next checkpoint',
    patches: one('task/subtask.ts', 'const left = this.#replay?.left() ?? new Map()', 'const left = new Map()'),
    by: suite('task/overtake.test.ts', 'ST-8: what was in flight is processed before new input'),
  },
  {
    name: 'sealed-without-its-threads', class: 'S', bug: 'a checkpoint completes without the state files that worker threads wrote',
    patches: one('job/job-attempt.ts', 'this.#deployed.seal?.(id) ?? none()', 'none()'),
    by: seeds(60),
  },
  {
    name: 'threads-share-a-state-file', class: 'S', bug: 'worker threads write their state into files of one name',
    patches: one('checkpoint/files.ts', 'stateFileName(init.epoch, init.process)', "stateFileName(init.epoch, 'p0')"),
    by: seeds(60),
  },
  {
    name: 'in-flight-of-two-attempts-at-once', class: 'U', bug: 'what is left of the last attempt is mixed with what came in this one',
    patches: one('task/snapshot-run.ts', '({ age: age + 1, channels })', '({ age, channels })'),
    by: suite('task/overtake.test.ts', 'ST-8: what was in flight is processed before new input'),
  },
  {
    name: 'in-flight-counted-from-the-oldest', class: 'U', bug: 'at another parallelism what was in flight to a subtask that was behind waits for what one further ahead has yet to get',
    patches: one('task/in-flight.ts', 'stages.flatMap(({ age, channels }) =>', 'stages.map(({ channels }, i) => ({ age: -i, channels })).flatMap(({ age, channels }) =>'),
    by: suite('task/in-flight.test.ts', 'IF-2: a subtask that had come further'),
  },
  {
    name: 'given-records-again', class: 'U', bug: 'the part of a restored batch that was processed is in the next checkpoint again',
    patches: without('task/replay.ts', "      if (offset > 0 && item?.kind === 'data') rest[0] = restOf(item, offset)\n"),
    by: suite('task/in-flight.test.ts', 'RN-1, RN-5'),
  },
  {
    name: 'leaves-with-records-in-flight', class: 'U', bug: 'a subtask leaves on a checkpoint that has in flight what it sent',
    patches: without('task/commit-reports.ts', ' && this.#withoutInFlight >= final'),
    by: suite('simulation/protocol.test.ts', 'seeds 1 to 100'),
  },
  {
    name: 'looking-frees-the-sender', class: 'U', bug: 'looking for a barrier in a full ring lets its sender go on, once a checkpoint',
    patches: without('channel/ring-memory.ts', ' + Atomics.load(this.#words, HELD)'),
    by: suite('channel/ring.test.ts', 'RG-5: what was looked at keeps the sender waiting'),
  },
  {
    name: 'final-is-overtaken', class: 'U', bug: 'the final checkpoint of a stop leaves records in flight',
    patches: without('checkpoint/coordinator.ts', " || kind === 'final'"),
    by: suite('checkpoint/coordinator.test.ts', 'with age 0 it follows the trigger at once'),
  },
  {
    name: 'fsync-retried', class: 'P', bug: 'a file whose fsync failed is synced again',
    patches: one(
      'checkpoint/files.ts', '          storage.sync(handle),\n',
      '          (function* () { try { yield* storage.sync(handle) } catch { yield* storage.sync(handle) } })(),\n',
    ),
    by: suite('checkpoint/crash.test.ts', 'an fsync that failed once is never repeated'),
  },
  // ---- S: what must be durable ----------------------------------------------------------------------
  {
    name: 'state-file-not-synced', class: 'S', bug: 'the bytes of a state file are not durable before its manifest',
    patches: without('checkpoint/files.ts', '          storage.sync(handle),\n'),
    by: enumeration('the first checkpoint ever'),
  },
  {
    name: 'state-entry-not-synced', class: 'S', bug: 'the name of a state file is not durable before its manifest',
    patches: without('checkpoint/files.ts', '          storage.syncDirectory(checkpointDirectory(this.#directory, checkpoint)),\n'),
    by: enumeration('the first checkpoint ever'),
  },
  {
    name: 'checkpoint-directory-not-synced', class: 'S', bug: 'the directory of a checkpoint is not durable before its manifest',
    patches: without('checkpoint/files.ts', '          storage.syncDirectory(checkpointsDirectory(this.#directory)),\n'),
    by: enumeration('the first checkpoint ever'),
  },
  {
    name: 'document-not-synced', class: 'S', bug: 'manifests and records are linked before their bytes are durable',
    patches: without('checkpoint/document.ts', '    yield* storage.sync(file)\n'),
    by: enumeration('the first checkpoint ever'),
  },
  {
    name: 'claim-not-synced', class: 'S', bug: 'a claimed name is not durable',
    patches: without('checkpoint/document.ts', '  yield* storage.syncDirectory(at.directory)\n'),
    by: enumeration('the first checkpoint ever'),
  },
  {
    name: 'part-not-synced', class: 'D', bug: 'a staged part is reported before its bytes are durable',
    patches: without('connector/file-writer.ts', '          yield* storage.sync(file)\n'),
    by: enumeration('the first checkpoint ever'),
  },
  {
    name: 'staged-name-not-synced', class: 'D', bug: 'a staged part is reported before its name is durable',
    patches: without('connector/file-writer.ts', '        if (staged.length > 0) yield* this.#syncDirectory()\n'),
    by: enumeration('the first checkpoint ever'),
  },
  {
    name: 'final-name-not-synced', class: 'D', bug: 'a commit is confirmed before the final name is durable',
    patches: without('connector/file-committer.ts', '    yield* this.#storage.syncDirectory(this.#directory)\n'),
    by: enumeration('the commit of 1 part'),
  },
  {
    name: 'settled-not-read-again', class: 'S', bug: 'what came into a directory after it was listed stays there for good when the rest of it goes',
    patches: one('checkpoint/gc.ts', '  if (unread.length > 0) {', '  if (unread.length > 99) {'),
    by: suite('checkpoint/clean.test.ts', 'GC-9'),
  },
  {
    name: 'removal-not-synced', class: 'S', bug: 'the files of a collected checkpoint go before the removal of its manifest is durable',
    patches: without('checkpoint/gc.ts', '  if (garbage.manifests.length > 0) yield* storage.syncDirectory(checkpointsDirectory(directory))\n'),
    by: enumeration('collection of two checkpoints'),
  },
  {
    name: 'files-before-their-manifest', class: 'B', bug: 'collection takes the files of a checkpoint before its manifest',
    patches: [
      { file: 'checkpoint/gc.ts', find: '  for (const id of garbage.manifests) {\n    yield* storage.unlink(manifestFile(directory, id))\n    deleted()\n  }\n', replace: '' },
      { file: 'checkpoint/gc.ts', find: '  for (const id of garbage.directories) yield*', replace: '  for (const id of garbage.manifests) yield* storage.unlink(manifestFile(directory, id))\n  for (const id of garbage.directories) yield*' },
    ],
    by: enumeration('collection of two checkpoints'),
  },
  {
    name: 'made-directory-not-synced', class: 'S', bug: 'a directory is used before its own name is durable',
    patches: [
      { file: 'base/durable-directory.ts', find: '    yield* storage.syncDirectory(parentOf(directory))\n', replace: '' },
    ],
    by: enumeration('the first checkpoint ever'),
  },
  {
    name: 'later-term-swept', class: 'A', bug: 'a starter that was passed by removes what its successor has staged',
    patches: without('connector/file-committer.ts', 'epoch <= this.#epoch && '),
    by: suite('connector/file-sink.test.ts', 'removeAbandoned keeps'),
  },
  {
    name: 'parts-behind-the-barrier', class: 'C', bug: 'what is added up ahead of a shuffle is held back over a barrier',
    patches: without('task/subtask.ts', '    this.#chain.beforeBarrier()\n'),
    by: suite('operator/pre-aggregate.test.ts', 'PA-1, PO-1 to PO-3'),
  },
  // ---- I: incremental snapshots ----------------------------------------------------------------------
  {
    name: 'unconfirmed-changes-forgotten', class: 'I', bug: 'what an aborted checkpoint held is not in the next one',
    patches: one('state/incremental.ts', '      before === undefined ? fresh : joinChanges([...before.held.slice(i, i + 1), fresh]))', '      before === undefined ? fresh : joinChanges([fresh, ...before.held.slice(i, i)]))'),
    by: seeds(3000),
  },
  {
    name: 'on-top-of-the-unconfirmed', class: 'I', bug: 'changes go on top of a checkpoint that may never complete',
    patches: [
      { file: 'state/incremental.ts', find: '    this.#unconfirmed = { checkpoint, held, kept }\n', replace: '    this.#confirmed = checkpoint\n' },
    ],
    by: suite('state/incremental.test.ts', 'IS-1'),
  },
  {
    name: 'chain-longer-than-the-unconfirmed', class: 'I', bug: 'a cut keeps parts of the chain that the one before it, still unconfirmed, replaced',
    patches: one('state/incremental.ts', 'before === undefined ? confirmed : confirmed.slice(0, before.kept)', 'confirmed'),
    by: suite('state/incremental.test.ts', 'IS-1: parts that an unconfirmed cut replaced'),
  },
  {
    name: 'no-pre-image', class: 'I', bug: 'an entry that changes before its slice is written as it is by then',
    patches: without('state/change-log.ts', '    this.#beforeChange?.(key, slot)\n'),
    by: seeds(3000),
  },
  {
    name: 'removals-forgotten', class: 'I', bug: 'an entry that was removed is back after a restore',
    patches: without('state/segment-chain.ts', '      while (gone.remaining > 0) live.delete(readId(gone, removed.bytes, bag))\n'),
    by: suite('state/incremental.test.ts', 'IS-1, SL-1, CG-2'),
  },
  {
    name: 'map-removals-forgotten', class: 'I', bug: 'an entry that was removed from a map is back after a restore',
    patches: one('state/patch.ts', 'this.#entries.delete(readText(reader, bytes))', 'readText(reader, bytes)'),
    by: suite('state/patch.test.ts', 'PH-1, PH-2'),
  },
  {
    name: 'map-not-held', class: 'I', bug: 'a map that changes while it waits to be encoded is written as it is by then',
    patches: one('state/parts-log.ts', '    if (this.#needs(slot)) this.#hold(key, slot)\n    slot.touched = this.epoch\n', '    slot.touched = this.epoch\n'),
    by: suite('state/map-increments.test.ts', 'HM-1, MV-2, MK-1, IS-1'),
  },
  {
    name: 'map-entry-at-its-old-place', class: 'I', bug: 'an entry of a map that was removed and set again is restored at its old place',
    patches: one('state/map-table.ts', '    yield* this.inSteps(next.gone, (key) => one.remove(key))\n', ''),
    by: suite('state/map-increments.test.ts', 'HM-1, MV-2, MK-1, IS-1'),
  },
  {
    name: 'list-kept-by-its-newest', class: 'I', bug: 'a list that was set anew, and then added to, is restored with what it was before',
    patches: one('state/list-table.ts', 'Math.min(one.kept, next.kept)', 'next.kept'),
    by: suite('state/list-increments.test.ts', 'HM-1, MV-2, LX-1, IS-1'),
  },
  {
    name: 'list-patched-though-trimmed', class: 'I', bug: 'a list of which a base lacks what had expired loses items that had not',
    patches: one('state/list-table.ts', 'cell.trimmed || added', 'added'),
    by: suite('state/list-increments.test.ts', 'PH-2'),
  },
  {
    name: 'timer-known-by-its-key', class: 'I', bug: 'of two timers of a key one is gone after a restore',
    patches: one('state/snapshot.ts', "kind === 'timers'\n", 'kind === undefined\n'),
    by: suite('operator/timer-increments.test.ts', 'TS-5, TI-1, TI-2, IS-1'),
  },
  {
    name: 'fired-timer-stays', class: 'I', bug: 'a timer that fired between two checkpoints fires again after a restore',
    patches: without('operator/passing-log.ts', '      this.#changes.goneKeys.push(entry.key)\n      this.#changes.goneSlots.push(entry)\n'),
    by: suite('operator/timer-increments.test.ts', 'TS-5, TI-1, TI-2, IS-1'),
  },
  {
    name: 'timer-lost-while-written', class: 'I', bug: 'a timer that fires while a checkpoint is written is not in it',
    patches: without('operator/passing-log.ts', '    if (!isNew) this.#beforeChange?.(entry.key, entry)\n'),
    by: suite('operator/timer-increments.test.ts', 'TS-5, TI-1, TI-2, IS-1'),
  },
  {
    name: 'cut-of-the-live-table', class: 'I', bug: 'a cut of state on disk holds what was written to the disk after it',
    patches: one(
      'state/paged/paged-cells.ts', '    this.#view = this.#table.view()\n',
      '    const table = this.#table\n    this.#view = { get: (key) => table.get(key), entries: () => table.entriesAfter(undefined), close() {} }\n',
    ),
    by: suite('state/backends-agree.test.ts', 'PK-1 to PK-4'),
  },
  {
    name: 'cut-without-the-dirty', class: 'I', bug: 'a cut of state on disk lacks what was only in memory',
    patches: one('state/paged/paged-cells.ts', '    this.flush()\n    this.written()\n', '    this.written()\n'),
    by: suite('state/backends-agree.test.ts', 'PK-1 to PK-4'),
  },
  {
    name: 'dirty-let-go', class: 'I', bug: 'a changed cell that left the cache before it was written is read as it was before',
    patches: one('state/paged/paged-cells.ts', '    let slot = this.#dirty.get(key)\n', '    let slot = this.#dirty.get(key) === null ? null : undefined\n'),
    by: suite('state/backends-agree.test.ts', 'PK-1 to PK-4'),
  },
  {
    name: 'row-asked-for-last', class: 'I', bug: 'an increment of accumulators kept as numbers holds under each key what another one has',
    patches: one('state/slices.ts', 'table.slotOf === undefined ? changes.slots[this.#at] as Slot : table.slotOf(key)', 'changes.slots[this.#at] as Slot'),
    by: suite('operator/rolling-numbers.test.ts', 'RA-1'),
  },
  {
    name: 'removals-after-entries', class: 'I', bug: 'a key that was removed and set again is removed',
    patches: without('state/slices.ts', "    if (this.#removing && this.#work.kind === 'changes') return []\n"),
    by: suite('state/incremental.test.ts', 'SL-3'),
  },
  {
    name: 'forgotten-windows-back', class: 'I', bug: 'a window that was forgotten is in the increments after it',
    patches: one('operator/open-windows.ts', 'for (const each of windows.splice(0, over)) this.table.forget(each)', 'windows.splice(0, over)'),
    by: suite('operator/window-increments.test.ts', 'WX-1, OS-4, SL-1, IS-1'),
  },
  {
    name: 'forgotten-too-early', class: 'I', bug: 'a window that is forgotten while it waits to be encoded is lost',
    patches: one('operator/window-cells.ts', 'window.leftIn = this.log.epoch', 'window.leftIn = this.log.epoch - 1'),
    by: suite('operator/window-increments.test.ts', 'WX-1, OS-4, SL-1, IS-1'),
  },
  {
    name: 'session-not-told', class: 'I', bug: 'a session that another one joins is written as it is by then',
    patches: without('operator/window-sessions.ts', '    open.touch(key)\n'),
    by: suite('operator/window-increments.test.ts', 'WX-1, OS-4, SL-1, IS-1'),
  },
  {
    name: 'content-not-told', class: 'I', bug: 'what a window with a trigger holds is written as it is by the time of its turn',
    patches: without('operator/window-general.ts', '    if (before !== undefined) table.touch(key, stateWindow)\n'),
    by: suite('operator/window-increments.test.ts', 'WX-1, OS-4, SL-1, IS-1'),
  },
  {
    name: 'forgotten-panes-back', class: 'I', bug: 'a pane that was forgotten is in the increments after it',
    patches: one('operator/open-panes.ts', 'for (const pane of this.#panes.splice(0, over)) this.table.forget(pane)', 'this.#panes.splice(0, over)'),
    by: suite('operator/window-increments.test.ts', 'WX-1, OS-4, SL-1, IS-1'),
  },
  {
    name: 'row-not-told', class: 'I', bug: 'a row that joins others of its key is not in the increment after it',
    patches: one('operator/join/time-buffer.ts', '    if (end === this.#head) this.#enter()\n    else this.#touch()\n', '    if (end === this.#head) this.#enter()\n'),
    by: suite('operator/join/join-increments.test.ts', 'TB-4'),
  },
  {
    name: 'match-not-told', class: 'I', bug: 'a match in progress is written as it is by the time of its turn',
    patches: without('operator/cep/match-operator.ts', '    if (!wasEmpty) table.touch(matches)\n'),
    by: suite('cep/match-increments.test.ts', 'MU-1'),
  },
  {
    name: 'files-in-use-collected', class: 'I', bug: 'collection takes files that an incremental checkpoint refers to',
    patches: one('checkpoint/gc.ts', 'fate: inUse(id, file)', 'fate: false'),
    by: seeds(3000),
  },
  {
    name: 'chain-out-of-order', class: 'I', bug: 'older changes come on top of newer ones',
    patches: one('task/segment-chains.ts', 'return [operator, [...kept, segments]] as const', 'return [operator, [...kept.slice(0, 1), segments, ...kept.slice(1)]] as const'),
    by: seeds(6000),
  },
  {
    name: 'cleaned-beside-damage', class: 'B', bug: 'older checkpoints are pruned although the newest is damaged',
    patches: one('checkpoint/clean.ts', 'return problems.length === 0 ? undefined : notCleaned(problems[0])', 'return undefined'),
    by: suite('checkpoint/clean.test.ts', 'CQ-2'),
  },
  {
    name: 'edited-for-its-original', class: 'B', bug: 'an edited savepoint passes for the one that it came from',
    patches: without('checkpoint/rewrite/rewrite.ts', '    jobId: newJobId(random),\n'),
    by: suite('checkpoint/rewrite.test.ts', 'RZ-3'),
  },
  {
    name: 'swept-alive', class: 'I', bug: 'the background takes what has not expired',
    patches: without('state/state-cells.ts', '      if (this.hasLive(slot.cell)) return\n'),
    by: suite('state/ttl-sweep.test.ts', 'TC-5 sweeping takes nothing'),
  },
  {
    name: 'swept-not-told', class: 'I', bug: 'what the background took is back after a restore',
    patches: without('state/cell-table.ts', '    this.log.removed(key, slot)\n'),
    by: suite('state/ttl-sweep.test.ts', 'TC-5 keys that are never'),
  },
  {
    name: 'expired-beside-the-cut', class: 'I', bug: 'what expires by event time while a base is written is not in it',
    patches: one('state/state-cells.ts', 'this.#expiry.alive(wrapped as Stamped, this.#cutAt)', 'this.#expiry.alive(wrapped as Stamped)'),
    by: suite('state/ttl.test.ts', 'TC-1'),
  },
  {
    name: 'shape-lost-ahead', class: 'B', bug: 'a window that is added up ahead of a shuffle is refused its own state',
    patches: without('graph/pre-aggregation.ts', '    ...(shape === undefined ? {} : { shape }),\n'),
    by: suite('evolution/unchanged.test.ts', 'named aggregates goes on'),
  },
  // ---- V: savepoints, and state directories that begin elsewhere -------------------------------------
  {
    name: 'savepoint-before-its-commits', class: 'V', bug: 'a savepoint stands before what it carries is committed',
    patches: one('checkpoint/live-savepoint.ts', 'if (awaited === undefined || !this.#confirmed(awaited.id, awaited.who)) return', 'if (awaited === undefined) return'),
    by: seeds(2000),
  },
  {
    name: 'savepoint-not-kept', class: 'V', bug: 'the checkpoint of a savepoint is collected while it is copied',
    patches: one('checkpoint/live-savepoint.ts', '    return this.#pinned\n', '    return undefined\n'),
    by: seeds(3000),
  },
  {
    name: 'overtaken-in-a-savepoint', class: 'V', bug: 'barriers of a savepoint overtake records',
    patches: without('checkpoint/coordinator.ts', " || kind === 'savepoint'"),
    by: seeds(2000),
  },
  {
    name: 'savepoint-name-not-durable', class: 'V', bug: 'a savepoint stands although the name of its manifest is not durable',
    patches: one(
      'checkpoint/write-savepoint.ts', 'from.bytes)\n    yield* storage.syncDirectory(checkpointsDirectory(path))\n', 'from.bytes)\n',
    ),
    by: seeds(400),
  },
  {
    name: 'debts-forgotten', class: 'V', bug: 'what a dead line had still to commit is nobody\'s when another begins from it',
    patches: one('job/settle.ts', 'const open = committables.length > 0 && !origin.committed', 'const open = false'),
    by: seeds(2000),
  },
  // ---- N: later versions of a job ---------------------------------------------------------------------
  {
    name: 'upgraded-without-its-version', class: 'N', bug: 'upgraded accumulators are written as if they were of the first version',
    patches: one('operator/rolling.ts', 'kind: state.kind, version: state.version,', 'kind: state.kind, version: 1,'),
    by: seeds(2000),
  },
  {
    name: 'items-not-upgraded', class: 'N', bug: 'the items of a list stay what the older version stored',
    patches: one('state/evolution/migrate.ts', 'return (held as unknown[]).map((item) => one(item, { key }))', 'return held'),
    by: seeds(2000),
  },
  {
    name: 'former-name-not-restored', class: 'N', bug: 'an operator with a new name starts without its state',
    patches: one('host/deployment.ts', 'for (const name of names) {', 'for (const name of names.slice(0, 1)) {'),
    by: seeds(400),
  },
  {
    name: 'former-state-not-found', class: 'N', bug: 'a state with a new name is not looked for under its former one',
    patches: one('state/evolution/migrate.ts', 'for (const one of [name, ...was])', 'for (const one of [name].slice(0, 1 + 0 * was.length))'),
    by: seeds(2000),
  },
  // ---- cleaning by hand ---------------------------------------------------------------------------------
  {
    name: 'unused-state-stays', class: 'B', bug: 'state files that no checkpoint names are left by a collection of their own term',
    patches: one('checkpoint/gc.ts', "return epoch <= policy.mine ? 'delete' : 'keep'", "return epoch < policy.mine ? 'delete' : 'keep'"),
    by: seeds(400),
  },
  {
    name: 'leftovers-of-starts-stay', class: 'B', bug: 'what a start left that died before its term is never cleaned up',
    patches: without('checkpoint/clean.ts', '    ...(running ? {} : { alone: true as const }),\n'),
    by: seeds(2000),
  },
  {
    name: 'cleaned-on-a-broken-chain', class: 'B', bug: 'a state directory is cleaned although its newest term is damaged',
    patches: [
      { file: 'checkpoint/clean.ts', find: '  if (damagedTerm?.kind === \'damaged\') return notCleaned(damagedTerm.error)\n', replace: '' },
      { file: 'checkpoint/clean.ts', find: "  if (decision.kind === 'refuse') return notCleaned(decision.error)\n", replace: '' },
    ],
    by: suite('simulation/found.test.ts', 'a dead state directory whose newest term is damaged'),
  },
  {
    name: 'begun-from-an-older-one', class: 'V', bug: 'another directory begins from an older checkpoint where the newest term is damaged',
    patches: without('checkpoint/savepoint.ts', '  if (broken !== undefined) throw broken\n'),
    by: suite('simulation/found.test.ts', 'a dead state directory whose newest term is damaged'),
  },
  {
    name: 'brought-in-again', class: 'V', bug: 'what a directory began from is brought in again where its newest term is damaged',
    patches: without('checkpoint/begin-from.ts', '  if (broken !== undefined) throw broken\n'),
    by: suite('simulation/found.test.ts', 'does not go back to it'),
  },
  {
    name: 'refused-place-cleared', class: 'V', bug: 'a stop that is given up clears the place that its savepoint was refused',
    patches: without('job/stop-place.ts', '      // Whoever waits for the place is told.\n      return\n'),
    by: suite('job/stop-place.test.ts', 'SZ-1'),
  },
  {
    name: 'claimed-goes-too-early', class: 'V', bug: 'a claimed savepoint goes before the job that claimed it has a checkpoint',
    patches: one('job/job-supervisor.ts', '    this.#begun = true\n', '    this.#begun = true\n    this.#claimed.onCompleted()\n'),
    by: seeds(3000),
  },
  {
    name: 'succeeded-state-stays', class: 'B', bug: 'state that a succeeded writer left beside a checkpoint that stays is never collected',
    patches: one('checkpoint/gc.ts', 'policy.floor || damaged.has(id)', 'policy.floor || kept.has(id)'),
    by: suite('simulation/found.test.ts', 'goes with the next collection'),
  },
  {
    name: 'claims-of-terms-stay', class: 'B', bug: 'what a start left that died while claiming a term is never cleaned up',
    patches: one('checkpoint/gc.ts', 'return alone === true && !isLabel', 'return alone === true && epoch === mine && !isLabel'),
    by: suite('simulation/found.test.ts', 'leaves nothing that cleaning does not find'),
  },
  // ---- R: another parallelism -----------------------------------------------------------------------------
  {
    name: 'items-of-those-that-left', class: 'R', bug: 'what subtasks held that are no more is lost at a lower parallelism',
    patches: one('state/restore.ts', 'return everything().filter((_, i) => i % parallelism === subtask)', 'return parts[subtask]?.items ?? []'),
    by: seeds(400),
  },
  {
    name: 'change-never-told', class: 'R', bug: 'who changed the parallelism of a running job is not told that it was done',
    patches: without('host/live-rescale.ts', "    done({ kind: 'rescaled', ...rescaled })\n"),
    by: seeds(400),
  },
  {
    name: 'asked-of-an-ending-job', class: 'R', bug: 'who changes the parallelism of a job that ends meanwhile is never answered',
    patches: without(
      'host/live-rescale.ts',
      "    this.#giveUp(end.kind === 'failed' ? `it has failed: ${end.error.message}`\n      : end.kind === 'stopped' ? 'it was stopped meanwhile' : 'its input has ended')\n",
    ),
    by: seeds(2000),
  },
  // ---- W: threads that die ----------------------------------------------------------------------------------
  {
    name: 'death-is-no-failure', class: 'W', bug: 'a job goes on without the subtasks of a thread that died',
    patches: without('job/job-attempt.ts', '    this.#failover.onFailure(touched.flat(), error)\n'),
    by: seeds(50),
  },
  {
    name: 'sealed-although-it-died', class: 'W', bug: 'a checkpoint completes without the file of a thread that died before it was durable',
    patches: [
      { file: 'job/job-attempt.ts', find: 'const parts = yield* all([this.#sealOwn', replace: 'const parts = yield* survivors([this.#sealOwn' },
      {
        file: 'job/job-attempt.ts', find: 'function* none(): Io<readonly never[]> {\n  return []\n}\n',
        replace: 'function* none(): Io<readonly never[]> {\n  return []\n}\n\nfunction* survivors<T>(ios: readonly Io<readonly T[]>[]): Io<(readonly T[])[]> {\n  const kept: (readonly T[])[] = []\n  for (const io of ios) {\n    try {\n      kept.push(yield* io)\n    } catch {}\n  }\n  return kept\n}\n',
      },
    ],
    by: seeds(400),
  },
  // ---- the switch by age ------------------------------------------------------------------------------------
  {
    name: 'switch-told-to-all', class: 'U', bug: 'subtasks that have acknowledged are told to wait for no barrier, too',
    patches: one('checkpoint/coordinator.ts', 'for (const to of pending.waiting) this.#host.send', 'for (const to of pending.plan.wait) this.#host.send'),
    by: suite('checkpoint/coordinator.test.ts', 'at its age, and once'),
  },
  {
    name: 'switch-outlasts-its-checkpoint', class: 'U', bug: 'once a checkpoint was too old, barriers overtake at once in all later ones',
    patches: without('task/barrier-handler.ts', '    this.#overtaking = false\n'),
    by: suite('task/barrier-handler.test.ts', 'a newer checkpoint begins aligned again'),
  },
  {
    name: 'overtaken-where-nothing-is-recorded', class: 'U', bug: 'a checkpoint that is too old passes records which cannot be recorded',
    patches: without('task/barrier-handler.ts', ' && missing.every(this.#recordable)'),
    by: suite('task/barrier-handler.test.ts', 'BH-5: what cannot be recorded'),
  },
  // ---- L: regions that restart alone ----------------------------------------------------------------
  {
    name: 'older-checkpoint-gone-back-to', class: 'L', bug: 'a region does not wait for the checkpoint that is being completed',
    patches: without('checkpoint/coordinator.ts', '    if (this.#pending !== undefined) yield* wait<void>((done) => void this.#quiet.push(done))\n    this.#rewinding -= 1\n'),
    by: seeds(2000),
  },
  {
    name: 'splits-of-the-start', class: 'L', bug: 'the splits of a region are those of the start of the attempt',
    patches: one('job/job-attempt.ts', 'this.#createEnumerator(vertex, restored)', 'this.#createEnumerator(vertex, this.#init.restored)'),
    by: seeds(2000),
  },
  {
    name: 'parts-of-others-removed', class: 'L', bug: 'a region that goes back clears away what the others have staged',
    patches: one('job/job-supervisor.ts', 'this.#removeAbandoned(opened, restored, manifest?.checkpoint, operators)', 'this.#removeAbandoned(opened, restored, manifest?.checkpoint)'),
    by: seeds(2000),
  },
  {
    name: 'region-too-large', class: 'L', bug: 'what has not failed is started again with what has',
    patches: one('host/deployment.ts', 'if (part.vertices?.has(vertex.index) === false) continue', 'if (part.vertices?.size === 0) continue'),
    by: seeds(2000),
  },
]

/** One of each class, of the quickest: what every run of the tests does. */
export const QUICK = [
  'live-parts-removed', 'carry-dropped', 'stop-does-not-await-commits', 'timers-not-restored', 'watermark-goes-back',
  'splits-not-given-back', 'commit-before-manifest',
]
