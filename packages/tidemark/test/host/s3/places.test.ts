/** Places in object storage and on this machine, and the storage that goes to either. */
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import type { StreamError } from '../../../src/base/errors.ts'
import { lockDirectory } from '../../../src/host/directory-lock.ts'
import { askMetrics, serveMetrics } from '../../../src/host/metrics-socket.ts'
import { localPlace, resolvePlace, shownPlace } from '../../../src/host/places.ts'
import { realStorage } from '../../../src/host/real-storage.ts'
import { run, storageSuite } from '../storage.suite.ts'

const home = mkdtempSync(join(tmpdir(), 'tidemark-places-'))
const before = process.env['TMPDIR']
afterAll(() => {
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
  rmSync(home, { recursive: true, force: true })
})
beforeEach(() => {
  process.env['TMPDIR'] = mkdtempSync(join(home, 't'))
})

storageSuite('the storage of real hosts, on this machine', () => {
  const root = mkdtempSync(join(home, 'storage-'))
  return { storage: realStorage(), root, dispose: () => {} }
})

test('RST-2: a claim does not lead from one storage to the other', async () => {
  const error = await run(realStorage().link('/a', 's3://bucket/b')).catch((thrown: unknown) => thrown as StreamError)
  expect((error as StreamError).details).toMatchObject({ errno: 'EXDEV' })
})

test('a place has one form, and what is none is E190', () => {
  expect(resolvePlace('s3://bucket/a/b/')).toBe('s3://bucket/a/b')
  expect(resolvePlace('s3://bucket//')).toBe('s3://bucket')
  expect(resolvePlace('a/../b')).toBe(join(process.cwd(), 'b'))
  expect(() => resolvePlace('s3://bucket/a//b')).toThrow('empty part')
  const places = ['s3://bucket/a', join(process.cwd(), 'x/y'), '/']
  expect(places.map(shownPlace)).toEqual(['s3://bucket/a', 'x/y', '/'])
})

test('PLC-2: of one URL, however it is written, there is one local place, closed to others; of two there are two', () => {
  const place = localPlace('s3://bucket/a')
  expect(localPlace('s3://bucket/a/')).toBe(place)
  expect(localPlace('s3://bucket/b')).not.toBe(place)
  expect(statSync(place).mode & 0o777).toBe(0o700)
  expect(localPlace('/some/directory')).toBe('/some/directory')
})

test('PLC-1: a local place that others can enter is refused', () => {
  const place = localPlace('s3://bucket/a')
  chmodSync(place, 0o755)
  expect(() => localPlace('s3://bucket/a')).toThrow('EACCES')
})

test('of two starters of this machine on one URL the second is refused, by the URL', async () => {
  const lock = await lockDirectory('s3://bucket/jobs/a')
  const error = await lockDirectory('s3://bucket/jobs/a/').catch((thrown: unknown) => thrown as StreamError)
  expect(error).toMatchObject({ code: 'E051', message: expect.stringContaining('s3://bucket/jobs/a') })
  await (await lockDirectory('s3://bucket/jobs/b')).release()
  await lock.release()
  await (await lockDirectory('s3://bucket/jobs/a')).release()
})

test('the metrics of a job are found by its URL', async () => {
  const sockets = await serveMetrics('s3://bucket/jobs/a', () => '{"a":1}')
  expect(await askMetrics('s3://bucket/jobs/a', 1_000)).toEqual({ kind: 'sample', text: '{"a":1}' })
  expect(await askMetrics('s3://bucket/jobs/b', 1_000)).toEqual({ kind: 'nobody' })
  await sockets.close()
})
