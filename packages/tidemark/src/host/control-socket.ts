/**
 * The running process takes orders: take a savepoint, stop, change the parallelism. A unix socket in the state directory, and a token.
 *
 * Looking is open to whoever may connect (metrics-socket.ts); whatever changes something needs the token that
 * this process wrote into the state directory, readable by its owner alone. Each connection carries one order,
 * a JSON line, is told that it was understood, says that it still waits, and gets one JSON line when it is carried out.
 *
 *   {"token":"…","order":"savepoint","to":"/abs"}   {"token":"…","order":"stop","drain":false,"savepoint":"/abs"}
 *   {"token":"…","order":"rescale","to":4}
 *
 *   OR-1  Nothing is done for an order whose token is not exactly that of this process; the token is new with
 *         each process, and comparing it takes the same time whatever was given.
 *   OR-2  An order is short and comes at once: what is longer, later, or no JSON of this form is refused, and
 *         readers that wait are bounded. No order costs the job more than what it asks for.
 *   OR-3  Whoever asked to stop is answered when the directory is free for the next start.
 *   OR-4  A client that goes away changes nothing: an order that was begun is carried out.
 *   OR-5  Nothing is begun for a client that has given up: what lay in the socket of a process that did not run.
 *
 * Source: unix(7); decision D13 (a token on everything that mutates).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmod, readdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { isAbsolute } from 'node:path'
import { reportOf, type ErrorReport } from '../base/errors.ts'
import { engineError, E156_ORDER_REFUSED } from './errors.ts'
import { isRemote, localPlace } from './places.ts'
import { SocketPath } from './socket-path.ts'

export type Order =
  | { readonly order: 'savepoint'; readonly to: string }
  | { readonly order: 'stop'; readonly drain: boolean; readonly savepoint?: string }
  | { readonly order: 'rescale'; readonly to: number }

export interface SavepointReport {
  readonly path: string
  readonly checkpoint: number
  readonly bytes: number
}

export type OrderAnswer =
  | { readonly kind: 'savepoint'; readonly savepoint: SavepointReport }
  | {
      readonly kind: 'stopped'
      /** Undefined: none was completed in this process. */
      readonly checkpoint?: number
      /** Nothing is left to do: the input had ended, or was declared to have ended. */
      readonly finished: boolean
      readonly savepoint?: SavepointReport
      /** The job has stopped, but the savepoint was not written. */
      readonly savepointError?: ErrorReport
    }
  | {
      readonly kind: 'rescaled'
      /** The same as `to`: it had that parallelism, and nothing was done. */
      readonly from: number
      readonly to: number
      readonly workers: number
      /** That it went on from. */
      readonly checkpoint?: number
      /** From the order until the new subtasks ran; the input was read on meanwhile up to the last checkpoint. */
      readonly tookMs: number
    }
  | { readonly kind: 'failed'; readonly error: ErrorReport }

/** What came of asking. */
export type OrderOutcome =
  | { readonly kind: 'answer'; readonly answer: OrderAnswer }
  /** Nobody runs the job of this directory. */
  | { readonly kind: 'nobody' }
  /** Its process lives and did not take the order, which it will not carry out any more (OR-5). */
  | { readonly kind: 'silent'; readonly pid: number }
  /** It took the order, and ended before it answered. */
  | { readonly kind: 'lost'; readonly pid: number }
  | { readonly kind: 'no-token'; readonly file: string }

export interface ControlServer {
  /** Answers that are on their way are sent first, within a second. */
  close(): Promise<void>
}

const NAME = /^control-([1-9][0-9]{0,6})-[0-9a-f]{3}$/
const TOKEN_FILE = 'control.token'
const LONGEST_ORDER = 16_384
const MOST_CLIENTS = 8
const ORDER_WITHIN_MS = 5_000
const FLUSH_WITHIN_MS = 1_000
/** Sent as soon as the order is understood, so that a client knows that somebody is at work. */
const TAKEN = '{"kind":"taken"}'
/** What a client says to that. */
const GO = '{"go":true}'

/** The caller holds the lock of the directory: whatever socket and token are there already are nobody's. */
export async function serveControl(
  stateDirectory: string, carryOut: (order: Order) => Promise<OrderAnswer>,
): Promise<ControlServer> {
  const directory = localPlace(stateDirectory)
  const place = new SocketPath(directory)
  try {
    for (const { name } of await socketsIn(directory)) await unlink(`${directory}/${name}`).catch(() => {})
    const token = randomBytes(32).toString('hex')
    await writeToken(`${directory}/${TOKEN_FILE}`, token)
    const name = `control-${process.pid}-${randomBytes(2).toString('hex').slice(0, 3)}`
    const clients = new Set<Socket>()
    const busy = new Set<Promise<void>>()
    const server = createServer((socket) => {
      clients.add(socket)
      socket.once('close', () => clients.delete(socket))
      const done = serve(socket, token, carryOut).finally(() => busy.delete(done))
      busy.add(done)
    })
    server.maxConnections = MOST_CLIENTS
    await new Promise<void>((done, fail) => {
      server.once('error', fail)
      server.listen(place.of(name), done)
    })
    await chmod(`${directory}/${name}`, 0o600).catch(() => {})
    server.on('error', () => {})
    server.unref()
    return {
      close: async () => {
        const closed = new Promise<void>((done) => server.close(() => done()))
        // An order of a job that was cancelled is never answered.
        let late: NodeJS.Timeout | undefined
        const tooLate = new Promise<void>((done) => (late = setTimeout(done, FLUSH_WITHIN_MS)))
        await Promise.race([Promise.all(busy), tooLate])
        clearTimeout(late)
        for (const client of clients) client.destroy()
        await closed
        place.close()
      },
    }
  } catch (error) {
    place.close()
    throw error
  }
}

