import { describe, expect, test } from 'vitest'
import { collect, collection, count, job, state, tumbling, type Job, type SinkSpec } from '../../src/index.ts'
import type { FaultKind } from '../../src/testing/explore-plan.ts'
import { ExploreFailure } from '../../src/testing/explore-report.ts'
import { explore, type ExploreOptions } from '../../src/testing/explore.ts'

interface Sale {
  readonly at: number
  readonly shop: string
  readonly euros: number
}

const nothing = collection<Sale>([])
const SALES: readonly Sale[] = Array.from({ length: 60 }, (_, i) => ({
  at: i * 10, shop: `shop ${(i * 7) % 5}`, euros: (i * 31) % 17,
}))
const input = { sales: SALES }

/** Totals per shop, rolling; `add` says where they are kept. */
function totalsJob(
  add: (sale: Sale, before: number | undefined) => number, sink: SinkSpec<any, 'transactional'> = collect(),
): Job {
  return job('totals', (j) => {
    const options = { state: { total: state.value<number>() } }
    j.from('sales', nothing, { eventTime: (sale) => sale.at })
      .keyBy((sale) => sale.shop)
      .process<object, typeof options.state>('total', options, {
        *onRecord(sale, context) {
          const total = add(sale, context.state.total.get())
          context.state.total.set(total)
          yield { shop: sale.shop, at: sale.at, total }
        },
      })
      .to('out', sink)
  })
}

const correct = (sale: Sale, before: number | undefined): number => (before ?? 0) + sale.euros

