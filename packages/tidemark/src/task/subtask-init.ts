/**
 * What a subtask is given when it is made, and what it gives to its operators and its host. Types alone.
 *
 * Filled in by the host (host/deployment.ts), read by subtask.ts.
 */
import type { SubtaskMeter } from '../base/metrics.ts'
import type { Ports } from '../base/ports.ts'
import type { FromSubtask } from '../base/protocol.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import type { InputGate } from './input-gate.ts'
import type { TaskOptions } from './options.ts'
import type { Pressure } from './record-writer.ts'
import type { ReplayPlan } from './replay.ts'
import type { SegmentWriter } from './write-snapshot.ts'

export interface SubtaskHost {
  send(message: FromSubtask): void
  /** Mail arrived from outside a step: the host's loop must look at this subtask again. */
  awake(): void
  readonly segments: SegmentWriter
}

export type SubtaskState = 'created' | 'running' | 'draining' | 'finished' | 'failed' | 'cancelled'

export interface SubtaskInit {
  /** 'vertex/subtask', for lanes and traces. */
  readonly name: string
  readonly index: number
  readonly keyGroups: KeyGroupRange
  readonly gate: InputGate
  readonly ports: Ports
  readonly options: TaskOptions
  readonly pressure: Pressure
  readonly host: SubtaskHost
  /** Undefined: nobody measures its time. */
  readonly meter?: SubtaskMeter
  readonly restoredCheckpoint: number
  readonly parallelism: number
  /** Name of the operator at the head of the chain. */
  readonly head: string
  /** What was in flight to operators of the chain in the restored checkpoint. */
  readonly replay: readonly ReplayPlan[]
}

/** What operators may ask of their subtask. */
export interface ChainHooks {
  wake(): void
  fail(error: unknown): void
  /** Runs `mail` in the subtask's next step. */
  post(mail: () => void): void
}
