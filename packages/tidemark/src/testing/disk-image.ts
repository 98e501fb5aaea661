/**
 * All files of a simulated disk as plain bytes, and a disk made of them again.
 *
 * A checkpoint handle of the harness holds one, so that it outlives the garbage collection of the job
 * and can be given to another harness.
 */
import { start, type Io } from '../base/io.ts'
import { SimulatedFile, type SimulatedDirectory } from '../host/simulator/inodes.ts'
import { SimulatedDisk } from '../host/simulator/storage.ts'

/** Path to bytes; of an empty directory nothing is kept. */
export type DiskImage = ReadonlyMap<string, Uint8Array>

export function imageOf(disk: SimulatedDisk): DiskImage {
  const image = new Map<string, Uint8Array>()
  const visit = (directory: SimulatedDirectory, path: string): void => {
    for (const [name, inode] of directory.entries) {
      if (inode instanceof SimulatedFile) image.set(`${path}/${name}`, inode.read(0, inode.length))
      else visit(inode, `${path}/${name}`)
    }
  }
  visit(disk.root, '')
  return image
}

export function diskOf(image: DiskImage): SimulatedDisk {
  const disk = new SimulatedDisk()
  const storage = disk.mount()
  function* write(): Io<void> {
    for (const [path, bytes] of image) {
      yield* storage.makeDirectory(path.slice(0, path.lastIndexOf('/')))
      const file = yield* storage.create(path)
      yield* storage.append(file, bytes)
      yield* storage.sync(file)
      yield* storage.close(file)
    }
  }
  start(write(), (outcome) => {
    if (!outcome.ok) throw outcome.error
  })
  return disk
}
