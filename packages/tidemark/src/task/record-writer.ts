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
import { checkKey, keyGroupOf } from '../record/key-codec.ts'
import type { ChannelSender } from '../channel/channel.ts'
import type { ControlItem } from '../channel/items.ts'
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

export class RecordWriter {
  readonly collect: Collect
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
    this.collect = this.#collector(init.ship, init.operator, init.maxParallelism)
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

  #collector(ship: Ship, operator: string, maxParallelism: number): Collect {
    const targets = this.#targets
    const size = targets.length
    switch (ship.kind) {
      case 'forward': {
        const only = targets[0] as Target
        return (value, timestamp) => this.#add(only, value, timestamp)
      }
      case 'hash': {
        const { keyOf } = ship
        if (size === 1) {
          // Whatever the key group is, it is here; only the key has to be one.
          const only = targets[0] as Target
          return (value, timestamp) => {
            checkKey(keyOf(value), operator)
            this.#add(only, value, timestamp)
          }
        }
        return (value, timestamp) => {
          const group = keyGroupOf(checkKey(keyOf(value), operator), maxParallelism)
          this.#add(targets[subtaskOfGroup(group, size, maxParallelism)] as Target, value, timestamp)
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
