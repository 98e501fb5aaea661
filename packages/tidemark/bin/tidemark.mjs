#!/usr/bin/env node
// Starts the compiled command line. Kept to syntax of old Node versions, so that they can say so.
import { existsSync } from 'node:fs'
import module from 'node:module'

module.enableCompileCache?.()

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) {
  const cli = await import(main.href)
  process.exit(await cli.main(process.argv.slice(2)))
} else {
  process.stderr.write('tidemark is not built yet. In the root of the clone run:\n\n  npm ci && npm run build\n\n')
  process.exit(8)
}
