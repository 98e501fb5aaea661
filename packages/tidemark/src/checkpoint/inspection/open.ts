/**
 * Finds a checkpoint by its reference, and the operators and states in it by their names.
 *
 * Called by the rest of this folder and by the command line.
 *
 *   IE-1  What is not there is an error that names what is, and the nearest name.
 */
import { didYouMean } from '../../base/did-you-mean.ts'
import { isStreamError } from '../../base/errors.ts'
import type { Io } from '../../base/io.ts'
import type { Storage } from '../../base/ports.ts'
import { quietly } from '../document.ts'
import type { Manifest } from '../manifest.ts'
import { readFacts, type Facts } from '../read.ts'
import { findManifest, parseReference } from '../references.ts'
import { E143_CHECKPOINT_COLLECTED, E145_NO_SUCH_STATE } from './errors.ts'
import { holdFiles, type HeldFiles } from './hold-files.ts'
import { partsOf, type OpenCheckpoint } from './operator-parts.ts'

const MOST_TRIES = 5

/**
 * Runs `body` over what `refs` mean, with the files of all of them held open (hold-files.ts). If a running job
 * collects one of them before that, or `body` says so (E143), all begins again where that may help: `latest` then
 * means a newer one. Throws what `findManifest` throws, and E143.
 */
export function* withCheckpoints<T>(
  storage: Storage,
  refs: readonly { readonly directory: string; readonly ref: string }[],
  body: (...opened: readonly OpenCheckpoint[]) => Io<T>,
): Io<T> {
  const moves = refs.some(({ ref }) => parseReference(ref)?.kind === 'latest')
  for (let tries = 1; ; tries++) {
    const held: HeldFiles[] = []
    let failure: unknown
    try {
      const result = yield* body(...(yield* openAll(storage, refs, held)))
      for (const files of held) yield* files.release()
      return result
    } catch (error) {
      failure = error
    }
    for (const files of held) yield* quietly(files.release())
    const collected = isStreamError(failure) && failure.code === E143_CHECKPOINT_COLLECTED.definition.code
    if (!collected || !moves || tries === MOST_TRIES) throw failure
  }
}

function* openAll(
  storage: Storage, refs: readonly { readonly directory: string; readonly ref: string }[], held: HeldFiles[],
): Io<OpenCheckpoint[]> {
  // Of one moment, so that latest-1 and latest are neighbours although the job goes on.
  const facts = new Map<string, Facts>()
  const opened: OpenCheckpoint[] = []
  for (const { directory, ref } of refs) {
    const known = facts.get(directory) ?? (yield* readFacts(storage, directory))
    facts.set(directory, known)
    const manifest = yield* findManifest(storage, directory, known, ref)
    const files = yield* holdFiles(storage, directory, manifest)
    held.push(files)
    opened.push({ storage: files, directory, manifest })
  }
  return opened
}

/** Names of operators that have state, in the order of the manifest. */
export const operatorsIn = (manifest: Manifest): readonly string[] =>
  [...new Set(manifest.segments.map((segment) => segment.operator))]

export interface StateName {
  readonly name: string
  /** As in the manifest: `value`, `timers`, `operator-list` … */
  readonly kind: string
  readonly keyed: boolean
  readonly entries: number
  /** As they lie in files, what increments have replaced included. */
  readonly bytes: number
  /**
   * Present where a part of it consists of several segments: entries in all of them, of which one that changed
   * counts once for each that holds it. `entries` is then as much until they are counted (live-counts.ts).
   */
  readonly records?: number
}

/** Of one operator, summed over its parts, as the manifest says. */
export function statesIn(manifest: Manifest, operator: string): readonly StateName[] {
  const states = new Map<string, StateName>()
  for (const { segments } of partsOf(manifest, operator)) {
    const seen = new Set<string>()
    for (const segment of segments) {
      for (const { name, kind, entries, bytes } of segment.states) {
        const keyed = isKeyedKind(kind)
        // Each checkpoint writes its lists anew: those of the last segment are all there are.
        if (!keyed && segment !== segments.at(-1)) continue
        const id = `${kind} ${name}`
        const sum = states.get(id) ?? { name, kind, keyed, entries: 0, bytes: 0 }
        const total = sum.entries + entries
        const several = sum.records !== undefined || seen.has(id)
        states.set(id, { ...sum, entries: total, bytes: sum.bytes + bytes, ...(several ? { records: total } : {}) })
        seen.add(id)
      }
    }
  }
  return [...states.values()]
}

/** List states have kinds of their own (state/snapshot-format.ts): `operator-list`, `in-flight` … */
const isKeyedKind = (kind: string): boolean => !kind.startsWith('operator-') && kind !== 'in-flight'

/** Throws E145. */
export function findOperator(manifest: Manifest, operator: string): string {
  const present = operatorsIn(manifest)
  if (present.includes(operator)) return operator
  const where = `checkpoint #${manifest.checkpoint}`
  throw E145_NO_SUCH_STATE({ what: 'operator', name: operator, where, near: didYouMean(operator, present), present })
}

/** A keyed state where the operator has both kinds by that name. Throws E145. */
export function findState(manifest: Manifest, operator: string, state: string): StateName {
  const states = statesIn(manifest, findOperator(manifest, operator))
  const found = states.find(({ name, keyed }) => name === state && keyed) ?? states.find(({ name }) => name === state)
  if (found !== undefined) return found
  const present = [...new Set(states.map(({ name }) => name))]
  const where = `operator "${operator}" in checkpoint #${manifest.checkpoint}`
  throw E145_NO_SUCH_STATE({ what: 'state', name: state, where, near: didYouMean(state, present), present })
}
