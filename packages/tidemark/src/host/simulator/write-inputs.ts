/**
 * Puts the input files of a world on its disk, durably, before the first process starts.
 *
 * Called by the simulator. Nothing of it is part of the run: no fault happens to it.
 */
import { start, type Io } from '../../base/io.ts'
import type { SimulatedDisk } from './storage.ts'

export function writeInputs(
  disk: SimulatedDisk, files: readonly { readonly path: string; readonly text: string }[],
): void {
  if (files.length === 0) return
  const storage = disk.mount()
  function* write(): Io<void> {
    yield* storage.makeDirectory('/in')
    for (const { path, text } of files) {
      const file = yield* storage.create(path)
      yield* storage.append(file, new TextEncoder().encode(text))
      yield* storage.sync(file)
      yield* storage.close(file)
    }
    yield* storage.syncDirectory('/in')
    yield* storage.syncDirectory('/')
  }
  start(write(), (outcome) => {
    if (!outcome.ok) throw outcome.error
  })
}
