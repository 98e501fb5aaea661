/**
 * Package `tidemark/testing`: a job under the hand of a test, and a job against a thousand failures.
 */
export { explore } from './explore.ts'
export type { ExploreOptions, ExploreReport, Outputs, SinkUnderTest } from './explore.ts'
export { ExploreFailure } from './explore-report.ts'
export type { Difference } from './explore-compare.ts'
export type { AmbientUse } from './ambient.ts'
export type { FaultKind } from './explore-plan.ts'
export { harness } from './harness.ts'
export type { Harness, HarnessOptions, HarnessStatus } from './harness.ts'
export type { HarnessCheckpoint } from './harness-checkpoint.ts'
export type { OperatorState, StateEntry, StateTimer } from './state-view.ts'
