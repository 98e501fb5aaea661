import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { InvariantViolation } from '../../src/base/assert.ts'
import { openLmdbStore } from '../../src/state/lmdb/lmdb-store.ts'
import { WriteGate } from '../../src/state/lmdb/write-gate.ts'
import { MemoryPagedStore } from '../../src/state/paged/memory-paged-store.ts'
import { MOST_KEY_BYTES, type PagedEntries, type PagedView } from '../../src/state/paged/paged-store.ts'
import { newLmdbStore, usesLmdb } from './backends.ts'

usesLmdb()

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (found: Uint8Array | undefined): string | undefined => (found === undefined ? undefined : new TextDecoder().decode(found))

/** All of them, copied as they come. */
function all(entries: PagedEntries): [string, string][] {
  const found: [string, string][] = []
  for (let next = entries.next(); next.done !== true; next = entries.next()) found.push([text(next.value[0]) ?? '', text(next.value[1]) ?? ''])
  return found
}

const STORES = [
  { name: 'in memory', make: () => new MemoryPagedStore(1000), numRuns: 200 },
  { name: 'lmdb', make: () => newLmdbStore(1000), numRuns: 40 },
]

const name = fc.oneof(fc.nat(300).map((n) => `k${n}`), fc.constantFrom('a', 'aa', 'b', '~'))
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({
    kind: fc.constant('write' as const),
    batch: fc.array(fc.tuple(name, fc.option(fc.string({ maxLength: 8 }), { nil: undefined })), { maxLength: 40 }),
  }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('view' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('close' as const), n: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
)
const sorted = (model: ReadonlyMap<string, string>): [string, string][] =>
  [...model].sort(([a], [b]) => (a < b ? -1 : 1))

describe.each(STORES)('$name', ({ make, numRuns }) => {
  test('PV-1, PV-3: a table is a sorted Map, a view is what it was when the view was made', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const store = make()
      const table = store.table('t')
      const other = store.table('u')
      other.write([[bytes('a'), bytes('untouched')]])
      let model = new Map<string, string>()
      const views: { readonly view: PagedView; readonly held: ReadonlyMap<string, string> }[] = []
      for (const now of steps) {
        if (now.kind === 'write') {
          table.write(now.batch.map(([key, value]) => [bytes(key), value === undefined ? undefined : bytes(value)]))
          for (const [key, value] of now.batch) {
            if (value === undefined) model.delete(key)
            else model.set(key, value)
          }
        } else if (now.kind === 'view') views.push({ view: table.view(), held: new Map(model) })
        else if (now.kind === 'close') views.splice(now.n, 1)[0]?.view.close()
        else if (now.kind === 'read') {
          expect(text(table.get(bytes(now.name)))).toBe(model.get(now.name))
          expect(all(table.entriesAfter(bytes(now.name)))).toEqual(sorted(model).filter(([key]) => key > now.name))
          for (const { view, held } of views) expect(text(view.get(bytes(now.name)))).toBe(held.get(now.name))
        } else {
          table.clear()
          model = new Map()
        }
        expect(table.entries).toBe(model.size)
      }
      expect(all(table.entriesAfter(undefined))).toEqual(sorted(model))
      for (const { view, held } of views) {
        expect(all(view.entries())).toEqual(sorted(held))
        view.close()
      }
      expect(all(other.entriesAfter(undefined))).toEqual([['a', 'untouched']])
    }), { numRuns })
  })

  test('PV-3: an iterator that goes on beside writes gives each key once, and all that were there all the time', () => {
    const table = make().table('t')
    table.write(Array.from({ length: 1000 }, (_, i) => [bytes(`k${1000 + i}`), bytes('old')]))
    const rest = table.entriesAfter(undefined)
    const seen: string[] = []
    for (let i = 0, next = rest.next(); next.done !== true; i++, next = rest.next()) {
      const key = text(next.value[0]) ?? ''
      seen.push(key)
      // What was given goes; others come before and behind it.
      table.write([[bytes(key), undefined], [bytes(`a${i}`), bytes('new')], [bytes(`x${i % 50}`), bytes('new')]])
    }
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.filter((key) => key.startsWith('k')).length).toBe(1000)
    expect(seen).toEqual(seen.toSorted())
  })

  test('a table is empty at first, and the same object each time; empty values are values', () => {
    const store = make()
    const table = store.table('t')
    expect([table.entries, store.table('t') === table, text(table.get(bytes('a')))]).toEqual([0, true, undefined])
    table.write([[bytes('a'), bytes('')]])
    expect([text(table.get(bytes('a'))), table.entries]).toEqual(['', 1])
    expect(all(table.entriesAfter(undefined))).toEqual([['a', '']])
  })

  test('the longest key is possible; keys and values are copied, the buffers are the caller\'s again', () => {
    const table = make().table('t')
    const key = new Uint8Array(MOST_KEY_BYTES).fill(7)
    const buffer = bytes('xvaluex')
    table.write([[key, buffer.subarray(1, 6)]])
    buffer.fill(0)
    expect(text(table.get(key))).toBe('value')
    const large = new Uint8Array(3_000_000).fill(5)
    table.write([[bytes('large'), large]])
    expect(Buffer.compare(table.get(bytes('large')) as Uint8Array, large)).toBe(0)
  })

  test('a view is closed once, and not used afterwards', () => {
    const table = make().table('t')
    const view = table.view()
    view.close()
    expect(() => view.close()).toThrow(InvariantViolation)
    expect(() => view.get(bytes('a'))).toThrow(InvariantViolation)
    expect(() => view.entries().next()).toThrow(InvariantViolation)
  })
})

