/** Records of a generator source without the engine: a loop over them has its records made as the engine has. */

const BATCH_RECORDS = 500

/** Calls `use` with one array of records after the other. */
export function forEachBatch(source, use) {
  const ports = { clock: { monotonicMs: () => performance.now() } }
  const reader = source.openSplit({ id: 'all', index: 0 }, undefined, { ports })
  for (let batch = reader.poll(BATCH_RECORDS); batch !== 'end'; batch = reader.poll(BATCH_RECORDS)) use(batch.records)
}
