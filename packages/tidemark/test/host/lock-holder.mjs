// Says "ready", waits for a line, takes the lock of the directory given, says how it went, and stays.
import { once } from 'node:events'
import { lockDirectory } from './host/directory-lock.js'

const [directory, mode] = process.argv.slice(2)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
try {
  const lock = await lockDirectory(directory, { takeOver: mode === 'take-over' })
  process.stdout.write(`held ${process.pid}\n`)
  process.stdin.once('data', () => lock.release().then(() => process.exit(0)))
} catch (error) {
  process.stdout.write(`refused ${error.code} ${error.details?.pid}\n`)
  process.exit(0)
}
