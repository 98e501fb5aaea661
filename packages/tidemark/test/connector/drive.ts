/** Drives sources the way a subtask does, over real timers and any storage. */
import type { Ports, Storage } from '../../src/base/ports.ts'
import { Prng } from '../../src/base/prng.ts'
import type { AnySource, DiscoveryContext, MalformedRow, ReaderContext, SourceSpec, Split } from '../../src/graph/source.ts'
import { MemoryStorage } from '../../src/host/memory-storage.ts'
import { bytesOf, run } from '../host/storage.suite.ts'

export { bytesOf, run, textOf } from '../host/storage.suite.ts'

export function testPorts(storage: Storage): Ports {
  return {
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
    timers: {
      after(delayMs, fire) {
        const timer = setTimeout(fire, delayMs)
        return { cancel: () => clearTimeout(timer) }
      },
    },
    random: new Prng(1),
    executor: { post: (_lane, mail) => void setImmediate(mail) },
    storage,
    log: () => {},
    probe: () => {},
  }
}

export async function memoryWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  await run(storage.makeDirectory('/in'))
  for (const [name, content] of Object.entries(files)) {
    const file = await run(storage.create(`/in/${name}`))
    await run(storage.append(file, typeof content === 'string' ? bytesOf(content) : content))
    await run(storage.close(file))
  }
  return storage
}

export const discovery = (storage: Storage, state?: unknown): DiscoveryContext =>
  ({ storage, parallelism: 1, state })

export interface ReadOptions {
  /** Rows a poll; called before every poll. */
  readonly max?: () => number
  /** Called between two polls: true closes the reader and opens one at its position. */
  readonly reopen?: () => boolean
  /** Goes back to the event loop after every poll, as a task does. */
  readonly breathe?: boolean
}

export interface ReadResult<T> {
  readonly records: T[]
  readonly malformed: MalformedRow[]
}

/** Reads one split to its end. */
export async function readSplit<T>(
  source: SourceSpec<T, any, any>, split: Split, storage: Storage,
  options: ReadOptions = {}, from?: unknown,
): Promise<ReadResult<T>> {
  const result: ReadResult<T> = { records: [], malformed: [] }
  let signal: () => void = () => {}
  let failure: { error: unknown } | undefined
  const context = (): ReaderContext => ({
    storage, ports: testPorts(storage), log: () => {},
    wake: () => signal(),
    fail: (error) => { failure = { error }; signal() },
  })
  let position = from
  let reader = source.openSplit(split, position, context())
  try {
    for (;;) {
      if (failure !== undefined) throw failure.error
      const woken = new Promise<void>((resolve) => { signal = resolve })
      const batch = reader.poll(options.max?.() ?? 1000)
      if (failure !== undefined) throw (failure as { error: unknown }).error
      if (batch === 'end') return result
      if (batch === 'pending') {
        await woken
        continue
      }
      for (const record of batch.records) result.records.push(record)
      result.malformed.push(...batch.malformed)
      if (options.breathe === true) await new Promise((resolve) => setImmediate(resolve))
      if (options.reopen?.() === true) {
        position = structuredClone(reader.position())
        reader.close()
        reader = source.openSplit(split, position, context())
      }
    }
  } finally {
    reader.close()
  }
}

/** Discovers once and reads all splits in order. */
export async function readAll<T>(
  source: SourceSpec<T, any, any>, storage: Storage, options: ReadOptions = {},
): Promise<ReadResult<T>> {
  const { splits } = await run((source as AnySource).discover(discovery(storage)))
  const result: ReadResult<T> = { records: [], malformed: [] }
  for (const split of splits) {
    const part = await readSplit(source, structuredClone(split), storage, options)
    for (const record of part.records) result.records.push(record)
    result.malformed.push(...part.malformed)
  }
  return result
}
