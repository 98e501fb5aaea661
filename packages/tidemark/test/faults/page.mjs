/** node packages/tidemark/test/faults/page.mjs: writes docs/faults.md from the catalogue. */
import { writeFileSync } from 'node:fs'
import { faultPage } from './catalogue.mjs'

writeFileSync(new URL('../../../../docs/faults.md', import.meta.url), faultPage())