/** A new file, never one that somebody else prepared. */
async function writeToken(path: string, token: string): Promise<void> {
  await unlink(path).catch(() => {})
  await writeFile(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
}

async function serve(socket: Socket, token: string, carryOut: (order: Order) => Promise<OrderAnswer>): Promise<void> {
  socket.on('error', () => {})
  const line = await nextLine(socket)
  if (line === undefined) {
    socket.destroy()
    return
  }
  let answer: OrderAnswer
  try {
    const order = parseOrder(line, token)
    const go = nextLine(socket)
    socket.write(`${TAKEN}\n`)
    if (await go !== GO) {
      socket.destroy()
      return
    }
    answer = await carryOut(order)
  } catch (error) {
    answer = { kind: 'failed', error: reportOf(engineError(error)) }
  }
  await new Promise<void>((done) => {
    if (socket.destroyed) done()
    else {
      socket.once('close', done)
      socket.end(`${JSON.stringify(answer)}\n`, () => done())
    }
  })
}

/** OR-2; undefined: it did not come, or is too long. Of what follows the line in one piece nothing is read. */
function nextLine(socket: Socket): Promise<string | undefined> {
  return new Promise((done) => {
    let text = ''
    const timer = setTimeout(() => end(undefined), ORDER_WITHIN_MS)
    timer.unref()
    const end = (line: string | undefined): void => {
      clearTimeout(timer)
      socket.removeAllListeners('data')
      socket.off('close', closed)
      socket.resume()
      done(line)
    }
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const newline = text.indexOf('\n')
      if (newline >= 0) end(text.slice(0, newline))
      else if (text.length > LONGEST_ORDER) end(undefined)
    })
    const closed = (): void => end(undefined)
    socket.once('close', closed)
  })
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Throws E156. */
function parseOrder(line: string, token: string): Order {
  let given: Readonly<Record<string, unknown>>
  try {
    const parsed: unknown = JSON.parse(line)
    given = typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {}
  } catch {
    given = {}
  }
  const of = typeof given['token'] === 'string' ? given['token'] : ''
  if (!timingSafeEqual(digest(of), digest(token))) {
    throw E156_ORDER_REFUSED({ problem: 'its token is not that of the running process' })
  }
  const { order, to, drain, savepoint } = given
  if (order === 'rescale' && Number.isSafeInteger(to)) return { order, to: to as number }
  if (order === 'savepoint' && isPath(to)) return { order, to }
  if (order === 'stop' && typeof drain === 'boolean' && (savepoint === undefined || isPath(savepoint))) {
    return { order, drain, ...(savepoint === undefined ? {} : { savepoint }) }
  }
  throw E156_ORDER_REFUSED({ problem: 'it is no order that this version knows' })
}

const isPath = (value: unknown): value is string =>
  typeof value === 'string' && (isAbsolute(value) || isRemote(value)) && !value.includes('\0')

/**
 * Gives an order to whoever runs the job of a state directory and waits until it is carried out, however long
 * that takes; `takenWithinMs` is for the first sign that it was understood. Throws what reading the directory gives.
 */
export async function giveOrder(stateDirectory: string, order: Order, takenWithinMs: number): Promise<OrderOutcome> {
  const directory = localPlace(stateDirectory)
  const file = `${directory}/${TOKEN_FILE}`
  const place = new SocketPath(directory)
  try {
    let silent: number | undefined
    for (const { name, pid } of await socketsIn(directory)) {
      const token = await readFile(file, 'utf8').catch(() => undefined)
      if (token === undefined) return { kind: 'no-token', file }
      const said = await ask(place.of(name), JSON.stringify({ token: token.trim(), ...order }), takenWithinMs)
      if (said === 'lost') return { kind: 'lost', pid }
      if (said === 'silent') silent = pid
      else if (said !== 'dead') return { kind: 'answer', answer: said }
    }
    return silent === undefined ? { kind: 'nobody' } : { kind: 'silent', pid: silent }
  } finally {
    place.close()
  }
}

function ask(path: string, line: string, takenWithinMs: number): Promise<OrderAnswer | 'silent' | 'lost' | 'dead'> {
  return new Promise((done) => {
    const socket = connect({ path })
    let said = ''
    let connected = false
    let taken = false
    const end = (outcome: OrderAnswer | 'silent' | 'lost' | 'dead'): void => {
      clearTimeout(timer)
      socket.destroy()
      done(outcome)
    }
    const timer = setTimeout(() => end('silent'), takenWithinMs)
    socket.setEncoding('utf8')
    socket.on('connect', () => {
      connected = true
      socket.write(`${line}\n`)
    })
    socket.on('data', (chunk: string) => {
      said += chunk
      if (taken || !said.startsWith(`${TAKEN}\n`)) return
      taken = true
      clearTimeout(timer)
      socket.write(`${GO}\n`)
    })
    socket.on('end', () => {
      const last = said.trim().split('\n').at(-1) ?? ''
      if (last === '' || last === TAKEN) end(taken ? 'lost' : 'silent')
      else end(JSON.parse(last) as OrderAnswer)
    })
    socket.on('error', () => end(taken ? 'lost' : connected ? 'silent' : 'dead'))
  })
}

async function socketsIn(directory: string): Promise<readonly { readonly name: string; readonly pid: number }[]> {
  return (await readdir(directory)).flatMap((name) => {
    const pid = NAME.exec(name)?.[1]
    return pid === undefined ? [] : [{ name, pid: Number(pid) }]
  })
}
