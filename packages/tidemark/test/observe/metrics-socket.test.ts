import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askMetrics, serveMetrics } from '../../src/host/metrics-socket.ts'

let directory: string
const children: ChildProcess[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-socket-'))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

const sockets = (): string[] => readdirSync(directory).filter((name) => name.startsWith('metrics-'))
const name = (): string => join(directory, sockets()[0] as string)

test('everyone who asks is given the sample of that instant, and nobody answers after the end', async () => {
  let samples = 0
  const server = await serveMetrics(directory, () => `{"sample":${++samples}}`)
  expect(await askMetrics(directory, 2000)).toEqual({ kind: 'sample', text: '{"sample":1}' })
  const both = await Promise.all([askMetrics(directory, 2000), askMetrics(directory, 2000)])
  expect(both.map((answer) => answer.kind)).toEqual(['sample', 'sample'])
  expect(samples).toBe(3)
  expect(statSync(name()).mode & 0o777).toBe(0o600)
  await server.close()
  expect(sockets()).toEqual([])
  expect(await askMetrics(directory, 2000)).toEqual({ kind: 'nobody' })
})

test('MX-1 a sample that cannot be made and a reader that stays cost the process nothing', async () => {
  const failing = await serveMetrics(directory, () => {
    throw new Error('no sample')
  })
  expect(await askMetrics(directory, 2000)).toEqual({ kind: 'nobody' })
  await failing.close()
  const server = await serveMetrics(directory, () => 'x'.repeat(4_000_000))
  const reader = connect({ path: name() })
  await new Promise((done) => reader.once('connect', done))
  reader.pause()
  await server.close()
  reader.destroy()
})

test('a directory with a path far longer than a socket may have works the same', async () => {
  const deep = join(directory, 'd'.repeat(120))
  mkdirSync(deep)
  const server = await serveMetrics(deep, () => '{}')
  expect(await askMetrics(deep, 2000)).toEqual({ kind: 'sample', text: '{}' })
  await server.close()
})

/** A process that serves the directory and says so. */
async function serving(): Promise<ChildProcess> {
  const code = `
    import { createServer } from 'node:net'
    createServer((socket) => socket.end('{}')).listen(process.argv[1], () => process.stdout.write('listening'))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, join(directory, 'metrics-77-abc')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  await new Promise((done, fail) => {
    child.stdout?.once('data', done)
    child.once('exit', fail)
  })
  return child
}

test('after kill -9 nobody answers, and the next server removes what is left', async () => {
  const child = await serving()
  expect(await askMetrics(directory, 2000)).toEqual({ kind: 'sample', text: '{}' })
  const gone = new Promise((done) => child.once('exit', done))
  child.kill('SIGKILL')
  await gone
  expect(sockets()).toEqual(['metrics-77-abc'])
  expect(await askMetrics(directory, 2000)).toEqual({ kind: 'nobody' })
  const server = await serveMetrics(directory, () => '{}')
  expect(sockets().length).toBe(1)
  expect(sockets()).not.toContain('metrics-77-abc')
  await server.close()
})

test('a stopped process is told as silent, with its number', async () => {
  const child = await serving()
  child.kill('SIGSTOP')
  expect(await askMetrics(directory, 300)).toEqual({ kind: 'silent', pid: 77 })
})
