/** What networks and busy storages do, between client and server: outcomes are read, never guessed. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StreamError } from '../../../src/base/errors.ts'
import { S3Client } from '../../../src/host/s3/client.ts'
import type { S3Settings } from '../../../src/host/s3/settings.ts'
import { S3Storage } from '../../../src/host/s3/s3-storage.ts'
import { bytesOf, run, storageSuite, textOf, writeFile } from '../storage.suite.ts'
import { FAULTS, startProxy, type Fault, type FaultProxy, type Seen } from './fault-proxy.ts'
import { BUCKET, installServer, PART_BYTES, settingsOf, startServer, type S3Server } from './s3-server.ts'

const installed = installServer()
const IDLE_MS = 500

describe.skipIf('missing' in installed)('object storage behind a bad network', () => {
  let server: S3Server
  let proxy: FaultProxy
  beforeAll(async () => {
    server = await startServer(installed)
    proxy = await startProxy(server.endpoint, IDLE_MS + 200)
  })
  afterAll(async () => {
    await proxy.stop()
    await server.stop()
  })
  beforeEach(() => {
    impatient = () => false
    proxy.plan = () => undefined
    proxy.seen.length = 0
    proxy.done.clear()
  })

  /** Whether the answer of the next request is to be slow; any other may take long on a busy machine. */
  let impatient = (): boolean => false
  const settingsFor = (fault?: Fault): S3Settings => {
    const settings = settingsOf(proxy.endpoint)
    if (fault !== 'slow') return settings
    const { idleMs, ...retry } = settings.retry
    return { ...settings, retry: { ...retry, get idleMs() { return impatient() ? IDLE_MS : idleMs } } }
  }
  const make = (fault?: Fault): { s: S3Storage; root: string; at: (name: string) => string } => {
    const s = new S3Storage(settingsFor(fault))
    const root = `s3://${BUCKET}/faults/${randomBytes(6).toString('hex')}`
    run(s.makeDirectory(root)).catch(() => {})
    return { s, root, at: (name) => `${root}/${name}` }
  }
  /** The next request that fits gets the fault, once. */
  function once(fault: Fault, fits: (seen: Seen) => boolean): void {
    let left = 1
    impatient = () => left > 0
    proxy.plan = (seen) => (left > 0 && fits(seen) && left-- > 0 ? fault : undefined)
  }
  const isPut = ({ method }: Seen): boolean => method === 'PUT'

  test.each(FAULTS)('OBC-2: a claim that meets "%s" is linked, and the next one is told that it exists', async (fault) => {
    const { s, at } = make(fault)
    await run(writeFile(s, at('a'), 'mine'))
    await run(writeFile(s, at('b'), 'theirs'))
    once(fault, isPut)
    expect(await run(s.link(at('a'), at('claim')))).toBe('linked')
    expect(proxy.done.get(fault)).toBe(1)
    once(fault, isPut)
    expect(await run(s.link(at('b'), at('claim')))).toBe('exists')
    expect(textOf(await run(s.readWhole(at('claim'))))).toBe('mine')
  })

  test.each(FAULTS)('OBC-3: an upload that meets "%s" when it is completed is one file, whole', async (fault) => {
    const { s, at } = make(fault)
    const large = Buffer.alloc(PART_BYTES + 10, 'tide')
    const file = await run(s.create(at('large')))
    await run(s.append(file, large))
    once(fault, ({ method, url }) => method === 'POST' && url.includes('uploadId='))
    await run(s.sync(file))
    expect(proxy.done.get(fault)).toBe(1)
    expect(Buffer.compare(await run(s.readWhole(at('large'))), large)).toBe(0)
  })

  test.each(FAULTS)('a part that meets "%s" is sent again', async (fault) => {
    const { s, at } = make(fault)
    const large = Buffer.alloc(PART_BYTES + 10, 'tide')
    once(fault, ({ url }) => url.includes('partNumber=1'))
    const file = await run(s.create(at('large')))
    await run(s.append(file, large))
    await run(s.sync(file))
    expect(proxy.done.get(fault)).toBe(1)
    expect(Buffer.compare(await run(s.readWhole(at('large'))), large)).toBe(0)
  })

  test.each(FAULTS)('reading and listing through "%s" give what is there', async (fault) => {
    const { s, root, at } = make()
    await run(writeFile(s, at('a'), 'content of some length'))
    const fresh = new S3Storage(settingsFor(fault))
    let n = 0
    impatient = () => n % 2 === 0
    proxy.plan = () => (n++ % 2 === 0 ? fault : undefined)
    expect(textOf(await run(fresh.readWhole(at('a'))))).toBe('content of some length')
    expect(await run(fresh.list(root))).toEqual(['a'])
    const file = await run(fresh.openRead(at('a')))
    expect(textOf(await run(fresh.read(file, 8, 2)))).toBe('of')
    expect(await run(fresh.unlink(at('a')))).toBe(true)
    expect(await run(fresh.stat(at('a')))).toBeUndefined()
  })

  test('OBC-1: a storage that never answers is given up after so many attempts, with a retryable error', async () => {
    const { s, at } = make()
    proxy.plan = () => 'before'
    const error = await run(s.readWhole(at('a'))).catch((thrown: unknown) => thrown as StreamError)
    expect(error).toMatchObject({ code: 'E188', retryable: true, details: { attempts: 9, problem: '503 SlowDown' } })
    expect(proxy.seen).toHaveLength(9)
  })

  test('OBC-2: a put that is said to exist, of a name that is not there, is repeated', async () => {
    const { s, at } = make()
    await run(writeFile(s, at('a'), 'mine'))
    const other = new S3Client(settingsOf(server.endpoint))
    await other.putNew(at('claim'), bytesOf('gone in a moment'), 'other')
    // The owner removes it after the put was refused and before the client has looked.
    let removed: Promise<void> | undefined
    proxy.plan = (seen) => {
      if (seen.method !== 'HEAD' || removed !== undefined) return undefined
      removed = other.remove(at('claim'))
      return 'before'
    }
    expect(await run(s.link(at('a'), at('claim')))).toBe('linked')
    expect(removed).toBeDefined()
    expect(textOf(await run(s.readWhole(at('claim'))))).toBe('mine')
  })

  test('of many claimants through any faults one wins, and everybody knows who', async () => {
    // Without the faults that wait: they are in the tests above.
    const quick = FAULTS.filter((fault) => fault !== 'slow')
    await fc.assert(fc.asyncProperty(
      fc.array(fc.option(fc.constantFrom(...quick), { nil: undefined, freq: 2 }), { minLength: 8, maxLength: 40 }),
      async (faults) => {
        proxy.plan = () => undefined
        const { at } = make()
        const claimants = ['one', 'two', 'three'].map((text) => ({ text, s: new S3Storage(settingsOf(proxy.endpoint)) }))
        for (const { s, text } of claimants) {
          await run(s.makeDirectory(at('d')))
          await run(writeFile(s, at(`d/${text}`), text))
        }
        let n = 0
        proxy.plan = () => faults[n++]
        const outcomes = await Promise.all(claimants.map(({ s, text }) => run(s.link(at(`d/${text}`), at('d/claim')))))
        proxy.plan = () => undefined
        expect(outcomes.filter((outcome) => outcome === 'linked')).toHaveLength(1)
        const winner = claimants[outcomes.indexOf('linked')]?.text
        expect(textOf(await run(claimants[0]!.s.readWhole(at('d/claim'))))).toBe(winner)
      },
    ), { numRuns: 15 })
  })

  describe('with a fault in every third request', () => {
    const quick = FAULTS.filter((fault) => fault !== 'slow')
    beforeEach(() => {
      let n = 0
      proxy.plan = () => (n++ % 3 === 0 ? quick[(n * 5) % quick.length] : undefined)
    })
    storageSuite('over S3', () => {
      const { s, root } = make()
      return { storage: s, root, dispose: () => {} }
    })
  })
})
