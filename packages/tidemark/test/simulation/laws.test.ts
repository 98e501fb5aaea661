/**
 * Copies of the engine with one law broken: the simulator must notice, within a bounded number of seeds.
 *
 * The simulator in the copy is the same one; only the file named in the patch differs.
 */
import { expect, test } from 'vitest'
import { copyWithPatches, type Patch } from '../../../../scripts/lib/source-copy.mjs'
import type * as Simulator from '../../src/host/simulator/simulator.ts'

interface BrokenLaw {
  readonly name: string
  readonly law: string
  readonly patches: readonly Patch[]
  /** Must be noticed by then. */
  readonly withinSeeds: number
  /** As what; default: anything. */
  readonly as?: Simulator.Violation['kind']
}

const BROKEN: readonly BrokenLaw[] = [
  {
    name: 'no-carry',
    law: 'D1: every checkpoint carries all commits that are not confirmed yet',
    patches: [{
      file: 'operator/sink-operator.ts',
      find: "items: [...this.#pending] }",
      replace: "items: this.#pending.filter((pending) => pending.checkpoint === checkpoint) }",
    }],
    withinSeeds: 400,
  },
  {
    name: 'no-fsync-of-state',
    law: 'D7: a state file is durable before its manifest is',
    patches: [{ file: 'checkpoint/files.ts', find: '          storage.sync(handle),\n', replace: '' }],
    withinSeeds: 400,
  },
  {
    name: 'no-fsync-of-output',
    law: 'SK-2: a staged part is durable before it is reported as a committable',
    patches: [{ file: 'connector/file-writer.ts', find: '          yield* storage.sync(file)\n', replace: '' }],
    withinSeeds: 400,
  },
  {
    name: 'snapshot-after-next-record',
    law: 'a snapshot holds what came before the barrier and nothing else: the source reads on before its cut',
    patches: [{
      file: 'task/subtask.ts',
      find: '    const parts = this.#chain.snapshot(id)\n',
      replace: "    if (this.#source !== undefined && this.#state === 'running') this.#source.poll(1)\n" +
        '    const parts = this.#chain.snapshot(id)\n',
    }],
    withinSeeds: 400,
  },
  {
    name: 'no-alignment',
    law: 'a snapshot holds what came before the barrier and nothing else: inputs go on during alignment',
    patches: [{
      file: 'task/subtask.ts',
      find: '      block: (channel) => this.#setBlocked(channel, true),\n',
      replace: '      block: () => {},\n',
    }],
    withinSeeds: 400,
  },
  {
    name: 'full-outputs-are-not-obeyed',
    law: 'CN-4: a subtask takes no input while an output is full, so no channel outgrows its bound',
    patches: [{
      file: 'task/subtask.ts',
      find: '    return pressure.full || this.#chain.busy\n',
      replace: '    return this.#chain.busy\n',
    }],
    withinSeeds: 20,
    as: 'broken-law',
  },
  {
    name: 'full-one-batch-late',
    law: 'CN-4: a channel is full as soon as it holds as many batches as it may',
    patches: [{
      file: 'channel/local-channel.ts',
      find: 'return this.#batches >= this.#capacity',
      replace: 'return this.#batches > this.#capacity + 1',
    }],
    withinSeeds: 20,
    as: 'broken-law',
  },
  {
    name: 'batches-too-large',
    law: 'CN-4: no batch is larger than it may be',
    patches: [{
      file: 'task/record-writer.ts',
      find: 'target.values.length >= this.#batchRecords',
      replace: 'target.values.length > this.#batchRecords',
    }],
    withinSeeds: 20,
    as: 'broken-law',
  },
  {
    name: 'idleness-kept-back',
    law: 'CX-4: event time goes on without a split that is silent',
    patches: [{
      file: 'time/watermark-generator.ts',
      find: 'return this.#nowMs() - this.#quietSince > this.#timeoutMs',
      replace: 'return false',
    }],
    withinSeeds: 100,
    as: 'inconsistent-checkpoint',
  },
  {
    name: 'waiting-for-no-clock',
    law: 'CX-1: timers of the clock are part of a checkpoint',
    patches: [{
      file: 'operator/timer-service.ts',
      find: 'this.tables = Object.values(this.#queues)',
      replace: 'this.tables = [this.#queues.event]',
    }],
    withinSeeds: 100,
    as: 'inconsistent-checkpoint',
  },
  {
    name: 'late-is-dropped',
    law: 'a record that comes too late goes to the late output',
    patches: [{
      file: 'operator/window-late.ts',
      find: '    collect(late, timestamp)\n',
      replace: '    if (late.lateByMs < 100) collect(late, timestamp)\n',
    }],
    withinSeeds: 100,
    as: 'inconsistent-checkpoint',
  },
]

for (const { name, law, patches, withinSeeds, as } of BROKEN) {
  test(`broken on purpose, noticed: ${law}`, async () => {
    const url = copyWithPatches(name, patches, 'host/simulator/simulator.js')
    const { simulate } = (await import(/* @vite-ignore */ url)) as typeof Simulator
    let seed = 1
    let found = simulate(seed).violation
    while (found === undefined && seed < withinSeeds) {
      seed += 1
      found = simulate(seed).violation
    }
    expect(found).toBeDefined()
    if (as !== undefined) expect(found?.kind).toBe(as)
  }, 240_000)
}
