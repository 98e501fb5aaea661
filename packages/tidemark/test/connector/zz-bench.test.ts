import { test } from 'vitest'
import { mkdtempSync, writeFileSync, rmSync } from 'node:fs'
import { parquet } from '../../src/connector/parquet.ts'
import { jsonl } from '../../src/connector/jsonl.ts'
import { csv } from '../../src/connector/csv.ts'
import { files } from '../../src/connector/files.ts'
import { generator } from '../../src/connector/generator.ts'
import { nodeStorage } from '../../src/host/node-storage.ts'
import { discovery, run, testPorts } from './drive.ts'
import { start } from '../../src/base/io.ts'
const storage = nodeStorage()
async function drain(source: any, label: string) {
  const cpu0 = process.cpuUsage()
  const t0 = performance.now()
  const { splits } = await run<any>(source.discover(discovery(storage)))
  const t1 = performance.now()
  let n = 0, busy = 0, worstPoll = 0, worst = 0, last = performance.now(), sum = 0
  const beat = setInterval(() => { const t = performance.now(); worst = Math.max(worst, t - last); last = t }, 1)
  for (const split of splits) {
    let signal = () => {}
    const reader = source.openSplit(split, undefined, { storage, ports: testPorts(storage), log() {}, wake: () => signal(), fail: (e: any) => { throw e } })
    for (;;) {
      const woken = new Promise<void>((r) => { signal = r })
      const p0 = performance.now()
      const batch = reader.poll(1000)
      const p = performance.now() - p0
      busy += p; worstPoll = Math.max(worstPoll, p)
      if (batch === 'end') break
      if (batch === 'pending') { await woken; continue }
      for (const r of batch.records) { n += 1; sum += Number(r.delay ?? 0) }
      await new Promise((r) => setImmediate(r))
    }
    reader.close()
  }
  clearInterval(beat)
  const ms = performance.now() - t0
  const cpu = process.cpuUsage(cpu0)
  console.log(label, { cpuMs: (cpu.user + cpu.system) / 1000 | 0, n, ms: ms | 0, discover: (t1 - t0) | 0, rowsPerS: (n / ms * 1000) | 0, pollBusyMs: busy | 0, nsPerRow: busy / n * 1e6 | 0, worstPoll: worstPoll.toFixed(1), worstLoop: worst.toFixed(1), sum })
}
test('bench', async () => {
  const dir = mkdtempSync('/tmp/bench-')
  const rows = Array.from({ length: 1_000_000 }, (_, i) => ({ id: i, k: `k${i % 1000}`, delay: i % 97 }))
  writeFileSync(`${dir}/a.jsonl`, rows.map((r) => JSON.stringify(r)).join('\n'))
  writeFileSync(`${dir}/u.jsonl`, rows.map((r) => JSON.stringify({ ...r, k: 'é' + r.k })).join('\n'))
  writeFileSync(`${dir}/a.csv`, 'id,k,delay\n' + rows.map((r) => `${r.id},${r.k},${r.delay}`).join('\n'))
  for (let i = 0; i < 2; i++) await drain(parquet('/work/main/node_modules/vega-datasets/data/flights-3m.parquet', { columns: ['date', 'delay', 'origin'] }), 'parquet')
  for (let i = 0; i < 2; i++) {
    await drain(jsonl(`${dir}/a.jsonl`), 'jsonl ascii')
    await drain(jsonl(`${dir}/u.jsonl`), 'jsonl non-ascii')
    await drain(csv(`${dir}/a.csv`), 'csv')
    await drain(generator({ count: 3_000_000, record: (n, r) => ({ n, k: r.below(1000), delay: 1 }) }), 'generator')
  }
  const ctx: any = { storage, ports: testPorts(storage), log() {}, operator: 'o', subtask: 0, jobId: 'j', epoch: 1, wake() { wake() }, fail(e: any) { throw e } }
  let wake = () => {}
  for (let i = 0; i < 2; i++) {
    const w = files({ path: `${dir}/out${i}` }).createWriter(ctx)
    const t0 = performance.now()
    for (const r of rows) {
      w.write(r as never, 0)
      if (w.full) { const p = new Promise<void>((r2) => { wake = r2 }); if (w.full) await p }
    }
    const t1 = performance.now()
    const c: any = await run(w.prepareCommit(1 as never))
    const t2 = performance.now()
    await run(files({ path: `${dir}/out${i}` }).createCommitter(ctx).commit(c))
    console.log('sink', { writeMs: t1 - t0 | 0, rowsPerS: 1e9 / (t2 - t0) | 0, prepareMs: t2 - t1, commitMs: performance.now() - t2, bytes: c[0].bytes })
  }
  rmSync(dir, { recursive: true })
}, 120000)
