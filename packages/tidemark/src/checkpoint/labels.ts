/**
 * Names that people give to checkpoints: `@before-deploy`. What has a label is kept by garbage collection.
 *
 * A label is a file DIR/label-<checkpoint>-<name>, claimed by link(): its name says everything, so that
 * collection learns all labels from the listing that it makes anyway. Called by the command line, also while
 * a job runs.
 *
 *   LB-1  A label that was given is durable, and so is its checkpoint; `setLabel` takes it back and fails if
 *         collection was faster.
 *   LB-2  A label that moves is at its new place before it leaves the old one: at no instant is it nowhere.
 *   LB-3  A checkpoint with a label is not collected. Collection announces which numbers may go before it looks
 *         for labels; here the label comes before the look for announcements. So either collection has seen the
 *         label, or its announcement is seen here, and is waited for.
 */
import type { CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { claim, encodeDocument, quietly } from './document.ts'
import { newestEpoch } from './epochs.ts'
import { E143_CHECKPOINT_COLLECTED, E144_NO_SUCH_LABEL, E147_BAD_NAME } from './inspection/errors.ts'
import { isLabelName, labelFile, manifestFile, parseLabel, parseRemoving, temporaryName } from './layout.ts'
import { didYouMean } from '../base/did-you-mean.ts'

export interface Label {
  readonly name: string
  readonly checkpoint: CheckpointId
}

/** Of the names in a state directory; ascending by checkpoint, then by name. */
export function labelsIn(root: readonly string[]): Label[] {
  return root
    .map(parseLabel)
    .filter((label) => label !== undefined)
    .toSorted((a, b) => a.checkpoint - b.checkpoint || (a.name < b.name ? -1 : 1))
}

export function* readLabels(storage: Storage, directory: string): Io<Label[]> {
  return labelsIn((yield* storage.list(directory)) ?? [])
}

/** Throws E147. */
export function checkLabelName(given: string): string {
  const name = given.startsWith('@') ? given.slice(1) : given
  if (isLabelName(name)) return name
  throw E147_BAD_NAME({ given, what: 'label', problem: 'its characters are not those of a label' })
}

export interface LabelPorts {
  readonly storage: Storage
  /** Chance, for a temporary name. */
  readonly salt: number
  /** Lets a moment pass: some tens of milliseconds. */
  readonly pause: () => Io<void>
}

/** Collection removes a few manifests at a time, within milliseconds. */
const MOST_PAUSES = 60

/**
 * Gives `name` to the checkpoint, taking it from any other. Throws E143 if the checkpoint was collected
 * meanwhile, or if a collection that may remove it does not come to its end.
 */
export function* setLabel(
  { storage, salt, pause }: LabelPorts, directory: string, checkpoint: CheckpointId, name: string,
): Io<{ readonly movedFrom: readonly CheckpointId[] }> {
  const before = (yield* readLabels(storage, directory)).filter((label) => label.name === name)
  const epoch = (yield* newestEpoch(storage, directory)) ?? 0
  const path = labelFile(directory, checkpoint, name)
  const at = { directory, temporary: temporaryName(epoch, 'label', salt), path }
  const outcome = yield* claim(storage, at, encodeDocument('mark', { mark: 'label', checkpoint, label: name }))
  let removing = yield* mayBeRemoved(storage, directory, checkpoint)
  for (let pauses = 0; removing && pauses < MOST_PAUSES; pauses++) {
    yield* pause()
    removing = yield* mayBeRemoved(storage, directory, checkpoint)
  }
  if (removing || (yield* storage.stat(manifestFile(directory, checkpoint))) === undefined) {
    if (outcome === 'claimed') yield* quietly(storage.unlink(path))
    throw E143_CHECKPOINT_COLLECTED({ directory, checkpoint })
  }
  const old = before.filter((label) => label.checkpoint !== checkpoint)
  yield* removeAll(storage, directory, old)
  return { movedFrom: old.map((label) => label.checkpoint) }
}

function* mayBeRemoved(storage: Storage, directory: string, checkpoint: CheckpointId): Io<boolean> {
  const names = (yield* storage.list(directory)) ?? []
  return names.some((name) => checkpoint <= (parseRemoving(name) ?? 0))
}

/** Throws E144. The checkpoint then lives as long as any other. */
export function* removeLabel(storage: Storage, directory: string, name: string): Io<void> {
  const labels = yield* readLabels(storage, directory)
  const found = labels.filter((label) => label.name === name)
  if (found.length === 0) {
    const present = labels.map((label) => label.name)
    throw E144_NO_SUCH_LABEL({ directory, label: name, near: didYouMean(name, present), present })
  }
  yield* removeAll(storage, directory, found)
}

function* removeAll(storage: Storage, directory: string, labels: readonly Label[]): Io<void> {
  for (const { checkpoint, name } of labels) yield* storage.unlink(labelFile(directory, checkpoint, name))
  if (labels.length > 0) yield* storage.syncDirectory(directory)
}
