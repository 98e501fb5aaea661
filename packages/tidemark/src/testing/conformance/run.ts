/**
 * Finds the family of a case by its operation, and runs it.
 */
import { describeThrown } from '../../base/errors.ts'
import { runPatternCase } from './cep.ts'
import { runCheckpointing } from './checkpointing.ts'
import { Unsupported, type Case } from './case.ts'
import { runIntervalJoinCase, runWindowJoinCase } from './joins.ts'
import { runProcessCase } from './processes.ts'
import { runBroadcastCase, runCoProcessCase } from './two-inputs.ts'
import {
  runAssigner, runBoundedOutOfOrderness, runIdleness, runPartitions, runPurging, runSessionMerge, runSessionSet,
  runTrigger, runValve,
} from './units.ts'
import { runWindowCase } from './windows.ts'

export type Verdict = 'passed' | 'failed' | 'unsupported'

export interface CaseResult {
  readonly name: string
  readonly verdict: Verdict
  /** Why it failed or is not supported. */
  readonly detail?: string
}

const FAMILIES: readonly (readonly [RegExp, (test: Case) => void])[] = [
  [/^(keyed|non-keyed) window$/, runWindowCase],
  [/^keyed \(and non-keyed\) window with a process function writing to the main and a side output$/, runWindowCase],
  [/^keyed window with a per-key value state inside the window function$/, runCheckpointing],
  [/^interval join$/, runIntervalJoinCase],
  [/^window join (\((inner|left|right|full)( outer)?\)|of a stream with itself)$/, runWindowJoinCase],
  [/^keyed process function( with one value state| \(key = the element\) with one value state)?$/, runProcessCase],
  [/^process function(;.*)?$/, runProcessCase],
  [/^(keyed )?co-process function\b/, runCoProcessCase],
  [/^keyed broadcast process function$/, runBroadcastCase],
  [/^combining the watermarks and idle\/active status of several input channels$/, runValve],
  [/^idleness detector with a manual clock/, runIdleness],
  [/^bounded out-of-orderness/, runBoundedOutOfOrderness],
  [/^several partitions inside one source combined into one watermark$/, runPartitions],
  [/^(tumbling window|sliding windows) of a timestamp$/, runAssigner],
  [/^merging of session windows/, runSessionMerge],
  [/^windows of one key added one after another/, runSessionSet],
  [/^(count trigger \d+|event-time trigger)/, runTrigger],
  [/^pattern(:| \S+ -> )/, runPatternCase],
  [/^purging trigger around a trigger that returns in turn$/, runPurging],
]

function familyOf(test: Case): ((test: Case) => void) | undefined {
  const kind = String(test.operation?.['kind'])
  if (typeof test.given?.source === 'string' && kind.startsWith('keyed window')) return runCheckpointing
  return FAMILIES.find(([pattern]) => pattern.test(kind))?.[1]
}

export function runCase(test: Case): CaseResult {
  const { name } = test
  const run = familyOf(test)
  if (run === undefined) {
    return { name, verdict: 'unsupported', detail: `operation "${String(test.operation?.['kind'])}"` }
  }
  try {
    run(test)
    return { name, verdict: 'passed' }
  } catch (thrown) {
    const reason = causeOf(thrown)
    return { name, verdict: reason instanceof Unsupported ? 'unsupported' : 'failed', detail: describeThrown(reason) }
  }
}

/** An `Unsupported` thrown inside a user function arrives wrapped. */
function causeOf(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause instanceof Unsupported ? thrown.cause : thrown
}
