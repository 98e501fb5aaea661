/** Where the files of state on the disk lie, for jobs that share a directory. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import type { JobGraph } from '../../src/graph/job-graph.ts'
import { pagedDirectory } from '../../src/host/paged-stores.ts'
import { collect, generator, job } from '../../src/index.ts'
import { temporaryDirectory } from './kit.ts'

function graph(directory?: string): JobGraph {
  const state = { backend: 'lmdb', ...(directory === undefined ? {} : { directory }) } as const
  return toJobGraph(buildGraph(job('shared', { state }, (j) => {
    j.from('numbers', generator({ count: 1, record: (n) => n })).keyBy((n) => n).count('counts').to('nowhere', collect())
  })).graph)
}

test('LST-2, LST-3 of two jobs of one name on one directory a start empties its own files alone', async () => {
  const home = temporaryDirectory()
  const scratch = join(home, 'scratch')
  const [first, second] = await Promise.all(['a', 'b'].map((name) => pagedDirectory(graph(scratch), join(home, name)))) as [string, string]
  for (const directory of [first, second]) writeFileSync(join(directory, 'file'), '')
  expect(await pagedDirectory(graph(scratch), join(home, 'b'))).toBe(second)
  expect([first, second].map((directory) => existsSync(join(directory, 'file')))).toEqual([true, false])
  expect(readdirSync(scratch).length).toBe(2)
})

test('LST-1 without a state directory every run has one of its own, where it was told', async () => {
  const scratch = join(temporaryDirectory(), 'scratch')
  const made = [await pagedDirectory(graph(scratch), undefined), await pagedDirectory(graph(scratch), undefined)]
  expect(new Set(made).size).toBe(2)
  expect(readdirSync(scratch).length).toBe(2)
})

test('without a directory of its own it is below the state directory', async () => {
  const home = temporaryDirectory()
  expect(await pagedDirectory(graph(), home)).toBe(join(home, 'paged'))
})
