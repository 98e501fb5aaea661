import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    typecheck: { enabled: false },
    // Many tests wait for processes and disks: on two cores the default, one worker, leaves half of them idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
  resolve: { conditions: ['source'] },
})
