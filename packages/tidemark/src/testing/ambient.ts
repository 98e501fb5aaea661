/**
 * Ambient time and chance of user functions, made part of the simulation while a run lasts.
 *
 * Called by explore-run.ts around one synchronous run: nothing else of the process runs meanwhile, and
 * everything is put back before the run returns. Each use is counted, with the line that made it.
 *
 *   AM-1  Within a run, Date, Math.random, performance.now, crypto and timers answer from the seed.
 *   AM-2  After a run, however it ends, every global is the very one it was.
 */
import { userFrame } from '../api/call-site.ts'
import type { Prng } from '../base/prng.ts'

export interface AmbientUse {
  /** Such as `Date.now()`. */
  readonly call: string
  /** file:line, if it could be found. */
  readonly place: string | undefined
  readonly times: number
}

export interface AmbientWorld {
  wallMs(): number
  monotonicMs(): number
  readonly random: Prng
  /** Runs `fire` after a delay, unless the process is dead by then; gives a function that cancels. */
  after(delayMs: number, fire: () => void): () => void
}

/** A stack trace costs more than the call: after so many of one kind only the count goes up. */
const MOST_PLACES = 8

export class AmbientLog {
  readonly #uses = new Map<string, { call: string; place: string | undefined; times: number }>()
  readonly #traced = new Map<string, number>()

  get uses(): readonly AmbientUse[] {
    return [...this.#uses.values()]
  }

  note(call: string): void {
    const traced = (this.#traced.get(call) ?? 0) + 1
    this.#traced.set(call, traced)
    const known = [...this.#uses.values()].filter((use) => use.call === call)
    const place = traced <= MOST_PLACES ? userFrame(new Error('ambient').stack) : known.at(-1)?.place
    const id = `${call} ${place ?? ''}`
    const use = this.#uses.get(id) ?? { call, place, times: 0 }
    use.times += 1
    this.#uses.set(id, use)
  }
}

type Globals = Record<string, unknown>

/** Runs `run` with everything ambient answered by `world`. */
export function virtualised<T>(world: AmbientWorld, log: AmbientLog, run: () => T): T {
  const undo: (() => void)[] = []
  const replace = (target: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(target, name)
    const enumerable = before?.enumerable ?? true
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable })
    undo.push(() => {
      if (before === undefined) delete (target as Globals)[name]
      else Object.defineProperty(target, name, before)
    })
  }
  try {
    replaceDate(world, log, replace)
    replaceChance(world, log, replace)
    replaceTimers(world, log, replace)
    return run()
  } finally {
    for (const put of undo.reverse()) put()
  }
}

type Replace = (target: object, name: string, value: unknown) => void

function replaceDate(world: AmbientWorld, log: AmbientLog, replace: Replace): void {
  const Real = Date
  const now = (): number => {
    log.note('Date.now()')
    return world.wallMs()
  }
  const virtual = new Proxy(Real, {
    construct(target, args: unknown[], newTarget) {
      if (args.length > 0) return Reflect.construct(target, args, newTarget) as Date
      log.note('new Date()')
      return Reflect.construct(target, [world.wallMs()], newTarget) as Date
    },
    apply() {
      log.note('Date()')
      return new Real(world.wallMs()).toString()
    },
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  })
  replace(globalThis, 'Date', virtual)
  replace(Real.prototype, 'constructor', virtual)
  replace(performance, 'now', () => {
    log.note('performance.now()')
    return world.monotonicMs()
  })
}

function replaceChance(world: AmbientWorld, log: AmbientLog, replace: Replace): void {
  const { random } = world
  replace(Math, 'random', () => {
    log.note('Math.random()')
    return random.uint32() / 4294967296
  })
  const bytes = (target: Uint8Array): void => {
    for (let i = 0; i < target.length; i++) target[i] = random.below(256)
  }
  replace(crypto, 'randomUUID', () => {
    log.note('crypto.randomUUID()')
    const raw = new Uint8Array(16)
    bytes(raw)
    const hex = [...raw].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
  })
  replace(crypto, 'getRandomValues', <A extends ArrayBufferView>(array: A): A => {
    log.note('crypto.getRandomValues()')
    bytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    return array
  })
}

/** What setTimeout gives in Node; only what is called on it by users. */
class VirtualTimer {
  readonly cancel: () => void

  constructor(cancel: () => void) {
    this.cancel = cancel
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return true
  }
}

function replaceTimers(world: AmbientWorld, log: AmbientLog, replace: Replace): void {
  const once = (call: string) => (fire: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) => {
    log.note(call)
    return new VirtualTimer(world.after(Number(delayMs) || 0, () => fire(...args)))
  }
  const every = (fire: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]): VirtualTimer => {
    log.note('setInterval()')
    let cancel = (): void => {}
    const again = (): void => {
      cancel = world.after(Math.max(1, Number(delayMs) || 0), () => {
        again()
        fire(...args)
      })
    }
    again()
    return new VirtualTimer(() => cancel())
  }
  const immediate = once('setImmediate()')
  replace(globalThis, 'setTimeout', once('setTimeout()'))
  replace(globalThis, 'setInterval', every)
  replace(globalThis, 'setImmediate', (fire: () => void, ...args: unknown[]) => immediate(fire, 0, ...args))
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate'] as const) {
    const real = globalThis[name] as (timer: unknown) => void
    replace(globalThis, name, (timer: unknown) => {
      if (timer instanceof VirtualTimer) timer.cancel()
      else real(timer)
    })
  }
}
