import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { storageError } from '../../src/base/storage-errors.ts'
import { attempt, checkpointId, epoch } from '../../src/base/ids.ts'
import { start, type Io } from '../../src/base/io.ts'
import type { Storage } from '../../src/base/ports.ts'
import { files, type FilesOptions } from '../../src/connector/files.ts'
import { nameField } from '../../src/connector/file-names.ts'
import type { SinkContext } from '../../src/graph/sink.ts'
import { MemoryStorage } from '../../src/host/memory-storage.ts'
import { memoryWith, run, testPorts, textOf } from './drive.ts'

const OUT = '/in/out'

interface Setup {
  readonly epoch?: number
  readonly attempt?: number
  readonly subtask?: number
  readonly operator?: string
  readonly jobId?: string
  readonly fail?: (error: unknown) => void
  readonly wake?: () => void
}

function context(storage: Storage, setup: Setup = {}): SinkContext {
  return {
    storage, ports: testPorts(storage), log: () => {}, operator: setup.operator ?? 'out', subtask: setup.subtask ?? 0,
    jobId: setup.jobId ?? 'job1', epoch: epoch(setup.epoch ?? 1), attempt: attempt(setup.attempt ?? 0),
    wake: setup.wake ?? (() => {}), fail: setup.fail ?? (() => {}),
  }
}

const sink = (options: Partial<FilesOptions> = {}) => files({ path: OUT, ...options })
const names = async (storage: Storage): Promise<readonly string[]> => (await run(storage.list(OUT))) ?? []
const visible = async (storage: Storage): Promise<readonly string[]> =>
  (await names(storage)).filter((name) => !name.startsWith('.'))

async function rows(storage: Storage): Promise<unknown[]> {
  const all: unknown[] = []
  for (const name of await visible(storage)) {
    const text = textOf(await run(storage.readWhole(`${OUT}/${name}`)))
    all.push(...text.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown))
  }
  return all
}

/** A memory storage where chosen operations fail. */
class FailingStorage extends MemoryStorage {
  fails: (operation: string, path: string) => string | undefined = () => undefined

  #check(operation: string, path: string): void {
    const errno = this.fails(operation, path)
    if (errno !== undefined) throw storageError({ errno, operation, path })
  }

  override *append(...[file, bytes]: Parameters<MemoryStorage['append']>): Io<void> {
    this.#check('append', file.path)
    yield* super.append(file, bytes)
  }

  override *sync(...[file]: Parameters<MemoryStorage['sync']>): Io<void> {
    this.#check('sync', file.path)
    yield* super.sync(file)
  }

  override *syncDirectory(path: string): Io<void> {
    this.#check('syncDirectory', path)
    yield* super.syncDirectory(path)
  }
}

