/**
 * The lock on a state directory: held by the kernel, gone with the process.
 *
 * A listening unix socket inside the directory. Connecting to it works as long as its owner lives,
 * also in another container, and is refused from the instant of its death, kill -9 included. It is
 * bound to a name of its own and then linked to `lock-<n>`: link() is what two starters race for.
 *
 * Called by the hosts that write to a state directory, before openDirectory. For one in object storage it lies in a
 * directory of this machine, and keeps out only processes of this machine (PLC-2).
 *
 *   DL-1  `lock-<n>` is claimed only after `lock-<n-1>`, the highest one, was seen dead, and it is
 *         listening before it has that name: the highest name is never free while its owner lives.
 *   DL-2  The highest name is never removed, not even on a clean end, and only its owner removes
 *         lower ones. A claim that finds a higher name afterwards is withdrawn: so a slow starter
 *         that claims a number which was removed in the meantime does not hold the lock.
 *   DL-3  A stopped process still holds the lock; only `takeOver` passes by it, and then the epoch
 *         of the directory shuts it out.
 *
 * Source: decision D8; unix(7), link(2).
 */
import { randomBytes } from 'node:crypto'
import { chmod, link, readdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { E049_NO_HARD_LINKS, E051_STATE_LOCKED } from '../checkpoint/errors.ts'
import { storageError } from '../base/storage-errors.ts'
import { makeDirectories } from './make-directories.ts'
import { localPlace } from './places.ts'
import { SocketPath } from './socket-path.ts'

export interface DirectoryLock {
  /** Gives the lock back. The next starter finds it free at once. */
  release(): Promise<void>
}

export interface LockOptions {
  /** Go on even if the holder lives; for one that is stopped for good. */
  readonly takeOver?: boolean
  readonly pid?: number
  /** How long a living holder has to say its process id. */
  readonly answerWithinMs?: number
}

const LOCK = /^lock-([1-9][0-9]{0,15})$/
const PENDING = /^\.lock-[0-9a-f]+$/
const MOST_ROUNDS = 100

type Holder = { readonly kind: 'dead' | 'gone' } | { readonly kind: 'alive'; readonly pid: number | undefined }

/** Throws E051 if another process holds it. */
export async function lockDirectory(stateDirectory: string, options: LockOptions = {}): Promise<DirectoryLock> {
  const directory = localPlace(stateDirectory)
  await named('mkdir', directory, makeDirectories(directory, 0o700))
  const place = new LockPlace(directory, stateDirectory)
  try {
    return await acquire(place, options)
  } catch (error) {
    place.close()
    throw error
  }
}

const errnoOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'EIO'

/** A failure of the disk is told as one, with what was tried and where. */
async function named<T>(operation: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw storageError({ errno: errnoOf(error), operation, path }, error)
  }
}

async function acquire(place: LockPlace, options: LockOptions): Promise<DirectoryLock> {
  const pid = options.pid ?? process.pid
  let own: Bound | undefined
  try {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const highest = (await place.numbers()).at(-1) ?? 0
      const holder = highest === 0 ? DEAD : await ask(place.socket(`lock-${highest}`), options.answerWithinMs ?? 500)
      if (holder.kind === 'gone') continue
      if (holder.kind === 'alive' && options.takeOver !== true) {
        const known = holder.pid ?? (await place.notedPid(highest))
        throw E051_STATE_LOCKED({ directory: place.locked, pid: known, answers: holder.pid !== undefined })
      }
      const bound: Bound = own ?? (await bind(place, pid))
      own = bound
      const claimed = await claim(place, bound, highest + 1)
      if (claimed === 'lost-socket') {
        await bound.close()
        own = undefined
      }
      if (claimed !== 'claimed') continue
      if ((await place.numbers()).at(-1) !== highest + 1) {
        // DL-2: the number had been used and removed; whoever is higher was there first.
        await place.remove(`lock-${highest + 1}`)
        continue
      }
      await place.note(highest + 1, pid)
      await cleanUp(place, bound, highest + 1)
      return {
        release: async () => {
          await bound.close()
          place.close()
        },
      }
    }
    throw E051_STATE_LOCKED({ directory: place.locked, pid: undefined, answers: true })
  } catch (error) {
    if (own !== undefined) {
      await place.remove(own.name)
      await own.close()
    }
    throw error
  }
}

const DEAD: Holder = { kind: 'dead' }

interface Bound {
  readonly name: string
  readonly close: () => Promise<void>
}

