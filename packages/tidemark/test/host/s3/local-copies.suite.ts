/** A second copy on this machine: read first, believed only if it is what the object is, and never in the way. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LocalCopies } from '../../../src/host/s3/local-copies.ts'
import type { OpenFile } from '../../../src/host/s3/local-copy.ts'
import { S3Storage } from '../../../src/host/s3/s3-storage.ts'
import { run, textOf, writeFile } from '../storage.suite.ts'
import type { FaultProxy, Seen } from './fault-proxy.ts'
import { BUCKET, PART_BYTES, settingsOf } from './s3-server.ts'

const NAME = 'e1-p0.state'

export function localCopiesSuite(proxyOf: () => FaultProxy): void {
  describe('local copies', () => {
    let root: string
    let directory: string
    let said: string[]
    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), 'tidemark-copies-'))
      directory = `s3://${BUCKET}/copies/${randomBytes(6).toString('hex')}/7`
      said = []
      proxyOf().seen.length = 0
    })
    afterEach(() => {
      proxyOf().plan = () => undefined
      rmSync(root, { recursive: true, force: true })
    })

    /** As another process of this machine would have it; without `copies`: as another machine. */
    function storage(copies: 'copies' | 'none' = 'copies', open?: OpenFile): S3Storage {
      const warn = (message: string): void => void said.push(message)
      const init = { root, warn, ...(open === undefined ? {} : { open }) }
      return new S3Storage(settingsOf(proxyOf().endpoint), copies === 'none' ? undefined : new LocalCopies(init))
    }
    const path = (): string => `${directory}/${NAME}`
    async function write(s: S3Storage, content: string | Uint8Array): Promise<void> {
      await run(s.makeDirectory(directory))
      await run(writeFile(s, path(), content))
    }
    async function read(s: S3Storage, offset = 0, length = 100): Promise<string> {
      const file = await run(s.openRead(path()))
      try {
        return textOf(await run(s.read(file, offset, length)))
      } finally {
        await run(s.close(file))
      }
    }
    const here = (): string => join(root, directory.slice('s3://'.length))
    const copies = (): string[] => readdirSync(here())
    const copy = (): string => join(here(), copies()[0] ?? 'none')
    const isGet = ({ method, url }: Seen): boolean => method === 'GET' && url.includes(NAME)
    const gets = (): number => proxyOf().seen.filter(isGet).length

    test('what was written here is read here, from any offset, and closed to others', async () => {
      await write(storage(), 'state of some length')
      expect(copies()).toHaveLength(1)
      expect([statSync(here()).mode & 0o777, statSync(copy()).mode & 0o777]).toEqual([0o700, 0o600])
      const s = storage()
      expect([await read(s), await read(s, 9, 4), await read(s, 15), await read(s, 50)])
        .toEqual(['state of some length', 'some', 'ength', ''])
      expect(gets()).toBe(0)
      // Looked at once.
      expect(proxyOf().seen.filter(({ method }) => method === 'HEAD')).toHaveLength(2)
      expect(said).toEqual([])
    })

    test('so is a file of more than one part', async () => {
      const large = Buffer.alloc(PART_BYTES + 10, 'tide')
      await write(storage(), large)
      expect(await read(storage(), PART_BYTES - 4, 4)).toBe('tide')
      expect(gets()).toBe(0)
      expect(readFileSync(copy()).equals(large)).toBe(true)
    })

    const damages: readonly (readonly [string, RegExp, () => Promise<void> | void])[] = [
      ['missing', /no local copy/, () => rmSync(root, { recursive: true })],
      ['corrupt', /checksum/, () => writeFileSync(copy(), readFileSync(copy()).fill(1, 3, 4))],
      ['cut', /5 bytes instead of 20/, () => truncateSync(copy(), 5)],
      ['of an object that somebody replaced', /another object/, async () => {
        const other = storage('none')
        await run(other.unlink(path()))
        await write(other, 'state of other size!')
      }],
    ]
    test.each(damages)('LC-1: where the copy is %s the object is read, and that is said', async (_what, says, damage) => {
      await write(storage(), 'state of some length')
      await damage()
      const s = storage()
      expect(await read(s, 0, 5)).toBe('state')
      expect(await read(s)).toBe(textOf(await run(storage('none').readWhole(path()))))
      expect(said.join('\n')).toMatch(says)
      expect(said).toHaveLength(1)
      expect(gets()).toBeGreaterThan(0)
    })

    test('a copy that is cut while it is read is replaced by the object', async () => {
      await write(storage(), 'state of some length')
      const s = storage()
      const file = await run(s.openRead(path()))
      truncateSync(copy(), 5)
      expect(textOf(await run(s.read(file, 6, 100)))).toBe('of some length')
      expect(said.join()).toContain('could not be read to its end')
      await run(s.close(file))
    })

    test('a storage that does not answer is no reason to throw a copy away', async () => {
      await write(storage(), 'state')
      proxyOf().plan = () => 'before'
      await expect(read(storage())).rejects.toMatchObject({ code: 'E188' })
      proxyOf().plan = () => undefined
      expect([copies().length, said]).toEqual([1, []])
      expect(await read(storage())).toBe('state')
    })

    test('LC-2: a full disk fails nothing, leaves nothing, and is said once', async () => {
      let left = 8
      const full: OpenFile = async (...args) => {
        const file = await open(...args)
        return Object.assign(file, {
          write: async (bytes: Uint8Array) => {
            if ((left -= bytes.length) < 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
            return { bytesWritten: bytes.length, buffer: bytes }
          },
        })
      }
      const s = storage('copies', full)
      await write(s, 'longer than the disk')
      directory = `${directory}1`
      await write(s, 'once more, the same')
      expect(copies()).toEqual([])
      expect(said).toEqual([expect.stringContaining('ENOSPC')])
      expect(await read(storage('none'))).toBe('once more, the same')
    })

    test('LC-4: a copy goes with its object', async () => {
      const s = storage()
      await write(s, 'state')
      await run(s.unlink(path()))
      expect(copies()).toEqual([])
      expect(await run(s.removeDirectory(directory))).toBe(true)
      expect(() => statSync(here())).toThrow('ENOENT')
    })

    test('LC-4: what others removed, and what a crash left, goes with a listing once it is old', async () => {
      await write(storage(), 'state')
      const kept = copies()[0] ?? ''
      const left = [`e1-p1.state.${'a'.repeat(32)}.00000000`, `e1-p2.state.${'b'.repeat(32)}.part`]
      const young = `e1-p3.state.${'c'.repeat(32)}.part`
      for (const name of [...left, young]) writeFileSync(join(here(), name), 'x')
      for (const name of [...left, kept]) utimesSync(join(here(), name), 0, 0)
      expect(await run(storage().list(directory))).toEqual([NAME])
      expect(copies().sort()).toEqual([kept, young])
    })

    test('other files than those of state have no copy', async () => {
      const s = storage()
      await run(s.makeDirectory(directory))
      await run(writeFile(s, `${directory}/7.manifest`, 'x'))
      expect(() => copies()).toThrow('ENOENT')
    })
  })
}