describe('file sink', () => {
  test('rows are invisible until their commit, then under a final name, and no staged file is left', async () => {
    const storage = await memoryWith({})
    const writer = sink().createWriter(context(storage))
    const committer = sink().createCommitter(context(storage))
    writer.write({ a: 1, d: new Date(0), u: undefined, n: Number.NaN }, 0)
    const committables = structuredClone(await run(writer.prepareCommit(checkpointId(1))))
    writer.write({ a: 2 }, 0)
    expect(await visible(storage)).toEqual([])
    await run(committer.commit(committables))
    expect(await visible(storage)).toEqual(['out-job1-0-1-1-1.jsonl'])
    expect(await rows(storage)).toEqual([{ a: 1, d: '1970-01-01T00:00:00.000Z', n: null }])
    writer.close()
    expect(await names(storage)).toEqual(['out-job1-0-1-1-1.jsonl'])
  })

  test('nothing written, nothing staged: no directory, no committable, and the commit of nothing is fine', async () => {
    const storage = await memoryWith({})
    const writer = sink().createWriter(context(storage))
    const committables = await run(writer.prepareCommit(checkpointId(1)))
    expect(committables).toEqual([])
    await run(sink().createCommitter(context(storage)).commit(committables))
    await run(sink().createCommitter(context(storage)).removeAbandoned([]))
    expect(await run(storage.stat(OUT))).toBeUndefined()
  })

  test('prepareCommit cuts when it is called, not when its Io first runs', async () => {
    const storage = await memoryWith({})
    const writer = sink().createWriter(context(storage))
    writer.write(1, 0)
    const io = writer.prepareCommit(checkpointId(1))
    writer.write(2, 0)
    await run(sink().createCommitter(context(storage)).commit(await run(io)))
    expect(await rows(storage)).toEqual([1])
  })

  type Step =
    | { kind: 'write'; subtask: number }
    | { kind: 'checkpoint'; complete: boolean; commits: number }
    | { kind: 'crash'; newEpoch: boolean }
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), subtask: fc.nat(1) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('checkpoint' as const), complete: fc.boolean(), commits: fc.nat(2),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), newEpoch: fc.boolean() }) },
  )

  test('any interleaving of writes, aborts, crashes and repeated commits leaves exactly the committed rows', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 60 }),
      async (steps, partMaxBytes) => {
        const storage = await memoryWith({})
        const spec = sink({ partMaxBytes })
        let term = 1
        let checkpoint = 0
        let record = 0
        // The engine's side: committables of aborted checkpoints are carried into the next one.
        let carried: unknown[] = []
        let pending: unknown[] = []
        let uncut: number[] = []
        let cut: number[] = []
        const committed: number[] = []
        const open = () => [0, 1].map((subtask) => spec.createWriter(context(storage, { epoch: term, subtask })))
        const committer = () => spec.createCommitter(context(storage, { epoch: term }))
        let writers = open()
        for (const one of [...steps, { kind: 'checkpoint', complete: true, commits: 1 } as const]) {
          if (one.kind === 'write') {
            writers[one.subtask]?.write(++record, 0)
            uncut.push(record)
          } else if (one.kind === 'checkpoint') {
            checkpoint += 1
            for (const writer of writers) carried.push(...(await run(writer.prepareCommit(checkpointId(checkpoint)))))
            cut.push(...uncut)
            uncut = []
            if (!one.complete) continue
            // Completed: its manifest holds these commits until they are confirmed.
            pending = [...pending, ...carried]
            carried = []
            committed.push(...cut)
            cut = []
            for (let i = 0; i < one.commits; i++) await run(committer().commit(structuredClone(pending)))
            if (one.commits === 2) pending = []
          } else {
            // What no completed checkpoint holds is gone, and the sources write new records for it.
            for (const writer of writers) writer.close()
            carried = []
            uncut = []
            cut = []
            if (one.newEpoch) term += 1
            await run(committer().removeAbandoned(structuredClone(pending)))
            writers = open()
          }
        }
        await run(committer().commit(pending))
        for (const writer of writers) writer.close()
        expect((await rows(storage)).sort((a, b) => Number(a) - Number(b))).toEqual(committed)
        expect(await names(storage)).toEqual(await visible(storage))
      }), { numRuns: 400 })
  })

  test('a crash between link and unlink is a commit that happened', async () => {
    const storage = await memoryWith({})
    const writer = sink().createWriter(context(storage))
    writer.write(1, 0)
    const committables = await run(writer.prepareCommit(checkpointId(1)))
    const [{ staged, final }] = committables as [{ staged: string; final: string }]
    await run(storage.link(`${OUT}/${staged}`, `${OUT}/${final}`))
    const committer = sink().createCommitter(context(storage, { epoch: 2 }))
    await run(committer.removeAbandoned(committables))
    await run(committer.commit(committables))
    expect(await rows(storage)).toEqual([1])
    expect(await names(storage)).toEqual([final])
    await run(committer.commit(committables))
    expect(await rows(storage)).toEqual([1])
  })

  test('a commit that another writer makes between any two looks of ours is a commit that happened', async () => {
    for (let moment = 0; moment < 4; moment++) {
      const storage = await memoryWith({})
      const writer = sink().createWriter(context(storage))
      writer.write(1, 0)
      const committables = await run(writer.prepareCommit(checkpointId(1)))
      const other = sink().createCommitter(context(storage))
      let operations = 0
      const late = new Proxy(storage, {
        get(target, name: keyof MemoryStorage) {
          const operation = target[name] as (...args: unknown[]) => Io<unknown>
          return function* (...args: unknown[]): Io<unknown> {
            if (operations++ === moment) yield* other.commit(committables)
            return yield* operation.apply(target, args)
          }
        },
      })
      await run(sink().createCommitter(context(late, { epoch: 2 })).commit(committables))
      expect(operations).toBeGreaterThan(moment)
      expect(await rows(storage)).toEqual([1])
    }
  })

  test('a final name with other content is E104, and what is staged stays', async () => {
    const storage = await memoryWith({})
    const writer = sink().createWriter(context(storage))
    writer.write(1, 0)
    const committables = await run(writer.prepareCommit(checkpointId(1)))
    await run(storage.create(`${OUT}/out-job1-0-1-1-1.jsonl`))
    const commit = run(sink().createCommitter(context(storage)).commit(committables))
    await expect(commit).rejects.toMatchObject({ code: 'E104' })
    expect(await names(storage)).toHaveLength(2)
  })

  test('staged output that is gone or damaged is E105, never success', async () => {
    const storage = await memoryWith({})
    const writer = sink().createWriter(context(storage))
    writer.write(1, 0)
    const committables = await run(writer.prepareCommit(checkpointId(1)))
    const [{ staged }] = committables as [{ staged: string }]
    const committer = sink().createCommitter(context(storage))
    await run(storage.unlink(`${OUT}/${staged}`))
    await expect(run(committer.commit(committables))).rejects.toMatchObject({ code: 'E105' })
    await run(storage.create(`${OUT}/${staged}`))
    await expect(run(committer.commit(committables))).rejects.toMatchObject({ code: 'E105' })
    expect(await visible(storage)).toEqual([])
  })

  test('removeAbandoned keeps what is live, what others and later terms staged, and what is not ours', async () => {
    const storage = await memoryWith({})
    const stage = async (setup: Setup): Promise<readonly unknown[]> => {
      const writer = sink().createWriter(context(storage, setup))
      writer.write(1, 0)
      return run(writer.prepareCommit(checkpointId(1)))
    }
    const live = await stage({})
    await stage({ subtask: 1 })
    await stage({ epoch: 2 })
    const others = [
      ...(await stage({ operator: 'out2' })), ...(await stage({ jobId: 'job2' })), ...(await stage({ epoch: 4 })),
    ]
    await run(storage.create(`${OUT}/.foreign`))
    await run(sink().createCommitter(context(storage, { epoch: 3 })).removeAbandoned(live))
    const staged = [...live, ...others].map((committable) => (committable as { staged: string }).staged)
    expect(await names(storage)).toEqual(['.foreign', ...staged].sort())
  })

  test('output of a later checkpoint than the restored one is E113, and nothing is removed; of others it is none of ours', async () => {
    const storage = await memoryWith({})
    const commitAs = async (setup: Setup, checkpoint: number): Promise<void> => {
      const writer = sink().createWriter(context(storage, setup))
      writer.write(checkpoint, 0)
      await run(sink().createCommitter(context(storage, setup)).commit(await run(writer.prepareCommit(checkpointId(checkpoint)))))
      writer.close()
    }
    for (const checkpoint of [1, 2, 3]) await commitAs({}, checkpoint)
    await commitAs({ jobId: 'job2' }, 9)
    await commitAs({ operator: 'out2' }, 9)
    const staging = sink().createWriter(context(storage))
    staging.write(4, 0)
    await run(staging.prepareCommit(checkpointId(4)))
    const before = await names(storage)
    const committer = sink().createCommitter(context(storage, { epoch: 2 }))
    for (const restored of [1, 2]) {
      await expect(run(committer.removeAbandoned([], checkpointId(restored)))).rejects.toMatchObject({
        code: 'E113', details: { restored, newest: 3 }, place: { operator: 'out' },
      })
      expect(await names(storage)).toEqual(before)
    }
    await run(committer.removeAbandoned([], checkpointId(3)))
    expect(await names(storage)).toEqual(await visible(storage))
  })

  test('a committable whose name leads out of the directory is refused', async () => {
    const storage = await memoryWith({ victim: 'x' })
    const committer = sink().createCommitter(context(storage))
    const bad = { staged: '.x/../../victim', final: 'a.jsonl', bytes: 1, crc32: 1 }
    await expect(run(committer.commit([bad]))).rejects.toMatchObject({ code: 'E105' })
    expect(nameField('../a/b')).toBe('%2e%2e%2fa%2fb')
    expect(nameField('x'.repeat(300))).toHaveLength(60)
  })

  test.each([['append', 'ENOSPC'], ['sync', 'EIO'], ['syncDirectory', 'EIO']])(
    'a failing %s ends the attempt, commits nothing and leaves nothing after the next start',
    async (operation, errno) => {
      const storage = new FailingStorage()
      await run(storage.makeDirectory(OUT))
      storage.fails = (op) => (op === operation ? errno : undefined)
      const failures: unknown[] = []
      const writer = sink().createWriter(context(storage, { fail: (error) => failures.push(error) }))
      writer.write(1, 0)
      await expect(run(writer.prepareCommit(checkpointId(1)))).rejects.toMatchObject({ details: { errno } })
      await expect(run(writer.prepareCommit(checkpointId(2)))).rejects.toMatchObject({ details: { errno } })
      expect(failures).toHaveLength(1)
      writer.close()
      storage.fails = () => undefined
      await run(sink().createCommitter(context(storage, { epoch: 2 })).removeAbandoned([]))
      expect(await names(storage)).toEqual([])
    },
  )

  test('the writer is full while the disk does not follow, and wakes when there is room', async () => {
    const storage = await memoryWith({})
    // A disk that answers when it is told to.
    const answers: (() => void)[] = []
    const append = storage.append.bind(storage)
    const slow = Object.assign(storage, {
      *append(...args: Parameters<Storage['append']>): Io<void> {
        yield (done) => void answers.push(() => done({ ok: true, value: undefined }))
        yield* append(...args)
      },
    })
    let woken = 0
    const writer = sink().createWriter(context(slow, { wake: () => { woken += 1 } }))
    const record = 'x'.repeat(1000)
    let written = 0
    for (; !writer.full && written < 20_000; written++) writer.write(record, 0)
    expect(written).toBeLessThan(6000)
    let committables: readonly unknown[] | undefined
    start(writer.prepareCommit(checkpointId(1)), (outcome) => {
      committables = outcome.ok ? outcome.value : undefined
    })
    while (answers.length > 0) answers.shift()?.()
    expect([woken, writer.full]).toEqual([1, false])
    await run(sink().createCommitter(context(slow)).commit(committables ?? []))
    expect(await rows(storage)).toHaveLength(written)
  })

  test('what JSON or CSV cannot hold is E106', async () => {
    const storage = await memoryWith({})
    const json = sink().createWriter(context(storage))
    for (const bad of [{ a: 1n }, undefined, () => {}]) expect(() => json.write(bad, 0)).toThrow('cannot write')
    const text = sink({ format: 'csv' }).createWriter(context(storage))
    text.write({ a: 1, b: 'x,"y"\n', c: 1n, d: null, e: new Date(0), f: [1] }, 0)
    text.write({ a: 2 }, 0)
    expect(() => text.write({ z: 1 }, 0)).toThrow('"z"')
    expect(() => text.write(1, 0)).toThrow('no object')
    await run(sink().createCommitter(context(storage)).commit(await run(text.prepareCommit(checkpointId(1)))))
    expect(textOf(await run(storage.readWhole(`${OUT}/out-job1-0-1-1-1.csv`)))).toBe(
      'a,b,c,d,e,f\n1,"x,""y""\n",1,,1970-01-01T00:00:00.000Z,[1]\n2,,,,,\n')
  })
})
