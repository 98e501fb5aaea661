import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { StreamError } from '../../src/base/errors.ts'
import { MemoryStorage } from '../../src/host/memory-storage.ts'
import { nodeStorage, probeDirectorySync } from '../../src/host/node-storage.ts'
import { run, storageSuite, writeFile } from './storage.suite.ts'

const temporary = (): string => mkdtempSync(join(tmpdir(), 'tidemark-storage-'))

storageSuite('memory storage', () => {
  const storage = new MemoryStorage()
  run(storage.makeDirectory('/root')).catch(() => {})
  return { storage, root: '/root', dispose: () => {} }
})

storageSuite('node storage', () => {
  const root = temporary()
  return { storage: nodeStorage(), root, dispose: () => rmSync(root, { recursive: true, force: true }) }
})

test('files are 0600 and directories 0700, whatever the umask; shared ones follow the umask', async () => {
  const root = temporary()
  // Setting it is the only way to read it; it is put back at the end.
  const umask = process.umask(0)
  try {
    const storage = nodeStorage()
    await run(storage.makeDirectory(`${root}/a/b`))
    await run(writeFile(storage, `${root}/a/b/f`, 'x'))
    await run(storage.makeDirectory(`${root}/out`, 'shared'))
    await run(storage.close(await run(storage.create(`${root}/out/f`, 'shared'))))
    const mode = (name: string): number => statSync(`${root}/${name}`).mode & 0o777
    expect(['a', 'a/b', 'a/b/f', 'out', 'out/f'].map(mode)).toEqual([0o700, 0o700, 0o600, 0o755, 0o644])
  } finally {
    process.umask(umask)
    rmSync(root, { recursive: true, force: true })
  }
})

// The super-user passes every permission check, so the law cannot be seen then.
test.skipIf(process.getuid?.() === 0)('a refused access is E054 and names the path', async () => {
  const root = temporary()
  chmodSync(root, 0o500)
  try {
    const error = await run(nodeStorage().create(`${root}/f`)).catch((thrown: unknown) => thrown as StreamError)
    expect(error).toMatchObject({ code: 'E054', place: { file: `${root}/f` } })
  } finally {
    chmodSync(root, 0o700)
    rmSync(root, { recursive: true, force: true })
  }
})

test('the probe of directory sync answers on this file system', async () => {
  const root = temporary()
  expect(typeof (await run(probeDirectorySync(root)))).toBe('boolean')
  rmSync(root, { recursive: true, force: true })
})