describe('lmdb', () => {
  test('a view is of its moment, also if it is read for the first time after a write, and while the file grows', () => {
    const table = newLmdbStore(0).table('t')
    table.write([[bytes('a'), bytes('0')]])
    for (let i = 1; i <= 4; i++) {
      const view = table.view()
      table.write([[bytes('a'), bytes(`${i}`)]])
      expect([text(view.get(bytes('a'))), text(table.get(bytes('a')))]).toEqual([`${i - 1}`, `${i}`])
      view.close()
    }
    const view = table.view()
    for (let i = 0; i < 100; i++) table.write(Array.from({ length: 100 }, (_, j) => [bytes(`k${i}.${j}`), new Uint8Array(2000).fill(i)]))
    expect([all(view.entries()), table.entries]).toEqual([[['a', '4']], 10_001])
    expect(table.get(bytes('k7.3'))?.[1999]).toBe(7)
    view.close()
  })

  test('LM-1: a directory is emptied when a store is opened in it, and removed with the store; foreign files stay', () => {
    const parent = mkdtempSync(join(tmpdir(), 'tidemark-store-'))
    try {
      const directory = join(parent, 'store')
      const first = openLmdbStore({ directory, cacheBytes: 0 })
      first.table('t').write([[bytes('a'), bytes('1')]])
      first.table('t').view()
      first.dispose()
      expect(existsSync(directory)).toBe(false)
      const left = openLmdbStore({ directory, cacheBytes: 0 })
      left.table('t').write([[bytes('a'), bytes('1')]])
      writeFileSync(join(directory, 'mine'), '')
      // As after a crash: nobody disposed of it.
      const next = openLmdbStore({ directory, cacheBytes: 0 })
      expect(next.table('t').entries).toBe(0)
      next.dispose()
      expect(readdirSync(directory)).toEqual(['mine'])
    } finally {
      rmSync(parent, { recursive: true, force: true })
    }
  })

  test('E195: without the package the error says how to get it', async () => {
    vi.resetModules()
    vi.doMock('lmdb', () => {
      throw new Error('Cannot find package')
    })
    try {
      const { loadLmdb } = await import('../../src/state/lmdb/lmdb-store.ts')
      await expect(loadLmdb()).rejects.toMatchObject({ code: 'E195', fix: expect.arrayContaining(['install it: npm install lmdb']) as string[] })
    } finally {
      vi.doUnmock('lmdb')
      vi.resetModules()
    }
  })

  test('LM-2: E196 names the directory that cannot be used', () => {
    const parent = mkdtempSync(join(tmpdir(), 'tidemark-store-'))
    try {
      const directory = join(parent, 'file')
      writeFileSync(directory, '')
      expect(() => openLmdbStore({ directory, cacheBytes: 0 })).toThrow(expect.objectContaining({
        code: 'E196', message: expect.stringContaining(directory) as string,
      }))
      mkdirSync(join(parent, 'good'))
      const store = openLmdbStore({ directory: join(parent, 'good'), cacheBytes: 0 })
      const table = store.table('t')
      expect(() => table.write([[bytes('a'), bytes('1')], [new Uint8Array(MOST_KEY_BYTES + 1), bytes('1')]]))
        .toThrow(expect.objectContaining({ code: 'E196' }))
      expect([table.entries, text(table.get(bytes('a')))]).toEqual([0, undefined])
      store.dispose()
    } finally {
      rmSync(parent, { recursive: true, force: true })
    }
  })

  test('LM-5: a table is not made while a view is open', () => {
    const store = newLmdbStore(0)
    const view = store.table('t').view()
    expect(() => store.table('u')).toThrow(InvariantViolation)
    view.close()
    expect(store.table('u').entries).toBe(0)
  })

  test('LM-4, GW-1: threads have a store each, at once; one that is ended in the midst of its writes does end', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'tidemark-store-'))
    try {
      const results = await Promise.all(['a', 'b', 'c', 'd', 'ended'].map((which, n) => {
        const memory = new SharedArrayBuffer(4)
        const worker = new Worker(THREAD, { eval: true, workerData: { directory: join(parent, which), which, memory, root: ROOT } })
        return new Promise<unknown>((done, fail) => {
          worker.on('error', fail)
          worker.on('exit', () => done('ended'))
          worker.on('message', (message) => {
            if (which !== 'ended') done(message)
            else setTimeout(() => {
              expect(new WriteGate(memory).close(10_000)).toBe(true)
              void worker.terminate()
            }, n)
          })
        })
      }))
      expect(results).toEqual([['a', 5000], ['b', 5000], ['c', 5000], ['d', 5000], 'ended'])
    } finally {
      rmSync(parent, { recursive: true, force: true })
    }
  })

  test('GW-2: a gate does not close while a thread is inside, and is not gone through once it is closed', () => {
    const gate = new WriteGate(new SharedArrayBuffer(4))
    gate.enter()
    expect(gate.close(1)).toBe(false)
    gate.leave()
    gate.enter()
    gate.leave()
    expect([gate.close(1), gate.close(1)]).toEqual([true, true])
  })
})

const ROOT = join(import.meta.dirname, '../..')
/** Writes five thousand entries, or until it is ended. */
const THREAD = `
const { parentPort, workerData: { directory, which, memory, root } } = require('node:worker_threads')
const { createJiti } = require('jiti')
const jiti = createJiti(root + '/src/index.ts')
void (async () => {
  const { loadLmdb, openLmdbStore } = await jiti.import(root + '/src/state/lmdb/lmdb-store.ts')
  const { WriteGate } = await jiti.import(root + '/src/state/lmdb/write-gate.ts')
  await loadLmdb()
  const table = openLmdbStore({ directory, cacheBytes: 0, gate: new WriteGate(memory) }).table('t')
  for (let n = 0; n < 50 || which === 'ended'; n++) {
    table.write(Array.from({ length: 100 }, (_, i) => [Buffer.from('k' + (n % 50 * 100 + i)), Buffer.from(which)]))
    if (n === 3 && which === 'ended') {
      table.view()
      parentPort.postMessage('going')
    }
  }
  parentPort.postMessage([Buffer.from(table.get(Buffer.from('k4999'))).toString(), table.entries])
})()
`
