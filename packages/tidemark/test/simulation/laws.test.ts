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
]

for (const { name, law, patches, withinSeeds } of BROKEN) {
  test(`broken on purpose, noticed: ${law}`, async () => {
    const url = copyWithPatches(name, patches, 'host/simulator/simulator.js')
    const { simulate } = (await import(/* @vite-ignore */ url)) as typeof Simulator
    let seed = 1
    while (seed <= withinSeeds && simulate(seed).violation === undefined) seed += 1
    expect(seed).toBeLessThanOrEqual(withinSeeds)
  }, 240_000)
}
