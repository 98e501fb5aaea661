/** The laws of the Storage port; every implementation runs them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StreamError } from '../../src/base/errors.ts'
import { start, type Io } from '../../src/base/io.ts'
import type { Storage } from '../../src/base/ports.ts'

export interface StorageUnderTest {
  readonly storage: Storage
  /** An existing empty directory. */
  readonly root: string
  readonly dispose: () => void
}

export function run<T>(io: Io<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    start(io, (outcome) => (outcome.ok ? resolve(outcome.value) : reject(outcome.error as Error)))
  })
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

export function* writeFile(storage: Storage, path: string, content: string | Uint8Array): Io<void> {
  const file = yield* storage.create(path)
  yield* storage.append(file, typeof content === 'string' ? bytesOf(content) : content)
  yield* storage.sync(file)
  yield* storage.close(file)
}

async function failing(io: Io<unknown>): Promise<StreamError> {
  return run(io).then(
    () => { throw new Error('it was expected to fail') },
    (error: unknown) => error as StreamError,
  )
}

const errnoOf = (error: StreamError): string => (error.details as { errno: string }).errno

export function storageSuite(name: string, make: () => StorageUnderTest): void {
  describe(name, () => {
    let under: StorageUnderTest
    let s: Storage
    let at: (name: string) => string

    beforeEach(() => {
      under = make()
      s = under.storage
      at = (file) => `${under.root}/${file}`
    })
    afterEach(() => under.dispose())

    test('appended bytes are read back at any offset, shorter only at the end of the file', async () => {
      await run((function* () {
        const file = yield* s.create(at('a'))
        yield* s.append(file, bytesOf('hello '))
        yield* s.append(file, new Uint8Array(0))
        yield* s.append(file, bytesOf('world'))
        yield* s.sync(file)
        yield* s.close(file)
        const reader = yield* s.openRead(at('a'))
        expect(textOf(yield* s.read(reader, 0, 100))).toBe('hello world')
        expect(textOf(yield* s.read(reader, 6, 3))).toBe('wor')
        expect(yield* s.read(reader, 11, 5)).toHaveLength(0)
        expect(yield* s.read(reader, 99, 5)).toHaveLength(0)
        yield* s.close(reader)
        expect(textOf(yield* s.readWhole(at('a')))).toBe('hello world')
        expect(yield* s.stat(at('a'))).toEqual({ sizeBytes: 11, isDirectory: false })
      })())
    })

    test('large appends are whole', async () => {
      const big = new Uint8Array(3_000_001).map((_, i) => i % 251)
      await run(writeFile(s, at('big'), big))
      expect(Buffer.compare(await run(s.readWhole(at('big'))), big)).toBe(0)
    })

    test('create refuses a name that exists', async () => {
      await run(writeFile(s, at('a'), 'first'))
      const error = await failing(s.create(at('a')))
      expect([error.code, errnoOf(error)]).toEqual(['E056', 'EEXIST'])
      expect(textOf(await run(s.readWhole(at('a'))))).toBe('first')
    })

    test('link claims a name once, and both names are one file', async () => {
      await run(writeFile(s, at('a'), 'a'))
      await run(writeFile(s, at('b'), 'b'))
      expect(await run(s.link(at('a'), at('c')))).toBe('linked')
      expect(await run(s.link(at('b'), at('c')))).toBe('exists')
      expect(await run(s.unlink(at('a')))).toBe(true)
      expect(textOf(await run(s.readWhole(at('c'))))).toBe('a')
    })

    test('of many concurrent links to one name exactly one wins', async () => {
      const names = Array.from({ length: 16 }, (_, i) => `from-${i}`)
      for (const file of names) await run(writeFile(s, at(file), file))
      const outcomes = await Promise.all(names.map((file) => run(s.link(at(file), at('claimed')))))
      expect(outcomes.filter((outcome) => outcome === 'linked')).toHaveLength(1)
      expect(textOf(await run(s.readWhole(at('claimed'))))).toBe(names[outcomes.indexOf('linked')])
    })

    test('absence is an outcome of unlink, list, stat and removeDirectory', async () => {
      expect(await run(s.unlink(at('no')))).toBe(false)
      expect(await run(s.list(at('no')))).toBeUndefined()
      expect(await run(s.stat(at('no')))).toBeUndefined()
      expect(await run(s.removeDirectory(at('no')))).toBe(false)
    })

    test('absence is an error of openRead, readWhole, link and create under a missing directory', async () => {
      const attempts: Io<unknown>[] = [
        s.openRead(at('no')), s.readWhole(at('no')), s.link(at('no'), at('x')), s.create(at('no/x')),
        s.syncDirectory(at('no')),
      ]
      for (const io of attempts) expect((await failing(io)).code).toBe('E055')
    })

    test('list is sorted by code unit and holds files and directories', async () => {
      for (const file of ['b', 'a10', 'a9', 'B', 'é', 'z', '.hidden']) await run(writeFile(s, at(file), ''))
      await run(s.makeDirectory(at('d/e')))
      expect(await run(s.list(under.root))).toEqual(['.hidden', 'B', 'a10', 'a9', 'b', 'd', 'z', 'é'])
    })

    test('makeDirectory makes parents and is fine with what exists', async () => {
      await run(s.makeDirectory(at('x/y/z')))
      await run(s.makeDirectory(at('x/y/z')))
      expect(await run(s.stat(at('x/y')))).toMatchObject({ isDirectory: true })
      await run(s.syncDirectory(at('x/y')))
    })

    test('removeDirectory removes an empty directory and refuses a full one', async () => {
      await run(s.makeDirectory(at('d')))
      await run(writeFile(s, at('d/f'), ''))
      expect(errnoOf(await failing(s.removeDirectory(at('d'))))).toBe('ENOTEMPTY')
      await run(s.unlink(at('d/f')))
      expect(await run(s.removeDirectory(at('d')))).toBe(true)
      expect(await run(s.stat(at('d')))).toBeUndefined()
    })

    test('an open handle outlives its name', async () => {
      await run(writeFile(s, at('a'), 'still here'))
      const file = await run(s.openRead(at('a')))
      await run(s.unlink(at('a')))
      expect(textOf(await run(s.read(file, 0, 20)))).toBe('still here')
      await run(s.close(file))
    })

    test('a handle cannot be used after close', async () => {
      const file = await run(s.create(at('a')))
      await run(s.close(file))
      await expect(run(s.append(file, bytesOf('x')))).rejects.toThrow('before close')
      await expect(run(s.close(file))).rejects.toThrow('before close')
    })

    test('a handle of another storage is refused', async () => {
      await expect(run(s.sync({ path: at('a') }))).rejects.toThrow('only by its storage')
    })
  })
}
