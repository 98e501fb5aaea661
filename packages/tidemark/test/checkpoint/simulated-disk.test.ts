/** The simulated disk is a Storage like any other, until the power goes. */
import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { SimulatedDisk, type Fate } from '../../src/host/simulator/storage.ts'
import { storageSuite } from '../host/storage.suite.ts'
import { outcomeOf, run } from './world.ts'

storageSuite('the simulated disk', () => {
  const storage = new SimulatedDisk().mount()
  run(storage.makeDirectory('/root/dir'))
  return { storage, root: '/root/dir', dispose: () => {} }
})

describe('a power cut', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

  test('takes unsynced bytes and unsynced entries, separately, and never what was synced', () => {
    const disk = new SimulatedDisk()
    const storage = disk.mount()
    const write = (path: string, text: string, sync: boolean): void => {
      const file = run(storage.create(path))
      run(storage.append(file, bytes(text)))
      if (sync) run(storage.sync(file))
    }
    write('/both', 'both', true)
    write('/entry', 'entry', false)
    run(storage.syncDirectory('/'))
    write('/bytes', 'bytes', true)
    disk.powerCut(new Prng(1), 'none')
    const after = disk.mount()
    expect(run(after.list('/'))).toEqual(['both', 'entry'])
    expect(run(after.readWhole('/both'))).toEqual(bytes('both'))
    expect(run(after.readWhole('/entry'))).toEqual(bytes(''))
    expect(outcomeOf(storage.list('/'))).toBeUndefined()
  })

  test('after a failed sync the bytes are gone, although a second sync succeeds and they can be read', () => {
    const disk = new SimulatedDisk()
    const storage = disk.mount()
    const file = run(storage.create('/f'))
    run(storage.syncDirectory('/'))
    run(storage.append(file, bytes('lost')))
    disk.onOperation = (): Fate => ({ kind: 'fail', errno: 'EIO' })
    expect(() => run(storage.sync(file))).toThrow('EIO')
    disk.onOperation = (): Fate => ({ kind: 'ok' })
    run(storage.sync(file))
    expect(run(storage.readWhole('/f'))).toEqual(bytes('lost'))
    disk.powerCut(new Prng(1), 'all')
    expect(run(disk.mount().readWhole('/f'))).toEqual(new Uint8Array(4))
  })
})
