/**
 * The sending end of one job edge in one subtask: chooses a channel for each record and batches.
 *
 * Owns the open batch of every target channel. Called by the chain (records) and by the subtask
 * (control items, which first close every open batch so that nothing overtakes them: RW-1).
 *
 *   RW-1  A control item is behind every record collected before it, in every channel.
 *   RW-2  A key goes to the subtask that owns its key group.
 *   RW-3  The watermarks of an edge increase, also where those of restored records and of new ones meet.
 */
import { MIN_TIMESTAMP } from '../base/time.ts'
import { subtaskOfGroup } from '../graph/key-groups.ts'
import type { Ship } from '../graph/logical-graph.ts'
import type { KeySelector } from '../graph/operator-spec.ts'
import { checkKey, keyGroupOf } from '../record/key-codec.ts'
import type { ChannelSender } from '../channel/channel.ts'
import type { ControlItem } from '../channel/items.ts'
import type { Inline } from '../operator/inline.ts'
import type { Collect } from '../operator/operator.ts'

/** Shared by all writers of a subtask: true once some channel is full, until `Pressure.check`. */
export interface Pressure {
  full: boolean
}

interface Target {
  readonly channel: ChannelSender
  values: unknown[]
  timestamps: number[]
}

/** Where the records of a key go. */
interface Router {
  /** By their low bits the keys that are numbers and were last found; NaN for none. */
  readonly keys: Float64Array
  /** Of `keys`. */
  readonly places: readonly Target[]
  /** Throws E072 for what is no key. */
  readonly find: (given: unknown) => Target
  readonly of: (given: unknown) => Target
}

/** Keys that are numbers, of which the place is remembered; a power of two. */
const KNOWN_KEYS = 1024

export class RecordWriter {
  readonly collect: Collect
  /** `collect` as statements; undefined where it is only a push. */
  readonly inline: Inline | undefined
  readonly #targets: readonly Target[]
  readonly #pressure: Pressure
  readonly #batchRecords: number
  #next = 0
  #pushed = 0
  /** Records counted once although each goes to all targets. */
  readonly #copies: number
  /** Last watermark sent; MIN_TIMESTAMP before the first. */
  watermark = MIN_TIMESTAMP

  constructor(init: {
    ship: Ship
    /** Indexed by subtask of the consumer; for 'forward' the one channel. */
    channels: readonly ChannelSender[]
    operator: string
    maxParallelism: number
    batchRecords: number
    pressure: Pressure
    /** Where 'rebalance' begins: the subtask's own index, so that writers start spread out. */
    firstTarget: number
  }) {
    this.#targets = init.channels.map((channel) => ({ channel, values: [], timestamps: [] }))
    this.#pressure = init.pressure
    this.#batchRecords = init.batchRecords
    this.#next = init.firstTarget % init.channels.length
    this.#copies = init.ship.kind === 'broadcast' ? init.channels.length : 1
    const { ship } = init
    if (ship.kind === 'hash' && init.channels.length > 1) {
      const route = this.#router(init.operator, init.maxParallelism)
      this.collect = (value, timestamp) => this.#add(route.of(ship.keyOf(value)), value, timestamp)
      this.inline = this.#inlineOf(ship.keyOf, route)
    } else {
      this.collect = this.#collector(ship, init.operator)
      this.inline = undefined
    }
  }

  get full(): boolean {
    for (const target of this.#targets) if (target.channel.full) return true
    return false
  }

  /** Records in batches that left; a record for all consumers counts once. */
  get records(): number {
    return this.#pushed / this.#copies
  }

  get channels(): readonly ChannelSender[] {
    return this.#targets.map(({ channel }) => channel)
  }

  flush(): void {
    for (const target of this.#targets) if (target.values.length > 0) this.#close(target)
  }

  broadcast(item: ControlItem): void {
    if (item.kind === 'watermark' && item.watermark <= this.watermark) return
    this.flush()
    if (item.kind === 'watermark') this.watermark = item.watermark
    for (const target of this.#targets) target.channel.push(item)
  }

  /** RW-2. Hashing a key costs more than to look whether it is the one that was last at its place. */
  #router(operator: string, maxParallelism: number): Router {
    const targets = this.#targets
    const keys = new Float64Array(KNOWN_KEYS).fill(Number.NaN)
    const places = Array.from({ length: KNOWN_KEYS }, () => targets[0] as Target)
    const find = (given: unknown): Target => {
      const key = checkKey(given, operator)
      const subtask = subtaskOfGroup(keyGroupOf(key, maxParallelism), targets.length, maxParallelism)
      const target = targets[subtask] as Target
      if (typeof key === 'number') {
        keys[key & (KNOWN_KEYS - 1)] = key
        places[key & (KNOWN_KEYS - 1)] = target
      }
      return target
    }
    return {
      keys, places, find,
      of: (key) => (typeof key === 'number' && keys[key & (KNOWN_KEYS - 1)] === key
        ? places[key & (KNOWN_KEYS - 1)] as Target
        : find(key)),
    }
  }

  #inlineOf(keyOf: KeySelector, { keys, places, find }: Router): Inline {
    const mask = KNOWN_KEYS - 1
    return (code, value, time) => {
      const [key, target] = [code.local(), code.local()]
      return `const ${key} = ${code.bind(keyOf)}(${value})
        const ${target} = typeof ${key} === 'number' && ${code.bind(keys)}[${key} & ${mask}] === ${key}
          ? ${code.bind(places)}[${key} & ${mask}] : ${code.bind(find)}(${key})
        ${target}.values.push(${value}); ${target}.timestamps.push(${time})
        if (${target}.values.length >= ${this.#batchRecords}) ${code.bind((full: Target) => this.#close(full))}(${target})`
    }
  }

  #collector(ship: Ship, operator: string): Collect {
    const targets = this.#targets
    const size = targets.length
    switch (ship.kind) {
      case 'forward': {
        const only = targets[0] as Target
        return (value, timestamp) => this.#add(only, value, timestamp)
      }
      case 'hash': {
        // Whatever the key group is, it is here; only the key has to be one.
        const { keyOf } = ship
        const only = targets[0] as Target
        return (value, timestamp) => {
          checkKey(keyOf(value), operator)
          this.#add(only, value, timestamp)
        }
      }
      case 'broadcast':
        return (value, timestamp) => {
          for (const target of targets) this.#add(target, value, timestamp)
        }
      case 'rebalance':
        return (value, timestamp) => {
          this.#add(targets[this.#next] as Target, value, timestamp)
          this.#next = this.#next + 1 === size ? 0 : this.#next + 1
        }
    }
  }

  #add(target: Target, value: unknown, timestamp: number): void {
    target.values.push(value)
    target.timestamps.push(timestamp)
    if (target.values.length >= this.#batchRecords) this.#close(target)
  }

  #close(target: Target): void {
    const { channel, values, timestamps } = target
    channel.push({ kind: 'data', values, timestamps })
    this.#pushed += values.length
    target.values = []
    target.timestamps = []
    if (channel.full) this.#pressure.full = true
  }
}
