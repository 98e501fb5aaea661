/**
 * Savepoints: one completed checkpoint in a directory of its own that can be moved, copied and kept.
 *
 *   SAVEPOINT/savepoint.json, SAVEPOINT/checkpoints/<id>.manifest, SAVEPOINT/checkpoints/<id>/…
 *
 * This file says what a savepoint is and reads one; write-savepoint.ts makes one. Readable without the
 * user's code, at any parallelism, by any host.
 *
 *   SV-1  A directory is a savepoint iff it holds a whole `savepoint.json`. That is linked last, when
 *         everything it names is durable: half a savepoint is none.
 *   SV-2  It names its files by plain names, so that it may lie anywhere. Only what sources read and sinks
 *         wrote is named by path, since that is what positions and outputs refer to.
 *   SV-3  It pins its manifest by length and checksum, and the manifest its files.
 *   SV-4  What it carries for sinks belongs to the line it was taken from. `committed`: that line had
 *         committed all of it before the savepoint was made. Else whoever begins from it commits it first,
 *         in the name of that line (job/settle.ts).
 *
 * Source: Flink savepoints (rows C13, A12); decisions D1, D7; own format.
 */
import { crc32 } from '../base/crc32.ts'
import { isStreamError, reportOf, type ErrorReport } from '../base/errors.ts'
import { checkpointId, type CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { E055_FILE_MISSING } from '../base/storage-errors.ts'
import { parseDocument } from './document.ts'
import { readResource, type ResourceUse } from './epochs.ts'
import { E045_NEWEST_UNREADABLE, E047_NO_SUCH_CHECKPOINT, E050_DOCUMENT_DAMAGED } from './errors.ts'
import { E154_NOT_A_SAVEPOINT } from './errors-savepoint.ts'
import { verifyFiles, type CheckpointVerification } from './inspect.ts'
import { jobFile, manifestFile, savepointFile, takingFile } from './layout.ts'
import { fullBytes, parseManifest, type Manifest } from './manifest.ts'
import type { OpenedDirectory } from './open.ts'
import { readFacts, type Facts } from './read.ts'
import { brokenHead, reachableManifests, startsOf } from './recover.ts'
import { findManifest } from './references.ts'
import { Shape } from './shape.ts'

/** What `savepoint.json` says. */
export interface SavepointDocument {
  readonly checkpoint: CheckpointId
  readonly takenAtMs: number
  readonly engine: string
  readonly manifest: { readonly length: number; readonly crc32: number }
  readonly committed: boolean
  readonly resources: readonly ResourceUse[]
}

/** One completed checkpoint wherever it lies, with what is needed to go on from it elsewhere. */
export interface Restorable {
  readonly kind: 'savepoint' | 'directory'
  /** Laid out as a state directory. */
  readonly directory: string
  readonly manifest: Manifest
  /** Its manifest as it lies there. */
  readonly bytes: Uint8Array
  readonly resources: readonly ResourceUse[]
  readonly committed: boolean
}

const missing = (error: unknown): boolean =>
  isStreamError(error) && error.code === E055_FILE_MISSING.definition.code

export function* isSavepoint(storage: Storage, path: string): Io<boolean> {
  return (yield* storage.stat(savepointFile(path))) !== undefined
}

/** Throws E154 if there is none, E045 or E050 if it is damaged, E059 if it is newer. */
export function* readSavepoint(storage: Storage, path: string): Io<Restorable> {
  const file = savepointFile(path)
  let bytes: Uint8Array
  try {
    bytes = yield* storage.readWhole(file)
  } catch (error) {
    if (missing(error)) throw yield* notASavepoint(storage, path)
    throw error
  }
  const { checkpoint, manifest: pinned, resources, committed } = parseSavepoint(bytes, file)
  const named = manifestFile(path, checkpoint)
  let manifestBytes: Uint8Array
  try {
    manifestBytes = yield* storage.readWhole(named)
  } catch (error) {
    if (!missing(error)) throw error
    throw E045_NEWEST_UNREADABLE(
      { directory: path, checkpoint, problem: `${named} is missing`, older: undefined }, { cause: error },
    )
  }
  if (manifestBytes.length !== pinned.length || crc32(manifestBytes) !== pinned.crc32) {
    const problem = 'it is not the manifest that the savepoint was taken with'
    throw E050_DOCUMENT_DAMAGED({ file: named, offset: 0, problem })
  }
  const manifest = parseManifest(manifestBytes, named, checkpoint)
  return { kind: 'savepoint', directory: path, manifest, bytes: manifestBytes, resources, committed }
}

function* notASavepoint(storage: Storage, path: string): Io<Error> {
  const names = yield* storage.list(path)
  const found = names === undefined
    ? 'there is no such directory'
    : (yield* storage.stat(takingFile(path))) === undefined
      ? 'it has no savepoint.json'
      : 'the savepoint was cut short, or is still being written'
  return E154_NOT_A_SAVEPOINT({ path, found })
}

function parseSavepoint(bytes: Uint8Array, file: string): SavepointDocument {
  const shape = new Shape(parseDocument('savepoint', bytes, file), file)
  const manifest = shape.object('manifest')
  return {
    checkpoint: checkpointId(shape.integer('checkpoint', 1)),
    takenAtMs: shape.number('takenAtMs'),
    engine: shape.string('engine'),
    manifest: { length: manifest.integer('length'), crc32: manifest.integer('crc32') },
    committed: shape.boolean('committed'),
    resources: shape.list('resources', readResource),
  }
}

/**
 * A completed checkpoint of a state directory, that of a dead job as a rule. `ref`: a number, `latest`,
 * `latest-1`, `@label`. Throws E047 if there is none, or none that a start could go on from; E044 or E050 where it
 * cannot be known which those are.
 */
export function* restorableOf(storage: Storage, directory: string, ref = 'latest'): Io<Restorable> {
  const facts = yield* readFacts(storage, directory)
  const broken = brokenHead(directory, facts)
  if (broken !== undefined) throw broken
  const manifest = yield* findManifest(storage, directory, facts, ref)
  const reachable = reachableManifests(facts)
  if (!reachable.includes(manifest)) {
    throw E047_NO_SUCH_CHECKPOINT({ directory, ref, present: reachable.map(({ checkpoint }) => checkpoint) })
  }
  const bytes = yield* storage.readWhole(manifestFile(directory, manifest.checkpoint))
  return {
    kind: 'directory', directory, manifest, bytes, resources: resourcesOf(facts, manifest),
    committed: !hasOpenCommits(manifest) || endedWith(facts, manifest),
  }
}

/** `ref` of a state directory, or of a savepoint, whose only checkpoint has a number, too. Throws E047, E144, E154. */
export function* restorableAt(storage: Storage, directory: string, ref: string): Io<Restorable> {
  if (!(yield* isSavepoint(storage, directory))) return yield* restorableOf(storage, directory, ref)
  yield* findManifest(storage, directory, yield* readFacts(storage, directory), ref)
  return yield* readSavepoint(storage, directory)
}

/** One of a running job, or of one that has just ended, whose commits are all confirmed. */
export function* committedCheckpoint(storage: Storage, opened: OpenedDirectory, id: CheckpointId): Io<Restorable> {
  const { directory, known, start: { resources } } = opened
  const file = manifestFile(directory, id)
  const bytes = yield* storage.readWhole(file)
  const manifest = known.manifests.get(id) ?? parseManifest(bytes, file, id)
  return { kind: 'directory', directory, manifest, bytes, resources, committed: true }
}

/** What is begun from: a savepoint, or a state directory, of which `ref` or the newest counts. Throws E047, E144, E154. */
export function* findRestorable(storage: Storage, path: string, ref?: string): Io<Restorable> {
  const isJob = (yield* storage.stat(jobFile(path))) !== undefined
  if (isJob) return yield* restorableOf(storage, path, ref)
  const savepoint = yield* readSavepoint(storage, path)
  return ref === undefined ? savepoint : yield* restorableAt(storage, path, ref)
}

const resourcesOf = (facts: Facts, manifest: Manifest): readonly ResourceUse[] =>
  (startsOf(facts).find((start) => start.epoch === manifest.epoch) ?? startsOf(facts).at(-1))?.resources ?? []

/** A sink lists what it has not seen confirmed (operator/sink-operator.ts). */
function hasOpenCommits(manifest: Manifest): boolean {
  const operators = manifest.vertices.flatMap((vertex) => vertex.operators)
  const sinks = new Set(operators.filter(({ kind }) => kind === 'sink').map(({ name }) => name))
  const states = manifest.segments.filter(({ operator }) => sinks.has(operator)).flatMap((segment) => segment.states)
  return states.some(({ name, entries }) => name === 'pending' && entries > 0)
}

const endedWith = (facts: Facts, { lineage, checkpoint }: Manifest): boolean =>
  facts.finished.some((mark) => mark.lineage === lineage && mark.checkpoint === checkpoint)

/** Reads every byte of it. */
export function* verifySavepoint(storage: Storage, path: string): Io<CheckpointVerification> {
  const problems: ErrorReport[] = []
  const found = (error: unknown): void => {
    if (!isStreamError(error)) throw error
    problems.push(reportOf(error))
  }
  let manifest: Manifest | undefined
  try {
    manifest = (yield* readSavepoint(storage, path)).manifest
  } catch (error) {
    if (!isStreamError(error) || error.kind === 'not-found') throw error
    found(error)
  }
  if (manifest !== undefined) yield* verifyFiles(storage, path, manifest, found)
  return {
    schema: 'tidemark.checkpoint.verify/1',
    directory: path,
    id: manifest?.checkpoint ?? 0,
    ok: problems.length === 0,
    files: manifest?.files.length ?? 0,
    segments: manifest?.segments.length ?? 0,
    bytes: manifest === undefined ? 0 : fullBytes(manifest),
    problems,
  }
}
