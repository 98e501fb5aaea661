/**
 * The running process answers for its metrics: a unix socket in the state directory, open to its user alone.
 *
 * Whoever connects is given one JSON document (observe/job-sample.ts) and the end of the stream. Nothing is
 * written while nobody asks, and nothing that is left behind by a dead process looks alive: connecting to its
 * socket is refused by the kernel, kill -9 included, as with the lock (directory-lock.ts).
 *
 *   MX-1  Measuring never stops a job: a socket that cannot be made, a reader that goes away or one that does not
 *         read cost it nothing but the answer.
 *   MX-2  The name is used once: a process that was passed by and ends late removes no name but its own.
 *
 * Source: unix(7).
 */
import { randomBytes } from 'node:crypto'
import { chmod, readdir, unlink } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { localPlace } from './places.ts'
import { SocketPath } from './socket-path.ts'

export interface MetricsServer {
  close(): Promise<void>
}

/** What came of asking a state directory. */
export type MetricsAnswer =
  | { readonly kind: 'sample'; readonly text: string }
  /** Its process lives but says nothing: it is stopped, or busy with one call. */
  | { readonly kind: 'silent'; readonly pid: number }
  | { readonly kind: 'nobody' }

/** Process id, and three digits that tell a process of another container apart. */
const NAME = /^metrics-([1-9][0-9]{0,6})-[0-9a-f]{3}$/
/** Readers at one time; one more is turned away. */
const MOST_READERS = 16
/** A reader that does not take its answer is let go. */
const READ_WITHIN_MS = 5_000

/** The caller holds the lock of the directory, so whatever socket is there already is nobody's. */
export async function serveMetrics(stateDirectory: string, sample: () => string): Promise<MetricsServer> {
  const directory = localPlace(stateDirectory)
  const place = new SocketPath(directory)
  try {
    for (const { name } of await socketsIn(directory)) await unlink(`${directory}/${name}`).catch(() => {})
    const name = `metrics-${process.pid}-${randomBytes(2).toString('hex').slice(0, 3)}`
    const readers = new Set<Socket>()
    const server = createServer((socket) => {
      readers.add(socket)
      socket.once('close', () => readers.delete(socket))
      answer(socket, sample)
    })
    server.maxConnections = MOST_READERS
    await new Promise<void>((done, fail) => {
      server.once('error', fail)
      server.listen(place.of(name), done)
    })
    await chmod(`${directory}/${name}`, 0o600).catch(() => {})
    server.on('error', () => {})
    server.unref()
    return {
      close: () => new Promise((done) => {
        server.close(() => {
          place.close()
          done()
        })
        for (const reader of readers) reader.destroy()
      }),
    }
  } catch (error) {
    place.close()
    throw error
  }
}

function answer(socket: Socket, sample: () => string): void {
  socket.unref()
  socket.on('error', () => {})
  socket.setTimeout(READ_WITHIN_MS, () => socket.destroy())
  try {
    socket.end(sample())
  } catch {
    // MX-1: what cannot be shown is no reason to end what runs; the reader sees that nothing was said.
    socket.destroy()
  }
}

/** Asks whoever runs the job of a state directory. Throws only what reading the directory gives. */
export async function askMetrics(stateDirectory: string, withinMs: number): Promise<MetricsAnswer> {
  const directory = localPlace(stateDirectory)
  const place = new SocketPath(directory)
  try {
    let silent: number | undefined
    for (const { name, pid } of await socketsIn(directory)) {
      const text = await ask(place.of(name), withinMs)
      if (text === 'silent') silent = pid
      else if (text !== 'dead') return { kind: 'sample', text: text.said }
    }
    return silent === undefined ? { kind: 'nobody' } : { kind: 'silent', pid: silent }
  } finally {
    place.close()
  }
}

function ask(path: string, withinMs: number): Promise<{ readonly said: string } | 'silent' | 'dead'> {
  return new Promise((done) => {
    const socket = connect({ path })
    let said = ''
    const end = (outcome: { readonly said: string } | 'silent' | 'dead'): void => {
      clearTimeout(timer)
      socket.destroy()
      done(outcome)
    }
    const timer = setTimeout(() => end('silent'), withinMs)
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      said += chunk
    })
    // Cut off before a word: the process is ending.
    socket.on('end', () => end(said === '' ? 'dead' : { said }))
    socket.on('error', () => end('dead'))
  })
}

async function socketsIn(directory: string): Promise<readonly { readonly name: string; readonly pid: number }[]> {
  return (await readdir(directory)).flatMap((name) => {
    const pid = NAME.exec(name)?.[1]
    return pid === undefined ? [] : [{ name, pid: Number(pid) }]
  })
}
