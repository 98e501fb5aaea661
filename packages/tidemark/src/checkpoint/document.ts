/**
 * Checksummed text documents: manifests, epoch records, the identity of a directory.
 *
 *   TIDEMARK <kind> <format version> <crc32, 8 hex digits> <bytes of the body>\n
 *   { pretty JSON }
 *
 * Readable with `less`, checked before it is believed. Called by everything that writes or reads
 * one of them; paths are passed only for messages.
 *
 *   DC-1  The checksum covers kind, version and body, so that no single flipped bit passes, not even
 *         as "written by a newer version".
 *   DC-2  The body has exactly the length the first line says: a torn or longer file is refused.
 *   DC-3  A version above ours is refused after the checksum held, naming both.
 *
 * Source: own design (D7).
 */
import { crc32 } from '../base/crc32.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { E050_DOCUMENT_DAMAGED, E059_NEWER_FORMAT } from './errors.ts'

export type DocumentKind = 'job' | 'epoch' | 'start' | 'manifest' | 'mark' | 'origin' | 'savepoint' | 'claim'
export const FORMAT_VERSION = 1

const HEADER = /^TIDEMARK ([a-z]+) ([1-9][0-9]{0,6}) ([0-9a-f]{8}) (0|[1-9][0-9]{0,9})\n/
const LONGEST_HEADER = 80
const NEWLINE = 10
const encoder = new TextEncoder()
// One for all: making one costs more than decoding a document with it.
const decoder = new TextDecoder('utf-8', { fatal: true })

function checksum(kind: string, version: number, body: Uint8Array): string {
  const head = crc32(encoder.encode(`${kind} ${version}\n`))
  return crc32(body, head).toString(16).padStart(8, '0')
}

export function encodeDocument(kind: DocumentKind, value: unknown, version = FORMAT_VERSION): Uint8Array {
  const body = encoder.encode(`${JSON.stringify(value, null, 2)}\n`)
  const head = encoder.encode(`TIDEMARK ${kind} ${version} ${checksum(kind, version, body)} ${body.length}\n`)
  const bytes = new Uint8Array(head.length + body.length)
  bytes.set(head)
  bytes.set(body, head.length)
  return bytes
}

/** The JSON value; throws E050 (damaged) or E059 (newer). `file` is for the message. */
export function parseDocument(kind: DocumentKind, bytes: Uint8Array, file: string): unknown {
  const damaged = (offset: number, problem: string): Error =>
    E050_DOCUMENT_DAMAGED({ file, offset, problem }, { place: { file, position: `byte ${offset}` } })
  const newline = bytes.subarray(0, LONGEST_HEADER).indexOf(NEWLINE)
  let start = ''
  for (let i = 0; i <= newline; i++) start += String.fromCharCode(bytes[i] as number)
  const match = HEADER.exec(start)
  if (match === null) {
    throw damaged(0, bytes.length === 0 ? 'it is empty' : 'the first line is not that of a Tidemark document')
  }
  const [head, foundKind, versionText, sum, lengthText] = match as unknown as [string, string, string, string, string]
  const body = bytes.subarray(head.length)
  const length = Number(lengthText)
  if (body.length !== length) {
    throw damaged(bytes.length, `it should hold ${length} bytes after its first line and holds ${body.length}`)
  }
  const version = Number(versionText)
  if (checksum(foundKind, version, body) !== sum) throw damaged(head.length, 'the checksum does not match')
  if (foundKind !== kind) throw damaged(0, `it is a document of kind ${foundKind} in the place of a ${kind}`)
  if (version > FORMAT_VERSION) throw E059_NEWER_FORMAT({ file, kind, found: version, known: FORMAT_VERSION })
  try {
    return JSON.parse(decoder.decode(body)) as unknown
  } catch {
    throw damaged(head.length, 'the text is not JSON')
  }
}

/** Writes a new file and makes its content durable; the directory entry is the caller's matter. */
export function* writeDurably(
  storage: Storage, path: string, bytes: Uint8Array, appended?: () => void,
): Io<void> {
  const file = yield* storage.create(path)
  try {
    yield* storage.append(file, bytes)
    appended?.()
    yield* storage.sync(file)
  } catch (error) {
    // The file is dead after an error (ATC'20): it is closed and removed, never synced again.
    yield* quietly(storage.close(file))
    yield* quietly(storage.unlink(path))
    throw error
  }
  yield* storage.close(file)
}

/** Runs an Io whose failure changes nothing: cleaning up after another failure. */
export function* quietly(io: Io<unknown>): Io<void> {
  try {
    yield* io
  } catch {
    // What could not be removed is found by the next garbage collection.
  }
}

/**
 * temp, fsync, link, fsync of the directory: the claim of a name for ever (D7).
 *
 * 'exists' leaves no trace. An error before the link means that nothing was claimed; an error from
 * the link on means that it is not known, which `onLinking` tells the caller.
 */
export function* claim(
  storage: Storage,
  at: { readonly directory: string; readonly temporary: string; readonly path: string },
  bytes: Uint8Array,
  steps: {
    readonly created?: () => void
    readonly written?: () => void
    readonly linking?: () => void
    readonly linked?: () => void
  } = {},
): Io<'claimed' | 'exists'> {
  const temporary = `${at.directory}/${at.temporary}`
  yield* writeDurably(storage, temporary, bytes, steps.created)
  steps.written?.()
  steps.linking?.()
  let outcome: 'linked' | 'exists'
  try {
    outcome = yield* storage.link(temporary, at.path)
  } catch (error) {
    yield* quietly(storage.unlink(temporary))
    throw error
  }
  if (outcome === 'exists') {
    yield* quietly(storage.unlink(temporary))
    return 'exists'
  }
  steps.linked?.()
  yield* storage.syncDirectory(at.directory)
  yield* quietly(storage.unlink(temporary))
  return 'claimed'
}
