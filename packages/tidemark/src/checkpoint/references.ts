/**
 * Names of checkpoints as people write them, and the manifest that one of them means.
 *
 *   latest, latest-1 …   the newest that the next start would go on from, and those before it
 *   42                   by number, also one that no start would restore
 *   @before-deploy       by label (labels.ts)
 *
 * Called by whatever takes a reference: the command line, inspection. Where the directory stands before it
 * (DIR#latest-1) the command line has taken it off.
 *
 *   RF-1  A reference means the same everywhere: there is no other place that takes one apart.
 *   RF-2  A checkpoint counts even where it cannot be read, as the newest does at a start: its damage is reported,
 *         another one is never given in its place.
 */
import { didYouMean } from '../base/did-you-mean.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { E047_NO_SUCH_CHECKPOINT } from './errors.ts'
import { E144_NO_SUCH_LABEL } from './inspection/errors.ts'
import { readLabels, type Label } from './labels.ts'
import { isLabelName, savepointFile } from './layout.ts'
import type { Manifest } from './manifest.ts'
import type { Facts, ManifestFact } from './read.ts'
import { reachableManifests } from './recover.ts'

export type Reference =
  | { readonly kind: 'latest'; readonly back: number }
  | { readonly kind: 'number'; readonly id: number }
  | { readonly kind: 'label'; readonly name: string }

const LATEST = /^latest(?:-([0-9]{1,4}))?$/
const NUMBER = /^[1-9][0-9]{0,15}$/

export const isReference = (text: string): boolean => parseReference(text) !== undefined

/** Undefined: it is no form of a reference. */
export function parseReference(text: string): Reference | undefined {
  const latest = LATEST.exec(text)
  if (latest !== null) return { kind: 'latest', back: Number(latest[1] ?? 0) }
  if (NUMBER.test(text)) return { kind: 'number', id: Number(text) }
  const name = text.slice(1)
  return text.startsWith('@') && isLabelName(name) ? { kind: 'label', name } : undefined
}

/**
 * The manifest that `text` means in a state directory, or in a savepoint, whose only checkpoint is its latest.
 * Throws E047, E144, or the error of a damaged manifest.
 */
export function* findManifest(storage: Storage, directory: string, facts: Facts, text: string): Io<Manifest> {
  const labels = yield* readLabels(storage, directory)
  const { line } = yield* readLine(storage, directory, facts)
  return resolve(directory, facts, line, labels, text)
}

/** What counts for `latest`, ascending: of a savepoint all there is, since it knows no terms; damaged ones, too (RF-2). */
export function* readLine(
  storage: Storage, directory: string, facts: Facts,
): Io<{ readonly savepoint: boolean; readonly line: readonly ManifestFact[] }> {
  const savepoint = (yield* storage.stat(savepointFile(directory))) !== undefined
  const reachable = new Set(reachableManifests(facts))
  const line = facts.manifests.filter((fact) => savepoint || fact.kind === 'damaged' || reachable.has(fact.manifest))
  return { savepoint, line }
}

function resolve(
  directory: string, facts: Facts, line: readonly ManifestFact[], labels: readonly Label[], text: string,
): Manifest {
  const reference = parseReference(text)
  const present = facts.manifests.map((fact) => fact.id)
  const absent = (): Error => E047_NO_SUCH_CHECKPOINT({ directory, ref: text, present })
  if (reference === undefined) throw absent()
  if (reference.kind === 'latest') {
    return readable(line.at(-1 - reference.back), absent)
  }
  const id = reference.kind === 'number' ? reference.id : labelled(directory, labels, reference.name)
  return readable(facts.manifests.find((candidate) => candidate.id === id), absent)
}

function readable(fact: ManifestFact | undefined, absent: () => Error): Manifest {
  if (fact === undefined) throw absent()
  if (fact.kind === 'damaged') throw fact.error
  return fact.manifest
}

function labelled(directory: string, labels: readonly Label[], name: string): number {
  // While a label moves both places have it; the newer one is where it goes.
  const found = labels.findLast((label) => label.name === name)
  if (found !== undefined) return found.checkpoint
  const present = labels.map((label) => label.name)
  throw E144_NO_SUCH_LABEL({ directory, label: name, near: didYouMean(name, present), present })
}
