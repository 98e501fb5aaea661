/**
 * The file sink's committer: makes staged parts visible under their final names.
 *
 * Owns nothing. Called by the engine after the manifest of a checkpoint is durable, and once per start
 * before any writer opens.
 *
 * Invariants
 *   FC-1  A final name is claimed by `link` and never overwritten (law SK-3: the same content under it is
 *         a commit that happened before; other content is E104).
 *   FC-2  The order is link, fsync of the directory, unlink of the staged name: at every instant one of
 *         both names is durable.
 *   FC-3  Neither name there, or content that is not ours, is never success (law SK-4).
 *   FC-4  Only names with the prefix of this job and this operator are ever removed, and none that a later
 *         term staged: a starter that was stopped and woken may come here after its successor has begun.
 *   FC-5  A part that an earlier term staged may have lain on the disk for long: it is read and compared
 *         before it gets its final name. One of this term was closed and synced moments ago.
 *   FC-6  Output of a checkpoint after the restored one refuses the start (E113), before anything is
 *         removed: the state is older than what was made of it, and its rows would come twice.
 */
import { crc32 } from 'node:zlib'
import { isStreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { all, type Io } from '../base/io.ts'
import type { FileHandle, Probe, Storage } from '../base/ports.ts'
import type { Committer, SinkContext } from '../graph/sink.ts'
import { E104_OUTPUT_IN_THE_WAY, E105_OUTPUT_LOST, E113_OUTPUT_AHEAD, type FileIdentity } from './errors.ts'
import { parseFinal, stagedEpoch, stagedPrefix } from './file-names.ts'
import type { FileCommittable } from './file-writer.ts'

const AT_ONCE = 16
const READ_BYTES = 1024 * 1024
const NAME = /^[^/\0]{1,255}$/

export class FileCommitter implements Committer {
  readonly #storage: Storage
  readonly #probe: Probe
  readonly #directory: string
  readonly #jobId: string
  readonly #operator: string
  readonly #epoch: number
  /** What the names staged in this term begin with. */
  readonly #ours: string

  constructor(context: SinkContext, directory: string) {
    this.#storage = context.storage
    this.#probe = context.ports.probe
    this.#directory = directory
    this.#jobId = context.jobId
    this.#operator = context.operator
    this.#epoch = context.epoch
    this.#ours = `${stagedPrefix(context.jobId, context.operator)}${context.epoch}~`
  }

  *commit(committables: readonly unknown[]): Io<void> {
    if (committables.length === 0) return
    const files = committables.map(checked)
    yield* inBatches(files.map((file, i) => ({ file, nth: i + 1 })), ({ file, nth }) => this.#claimNth(file, nth))
    yield* this.#storage.syncDirectory(this.#directory)
    yield* inBatches(files, (file) => this.#storage.unlink(this.#at(file.staged)))
  }

  *removeAbandoned(live: readonly unknown[], restored?: CheckpointId): Io<void> {
    const keep = new Set(live.map((committable) => checked(committable).staged))
    const names = (yield* this.#storage.list(this.#directory)) ?? []
    if (restored !== undefined) this.#refuseAhead(names, restored)
    const abandoned = names.filter((name) => {
      const epoch = stagedEpoch(name, this.#jobId, this.#operator)
      return epoch !== undefined && epoch <= this.#epoch && !keep.has(name)
    })
    yield* inBatches(abandoned, (name) => this.#storage.unlink(this.#at(name)))
  }

  /** FC-6. */
  #refuseAhead(names: readonly string[], restored: CheckpointId): void {
    const checkpointOf = (name: string): number => parseFinal(name, this.#jobId, this.#operator)?.checkpoint ?? 0
    const ahead = names.filter((name) => checkpointOf(name) > restored)
    const [file] = ahead
    if (file === undefined) return
    const newest = Math.max(...ahead.map(checkpointOf))
    const details = { directory: this.#directory, restored, newest, files: ahead }
    throw E113_OUTPUT_AHEAD(details, { place: { operator: this.#operator, file: this.#at(file), checkpoint: restored } })
  }

  *#claimNth(file: FileCommittable, nth: number): Io<void> {
    this.#probe(`commit.${nth}.before`)
    yield* this.#claim(file)
    this.#probe(`commit.${nth}.after`)
  }

  *#claim(file: FileCommittable): Io<void> {
    const staged = this.#at(file.staged)
    const info = yield* this.#storage.stat(staged)
    if (info === undefined) {
      yield* this.#wasCommitted(file, 'neither it nor its staged file is there')
      return
    }
    if (info.sizeBytes !== file.bytes) {
      const reason = `its staged file has ${info.sizeBytes} bytes instead of ${file.bytes}`
      throw E105_OUTPUT_LOST({ staged, final: this.#at(file.final), reason })
    }
    if (!file.staged.startsWith(this.#ours)) yield* this.#checkStaged(file)
    const outcome = yield* this.#link(staged, this.#at(file.final))
    if (outcome !== 'linked') yield* this.#wasCommitted(file, 'its staged file vanished')
  }

  /** FC-5. */
  *#checkStaged(file: FileCommittable): Io<void> {
    const staged = this.#at(file.staged)
    const found = yield* this.#contentOf(staged)
    if (found === undefined || (found.sizeBytes === file.bytes && found.crc32 === file.crc32)) return
    const reason = `the checksum of its staged file is ${found.crc32} instead of ${file.crc32}`
    throw E105_OUTPUT_LOST({ staged, final: this.#at(file.final), reason }, { place: { file: staged } })
  }

  *#link(from: string, to: string): Io<'linked' | 'exists' | 'missing'> {
    try {
      return yield* this.#storage.link(from, to)
    } catch (error) {
      if (isMissing(error)) return 'missing'
      throw error
    }
  }

  /** A writer that was stopped and woken may commit, and unlink, between any two looks of ours. */
  *#openIfThere(path: string): Io<FileHandle | undefined> {
    try {
      return yield* this.#storage.openRead(path)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** Ends well only if the final file is there with our content. */
  *#wasCommitted(file: FileCommittable, ifMissing: string): Io<void> {
    const final = this.#at(file.final)
    const found = yield* this.#contentOf(final)
    if (found === undefined) {
      throw E105_OUTPUT_LOST({ staged: this.#at(file.staged), final, reason: ifMissing }, { place: { file: final } })
    }
    const expected = { sizeBytes: file.bytes, crc32: file.crc32 }
    if (found.sizeBytes !== expected.sizeBytes || found.crc32 !== expected.crc32) {
      throw E104_OUTPUT_IN_THE_WAY({ file: final, expected, found }, { place: { file: final } })
    }
  }

  *#contentOf(path: string): Io<FileIdentity | undefined> {
    const file = yield* this.#openIfThere(path)
    if (file === undefined) return undefined
    try {
      let sizeBytes = 0
      let sum = 0
      for (;;) {
        const bytes = yield* this.#storage.read(file, sizeBytes, READ_BYTES)
        sizeBytes += bytes.length
        sum = crc32(bytes, sum)
        if (bytes.length < READ_BYTES) return { sizeBytes, crc32: sum }
      }
    } finally {
      yield* this.#storage.close(file)
    }
  }

  #at(name: string): string {
    return `${this.#directory}/${name}`
  }
}

const isMissing = (error: unknown): boolean => isStreamError(error) && error.code === 'E055'

function* inBatches<T>(items: readonly T[], run: (item: T) => Io<unknown>): Io<void> {
  for (let i = 0; i < items.length; i += AT_ONCE) yield* all(items.slice(i, i + AT_ONCE).map(run))
}

/** Committables come back from a checkpoint: a name may not lead out of the output directory. */
function checked(committable: unknown): FileCommittable {
  const file = committable as FileCommittable
  const good = typeof file === 'object' && file !== null && NAME.test(file.staged) && NAME.test(file.final) &&
    file.staged.startsWith('.') && !file.final.startsWith('.') &&
    Number.isSafeInteger(file.bytes) && Number.isSafeInteger(file.crc32)
  if (good) return file
  throw E105_OUTPUT_LOST({
    staged: '?', final: '?', reason: `the checkpoint holds no usable names for it: ${JSON.stringify(committable)}`,
  })
}