/** Listens under a name that nobody else uses; answers every caller with the process id. */
async function bind(place: LockPlace, pid: number): Promise<Bound> {
  const name = `.lock-${randomBytes(8).toString('hex')}`
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(`${pid}\n`)
  })
  await listen(server, place.socket(name), place.directory)
  await chmod(place.file(name), 0o600).catch(() => {})
  // The lock alone does not keep a process alive.
  server.unref()
  return { name, close: () => new Promise((done) => server.close(() => done())) }
}

function listen(server: Server, path: string, directory: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const errno = error.code ?? 'EIO'
      fail(storageError({ errno, operation: 'the lock (a unix socket)', path: directory }, error))
    })
    server.listen(path, done)
  })
}

async function claim(place: LockPlace, own: Bound, n: number): Promise<'claimed' | 'exists' | 'lost-socket'> {
  try {
    await link(place.file(own.name), place.file(`lock-${n}`))
    return 'claimed'
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EEXIST') return 'exists'
    // The holder's cleaning took the name for a dead one's, between bind and listen.
    if (errno === 'ENOENT') return 'lost-socket'
    if (errno === 'EPERM' || errno === 'ENOTSUP' || errno === 'EOPNOTSUPP') {
      throw E049_NO_HARD_LINKS({ directory: place.directory, errno }, { cause: error })
    }
    throw storageError({ errno, operation: 'link', path: place.directory }, error)
  }
}

/** Removes lower numbers and the names of starters that died on the way. */
async function cleanUp(place: LockPlace, own: Bound, mine: number): Promise<void> {
  await place.remove(own.name)
  for (const name of await place.names()) {
    const n = Number(LOCK.exec(name)?.[1] ?? /^lock-([0-9]+)\.pid$/.exec(name)?.[1] ?? mine)
    if (n < mine) await place.remove(name)
    else if (PENDING.test(name) && (await ask(place.socket(name), 0)).kind === 'dead') await place.remove(name)
  }
}

/** Does the owner of a socket live, and who is it? */
function ask(path: string, answerWithinMs: number): Promise<Holder> {
  return new Promise((done, fail) => {
    const socket = connect({ path })
    let text = ''
    let connected = false
    const end = (holder: Holder): void => {
      clearTimeout(timer)
      socket.destroy()
      done(holder)
    }
    const alive = (): Holder => {
      const pid = Number(text)
      return { kind: 'alive', pid: text !== '' && Number.isSafeInteger(pid) ? pid : undefined }
    }
    const timer = setTimeout(() => end(alive()), Math.max(answerWithinMs, 50))
    socket.setEncoding('utf8')
    socket.on('connect', () => {
      connected = true
      if (answerWithinMs === 0) end(alive())
    })
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('end', () => end(alive()))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (connected || error.code === 'EAGAIN') end(alive())
      else if (error.code === 'ECONNREFUSED') end({ kind: 'dead' })
      else if (error.code === 'ENOENT') end({ kind: 'gone' })
      else {
        clearTimeout(timer)
        fail(storageError({ errno: error.code ?? 'EIO', operation: 'connect', path }, error))
      }
    })
  })
}

/** Names in the directory, and a way to say them to bind() and connect() however long the path is. */
class LockPlace {
  readonly #sockets: SocketPath
  /** What the lock is for. */
  readonly locked: string

  constructor(directory: string, locked: string) {
    this.#sockets = new SocketPath(directory)
    this.locked = locked
  }

  get directory(): string {
    return this.#sockets.directory
  }

  file(name: string): string {
    return `${this.directory}/${name}`
  }

  socket(name: string): string {
    return this.#sockets.of(name)
  }

  async names(): Promise<readonly string[]> {
    return await named('list', this.directory, readdir(this.directory))
  }

  async numbers(): Promise<readonly number[]> {
    const found = (await this.names()).map((name) => Number(LOCK.exec(name)?.[1] ?? 0))
    return found.filter((n) => n > 0 && Number.isSafeInteger(n)).toSorted((a, b) => a - b)
  }

  async remove(name: string): Promise<void> {
    await unlink(this.file(name)).catch(() => {})
  }

  /** For people who meet a stopped holder: it cannot answer, but it has left its number. */
  async note(n: number, pid: number): Promise<void> {
    await writeFile(this.file(`lock-${n}.pid`), `${pid}\n`, { mode: 0o600 }).catch(() => {})
  }

  async notedPid(n: number): Promise<number | undefined> {
    const text = await readFile(this.file(`lock-${n}.pid`), 'utf8').catch(() => '')
    const pid = Number(text)
    return text !== '' && Number.isSafeInteger(pid) ? pid : undefined
  }

  close(): void {
    this.#sockets.close()
  }
}
