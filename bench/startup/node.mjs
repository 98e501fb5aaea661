/** Node alone: the part of a start that no program can save. */
import { appendFileSync } from 'node:fs'

appendFileSync(process.env.TIDEMARK_BENCH_MARKS, `record ${process.hrtime.bigint()}\n`)
process.kill(process.pid, 'SIGKILL')
