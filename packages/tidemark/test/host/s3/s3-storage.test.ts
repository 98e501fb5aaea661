/** The Storage port over a real S3 server: first what the server itself refuses, then the laws of the port. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reportOf, type StreamError } from '../../../src/base/errors.ts'
import type { Io } from '../../../src/base/io.ts'
import { S3Client } from '../../../src/host/s3/client.ts'
import { S3Storage } from '../../../src/host/s3/s3-storage.ts'
import { sha256 } from '../../../src/host/s3/sigv4.ts'
import { bytesOf, run, storageSuite, textOf, writeFile } from '../storage.suite.ts'
import { startProxy, type FaultProxy } from './fault-proxy.ts'
import { localCopiesSuite } from './local-copies.suite.ts'
import {
  BUCKET, CREDENTIALS, installServer, PAGE_NAMES, PART_BYTES, settingsOf, startServer, type S3Server,
} from './s3-server.ts'

const installed = installServer()

const failing = (io: Io<unknown>): Promise<StreamError> =>
  run(io).then(() => { throw new Error('it was expected to fail') }, (error: unknown) => error as StreamError)

describe.skipIf('missing' in installed)('object storage', () => {
  let server: S3Server
  let proxy: FaultProxy
  beforeAll(async () => {
    server = await startServer(installed)
    proxy = await startProxy(server.endpoint, 0)
  })
  afterAll(async () => {
    await proxy.stop()
    await server.stop()
  })

  const newRoot = (): string => `s3://${BUCKET}/state/${randomBytes(6).toString('hex')}`
  const storageOf = (endpoint = server.endpoint): S3Storage => new S3Storage(settingsOf(endpoint))
  const clientOf = (endpoint = server.endpoint): S3Client => new S3Client(settingsOf(endpoint))
  /** With an existing root. */
  function make(endpoint?: string): { s: S3Storage; at: (name: string) => string; root: string } {
    const s = storageOf(endpoint)
    const root = newRoot()
    run(s.makeDirectory(root)).catch(() => {})
    return { s, root, at: (name) => `${root}/${name}` }
  }

  describe('the server of these tests', () => {
    test('refuses a second conditional put, and keeps the first', async () => {
      const client = clientOf()
      const path = `${newRoot()}/claim`
      expect(await client.putNew(path, bytesOf('first'), 'one')).toBe('put')
      expect(await client.putNew(path, bytesOf('second'), 'two')).toBe('exists')
      expect(textOf(await client.getWhole(path))).toBe('first')
    })

    test('of many conditional puts at the same time takes exactly one', async () => {
      const path = `${newRoot()}/claim`
      const writers = Array.from({ length: 12 }, (_, i) => clientOf().putNew(path, bytesOf(`${i}`), `t${i}`))
      expect((await Promise.all(writers)).filter((outcome) => outcome === 'put')).toHaveLength(1)
    })

    test('refuses to complete a second upload of one name', async () => {
      const client = clientOf()
      const path = `${newRoot()}/large`
      const outcomes: string[] = []
      for (const token of ['one', 'two']) {
        const upload = await client.beginUpload(path, token)
        const body = bytesOf(token)
        const etag = await client.uploadPart(path, upload, 1, body, sha256(body))
        outcomes.push(await client.completeUpload(path, upload, [etag], token))
      }
      expect(outcomes).toEqual(['put', 'exists'])
      expect(textOf(await client.getWhole(path))).toBe('one')
    })

    test('lets nobody in with another secret', async () => {
      const settings = { ...settingsOf(server.endpoint), credentials: { ...CREDENTIALS, secretAccessKey: 'canary-wrong' } }
      const error = await failing(new S3Storage(settings).readWhole(`s3://${BUCKET}/x`))
      expect(error).toMatchObject({ code: 'E187', details: { status: 403, code: 'SignatureDoesNotMatch' } })
      expect(error.retryable).toBe(false)
    })
  })

  storageSuite('over S3', () => {
    const { s, root } = make()
    return { storage: s, root, dispose: () => {} }
  })

  test('keys with spaces, plus signs, percent signs and other scripts are those that were written', async () => {
    const { s, root, at } = make()
    const names = ['a b', 'a+b', 'a%20b', 'ü-日本', "it's (1)!*~", '&<">']
    for (const name of names) await run(writeFile(s, at(name), name))
    expect(await run(storageOf().list(root))).toEqual([...names].sort())
    for (const name of names) expect(textOf(await run(s.readWhole(at(name))))).toBe(name)
  })

  test('a listing of more than one page is whole, of files and of directories', async () => {
    const { s, root, at } = make()
    const count = Math.ceil(PAGE_NAMES * 1.3)
    const names = (kind: string): string[] => Array.from({ length: count }, (_, i) => `${kind}${String(i).padStart(3, '0')}`)
    await Promise.all(names('f').map((name) => run(writeFile(s, at(name), name))))
    await Promise.all(names('d').map((name) => {
      const directory = at(name)
      return run(s.makeDirectory(directory)).then(() => run(writeFile(s, `${directory}/x`, name)))
    }))
    expect(await run(storageOf().list(root))).toEqual([...names('d'), ...names('f')])
  })

  test('OBS-4: what was listed and then emptied can still be synced and removed, once', async () => {
    const { s, at } = make()
    await run(s.makeDirectory(at('d')))
    await run(writeFile(s, at('d/a'), 'a'))
    const other = storageOf()
    expect(await run(other.list(at('d')))).toEqual(['a'])
    await run(other.unlink(at('d/a')))
    await run(other.syncDirectory(at('d')))
    expect(await run(other.removeDirectory(at('d')))).toBe(true)
    expect(await run(other.list(at('d')))).toBeUndefined()
  })

  test('OBS-1: of what is written nothing is seen before sync, and everything after it', async () => {
    const { s, at } = make()
    const file = await run(s.create(at('a')))
    await run(s.append(file, bytesOf('one ')))
    await run(s.append(file, bytesOf('two')))
    expect(await run(storageOf().stat(at('a')))).toBeUndefined()
    await run(s.sync(file))
    expect(textOf(await run(storageOf().readWhole(at('a'))))).toBe('one two')
    await run(s.close(file))
    await expect(run(s.append(file, bytesOf('x')))).rejects.toThrow('before close')
  })

  test('what was not synced is an object after close, and appending after sync is refused', async () => {
    const { s, at } = make()
    await run(s.close(await run(s.create(at('empty')))))
    expect(await run(storageOf().stat(at('empty')))).toEqual({ sizeBytes: 0, isDirectory: false })
    const file = await run(s.create(at('b')))
    await run(s.sync(file))
    await expect(run(s.append(file, bytesOf('x')))).rejects.toThrow('that was synced')
  })

  test('OBS-6: of two that create one name the slower one gets E056, and its cleaning leaves the other\'s file', async () => {
    const { s, at } = make()
    const [mine, theirs] = [await run(s.create(at('n'))), await run(s.create(at('n')))]
    await run(s.append(theirs, bytesOf('theirs')))
    await run(s.sync(theirs))
    await run(s.append(mine, bytesOf('mine')))
    const error = await failing(s.sync(mine))
    expect(error.code).toBe('E056')
    await run(s.close(mine))
    expect(await run(s.unlink(at('n')))).toBe(false)
    expect(textOf(await run(s.readWhole(at('n'))))).toBe('theirs')
  })

  describe('files of more than one part', () => {
    const large = Uint8Array.from({ length: 2 * PART_BYTES + 12_345 }, (_, i) => (i * 7 + (i >> 10)) & 255)
    const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

    test('are uploaded as they grow, read in ranges, and linked by a copy in the storage', async () => {
      const { s, at } = make(proxy.endpoint)
      proxy.seen.length = 0
      const file = await run(s.create(at('large')))
      for (let i = 0; i < large.length; i += 1 << 20) await run(s.append(file, large.subarray(i, i + (1 << 20))))
      expect(proxy.seen.some(({ url }) => url.endsWith('?uploads='))).toBe(true)
      expect(await run(s.stat(at('large')))).toBeUndefined()
      await run(s.sync(file))
      expect(proxy.seen.filter(({ url }) => url.includes('partNumber='))).toHaveLength(3)
      await run(s.close(file))
      const reader = await run(s.openRead(at('large')))
      const middle = await run(s.read(reader, PART_BYTES - 5, 10))
      expect(same(middle, large.subarray(PART_BYTES - 5, PART_BYTES + 5))).toBe(true)
      const tail = await run(s.read(reader, large.length - 3, 100))
      expect(same(tail, large.subarray(-3))).toBe(true)
      proxy.seen.length = 0
      expect(await run(s.link(at('large'), at('other')))).toBe('linked')
      expect(await run(s.link(at('large'), at('other')))).toBe('exists')
      expect(proxy.seen.filter(({ method }) => method === 'GET')).toHaveLength(1 + 1)
      await run(s.unlink(at('large')))
      expect(same(await run(s.readWhole(at('other'))), large)).toBe(true)
      expect((await failing(s.read(reader, PART_BYTES, 10))).code).toBe('E055')
    }, 30_000)

    test('that are given up leave nothing that is paid for', async () => {
      const { s, at } = make(proxy.endpoint)
      const file = await run(s.create(at('never')))
      await run(s.append(file, large))
      proxy.seen.length = 0
      proxy.plan = ({ method, url }) => (method === 'POST' || url.includes('partNumber=') ? 'before' : undefined)
      const error = await failing(s.sync(file))
      proxy.plan = () => undefined
      expect(error).toMatchObject({ code: 'E188', retryable: true })
      expect(proxy.seen.some(({ method, url }) => method === 'DELETE' && url.includes('uploadId='))).toBe(true)
      await run(s.close(file))
      expect(await run(s.stat(at('never')))).toBeUndefined()
      await expect(run(s.unlink(at('never')))).resolves.toBe(false)
    }, 30_000)
  })

  localCopiesSuite(() => proxy)

  test('OBS-3: a storage that takes a second conditional put is refused', async () => {
    // It answers as storages did before there were conditional writes: every put is taken.
    const blind = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(request.method === 'HEAD' ? 404 : 200).end())
    })
    await new Promise<void>((done) => blind.listen(0, '127.0.0.1', done))
    const { s, at } = make(`http://127.0.0.1:${(blind.address() as AddressInfo).port}`)
    try {
      await run(writeFile(s, at('a'), 'a'))
      expect(await failing(s.link(at('a'), at('b')))).toMatchObject({ code: 'E189' })
    } finally {
      blind.closeAllConnections()
      blind.close()
    }
  })

  test('errors and reports show no secret, no token and no signature', async () => {
    const settings = {
      ...settingsOf('http://127.0.0.1:1'),
      credentials: { accessKeyId: 'AKIDX', secretAccessKey: 'canary-secret', sessionToken: 'canary-token' },
    }
    const storage = new S3Storage(settings)
    const error = await failing(storage.readWhole(`s3://${BUCKET}/a`))
    expect(error.code).toBe('E188')
    const shown = [inspect(error, { depth: 9, showHidden: true }), inspect(storage, { depth: 9 })]
    expect(shown.join() + JSON.stringify(reportOf(error))).not.toMatch(/canary|Signature=|AKIDX/)
  })

  test('a bucket that is missing is E191, and a place that is none is E190', async () => {
    const s = storageOf()
    expect(await failing(s.list('s3://no-such-bucket/a'))).toMatchObject({ code: 'E191' })
    expect(await failing(s.stat('s3://no-such-bucket'))).toMatchObject({ code: 'E191' })
    for (const place of ['s3://', 's3://UPPER/a', `s3://${BUCKET}/a//b`, `s3://${BUCKET}/../x`, 's3:x']) {
      expect((await failing(s.readWhole(place))).code, place).toBe('E190')
    }
  })
})