async function failureOf(run: Promise<unknown>): Promise<ExploreFailure> {
  const error: unknown = await run.then(() => 'nothing was found', (thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ExploreFailure)
  return error as ExploreFailure
}

test('a correct job passes, and was really killed, restarted and checkpointed', async () => {
  const windowed = job('windowed', (j) => {
    const sales = j.from('sales', nothing, { eventTime: (sale) => sale.at, outOfOrder: 20 })
    const windows = sales.keyBy((sale) => sale.shop).window('w', tumbling(100)).aggregate({ n: count() })
    windows.to('windows', collect())
    windows.late.to('late', collect())
    sales.filter((sale) => sale.euros > 10).to('large', collect())
  })
  const report = await explore(windowed, { input: { sales: [...SALES, SALES[3]] }, seeds: 60 })
  expect(report).toMatchObject({ seeds: 60, ambient: [] })
  expect(report.crashes).toBeGreaterThan(30)
  expect(report.restarts).toBeGreaterThan(30)
  expect(report.checkpoints).toBeGreaterThan(120)
  await explore(totalsJob(correct), { input, seeds: 40 })
})

test.each<FaultKind>(['kill', 'slow-channel', 'drop-notification', 'torn-file', 'commit-timeout', 'throw'])(
  'a correct job passes under %s alone', async (fault) => {
    const report = await explore(totalsJob(correct), { input, seeds: 30, faults: [fault] })
    expect(report.crashes > 0).toBe(fault === 'kill' || fault === 'torn-file')
    if (['throw', 'commit-timeout', 'torn-file'].includes(fault)) expect(report.restarts).toBeGreaterThan(5)
  })

describe('planted bugs', () => {
  test('totals in a variable of the module instead of state', async () => {
    const totals = new Map<string, number>()
    const failure = await failureOf(explore(totalsJob((sale) => {
      const total = (totals.get(sale.shop) ?? 0) + sale.euros
      totals.set(sale.shop, total)
      return total
    }), { input }))
    expect(failure.finding.kind).toBe('outlives-the-run')
    expect(failure.message).toContain('Declare it as state')
    expect(failure.message).toMatch(/sink "out": .*changed/)
  })

  test('totals in a variable of the build function: lost with the process', async () => {
    const forgetful = job('forgetful', (j) => {
      const totals = new Map<string, number>()
      j.from('sales', nothing).keyBy((sale) => sale.shop).process<object>('total', {}, {
        *onRecord(sale) {
          const total = (totals.get(sale.shop) ?? 0) + sale.euros
          totals.set(sale.shop, total)
          yield { shop: sale.shop, at: sale.at, total }
        },
      }).to('out', collect())
    })
    const failure = await failureOf(explore(forgetful, { input, parallelism: [1, 2] }))
    expect(failure.finding.kind).toBe('faults')
    expect(failure.finding.faults.length).toBe(1)
    expect(failure.message).toContain(`replay    explore(job, { input, parallelism: [1,2], seeds: [${failure.seed}] })`)
    const again = await failureOf(explore(forgetful, { input, parallelism: [1, 2], seeds: [failure.seed as number] }))
    expect(again.message).toBe(failure.message)
  })

  test('a decision by Date.now(), with the line that makes it', async () => {
    const failure = await failureOf(explore(totalsJob((sale, before) =>
      Date.now() > 2_000_000_000_000 ? 0 : correct(sale, before)), { input }))
    expect(failure.finding.kind).toBe('ambient')
    expect(failure.message).toMatch(/Date\.now\(\) was called \d+ times at .*explore\.test\.ts:\d+/)
  })

  test.each<readonly [string, () => unknown]>([
    ['Math.random()', () => Math.random()], ['crypto.randomUUID()', () => crypto.randomUUID()],
    ['new Date()', () => new Date().getTime()],
  ])('output with %s in it', async (call, value) => {
    const stamped = job('stamped', (j) => {
      j.from('sales', nothing).map((sale) => ({ ...sale, id: value() })).to('out', collect())
    })
    const failure = await failureOf(explore(stamped, { input }))
    expect(failure.finding.kind).toBe('ambient')
    expect(failure.message).toContain(call)
  })

  test('an input record that is changed', async () => {
    const careless = job('careless', (j) => {
      j.from('sales', nothing).map((sale) => {
        ;(sale as { euros: number }).euros *= 2
        return sale
      }).to('out', collect())
    })
    const failure = await failureOf(explore(careless, { input }))
    expect(failure.finding.kind).toBe('fails-undisturbed')
    expect(failure.message).toContain('make a new one')
    expect(Object.isFrozen(SALES[0])).toBe(false)
  })

  test('a sink that makes visible in write()', async () => {
    const table: unknown[] = []
    const eager: SinkSpec<unknown, 'transactional'> = {
      kind: 'eager', resource: 'table', commit: 'transactional',
      createWriter: () => ({
        full: false,
        write(value) {
          table.push(value)
        },
        *prepareCommit() {
          return []
        },
        close() {},
      }),
      createCommitter: () => ({ *commit() {}, *removeAbandoned() {} }),
    }
    const failure = await failureOf(explore(totalsJob(correct, eager), { input, sinks: { out: tableOf(table) } }))
    expect(failure.finding.kind).toBe('faults')
    expect(failure.message).toMatch(/sink "out": \d+ duplicated/)
    expect(failure.message).toContain('stage in prepareCommit()')
  })

  test('a sink whose commit is not idempotent', async () => {
    const table: unknown[] = []
    const failure = await failureOf(explore(totalsJob(correct, staging(table, false)), {
      input, faults: ['commit-timeout'], sinks: { out: tableOf(table) },
    }))
    expect(failure.finding.faults).toEqual(['commit-timeout'])
    expect(failure.finding.differences[0]?.duplicated.length).toBeGreaterThan(0)
    await explore(totalsJob(correct, staging(table, true)), { input, seeds: 30, sinks: { out: tableOf(table) } })
  })

  test('a function that cannot be repeated after a failure of its own', async () => {
    const failure = await failureOf(explore(job('fragile', (j) => {
      const seen = new Set<number>()
      j.from('sales', nothing).map((sale) => {
        if (seen.has(sale.at)) throw new Error('seen before')
        seen.add(sale.at)
        return sale
      }).to('out', collect())
    }), { input, faults: ['throw', 'commit-timeout'] }))
    expect(failure.finding.kind).toBe('error')
    expect(failure.message).toContain('seen before')
  })

  test('an output that depends on which of two sources comes first', async () => {
    const mixed = job('mixed', (j) => {
      const options = { state: { last: state.value<string>() } }
      const left = j.from('left', nothing).map((sale) => ({ ...sale, side: 'left' }))
      const right = j.from('right', nothing).map((sale) => ({ ...sale, side: 'right' }))
      left.union(right).keyBy((sale) => sale.shop).process<object, typeof options.state>('after', options, {
        *onRecord(sale, context) {
          yield { side: sale.side, at: sale.at, after: context.state.last.get() ?? '' }
          context.state.last.set(sale.side)
        },
      }).to('out', collect())
    })
    const failure = await failureOf(explore(mixed, { input: { left: SALES, right: SALES } }))
    expect(failure.finding.kind).toBe('timing')
    expect(failure.message).toContain('none needed')
  })
})

test('what was asked of the machine and does not show in the output is reported and no failure', async () => {
  const report = await explore(totalsJob((sale, before) => {
    Date.now()
    return correct(sale, before)
  }), { input, seeds: 10 })
  expect(report.ambient).toMatchObject([{ call: 'Date.now()' }])
  expect(report.ambient[0]?.place).toMatch(/explore\.test\.ts:\d+$/)
})

test('the globals are their own again after a run, also after a failed one', async () => {
  const globals = (): unknown[] => [
    Date, setTimeout, clearTimeout, setInterval, setImmediate,
    ...([[Date, 'now'], [Math, 'random'], [performance, 'now'], [crypto, 'randomUUID']] as const)
      .map(([owner, name]) => Reflect.get(owner, name) as unknown),
  ]
  const before = globals()
  await explore(totalsJob(correct), { input, seeds: 5 })
  await failureOf(explore(totalsJob(() => {
    throw new Error('always')
  }), { input }))
  globals().forEach((value, i) => expect(value).toBe(before[i]))
  expect(new Date().constructor).toBe(Date)
  expect(Object.hasOwn(performance, 'now')).toBe(false)
})

test('expect sees the output of every run; compare: false leaves the judgement to it', async () => {
  let calls = 0
  const clocked = job('clocked', (j) => {
    j.from('sales', nothing).map((sale) => ({ ...sale, seenAt: Date.now() })).to('out', collect())
  })
  const options: ExploreOptions = { input, seeds: 20, compare: false, expect: ({ out = [] }) => {
    calls += 1
    expect(out.length).toBe(60)
  } }
  await explore(clocked, options)
  expect(calls).toBe(21)
  const failure = await failureOf(explore(totalsJob(correct), { input, expect: () => {
    throw new Error('too little')
  } }))
  expect(failure.message).toContain('too little')
})

test('missing and strange names are refused before anything runs', async () => {
  await expect(explore(totalsJob(correct), { input: {} })).rejects.toMatchObject({ code: 'E123' })
  await expect(explore(totalsJob(correct), { input: { sale: [], sales: [] } })).rejects.toMatchObject({ code: 'E122' })
  await expect(explore(totalsJob(correct), { input, faults: ['kil' as FaultKind] })).rejects.toMatchObject({ code: 'E122' })
})

function tableOf(table: unknown[]): { reset(): void; read(): readonly unknown[] } {
  return {
    reset() {
      table.length = 0
    },
    read: () => table.map((row) => ({ ...(row as object), batch: undefined })),
  }
}

/** A sink over a table: staged rows travel in the checkpoint; `careful` knows what it has committed. */
function staging(table: unknown[], careful: boolean): SinkSpec<any, 'transactional'> {
  return {
    kind: 'staging', resource: 'table', commit: 'transactional',
    createWriter: ({ epoch, subtask }) => {
      let open: unknown[] = []
      return {
        full: false,
        write(value) {
          open.push(value)
        },
        *prepareCommit(checkpoint) {
          const rows = open
          open = []
          return rows.length === 0 ? [] : [{ id: `${epoch}/${checkpoint}/${subtask}`, rows }]
        },
        close() {},
      }
    },
    createCommitter: () => ({
      *commit(committables) {
        for (const { id, rows } of committables as readonly { id: string; rows: readonly object[] }[]) {
          if (careful && table.some((row) => (row as { batch: string }).batch === id)) continue
          table.push(...rows.map((row) => (careful ? { ...row, batch: id } : row)))
        }
      },
      *removeAbandoned() {},
    }),
  }
}
