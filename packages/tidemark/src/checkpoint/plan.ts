/**
 * Whom to trigger, whom to wait for, and who has finished. Pure.
 *
 * Called by the job master when the coordinator asks for a plan.
 *
 *   PL-1  Every subtask is either waited for or finished.
 *   PL-2  Exactly the waited-for subtasks without any running producer are triggered: every other
 *         one gets the barrier through its channels.
 *   PL-3  A vertex that keeps union state is waited for as a whole or finished as a whole, since a
 *         part of the union would be missing (FLIP-147).
 *
 * Source: Flink DefaultCheckpointPlanCalculator; FLIP-147.
 */
import type { Attempt } from '../base/ids.ts'
import type { SubtaskId } from '../base/protocol.ts'

export type SubtaskState = 'deploying' | 'running' | 'finished'

export interface PlanVertex {
  readonly index: number
  /** True if an operator of it keeps state that every subtask must contribute to. */
  readonly unionState?: boolean
  readonly subtasks: readonly { readonly attempt: Attempt; readonly state: SubtaskState }[]
}

export interface PlanEdge {
  readonly from: number
  readonly to: number
  /** True for 'forward': subtask i sends to subtask i alone. */
  readonly pointwise: boolean
}

export interface CheckpointPlan {
  readonly trigger: readonly SubtaskId[]
  /** Who acknowledges, and who is told how it ended. */
  readonly wait: readonly SubtaskId[]
  readonly finishedSubtasks: readonly { readonly vertex: number; readonly subtask: number }[]
  readonly finishedVertices: readonly number[]
}

export type PlanOutcome =
  | { readonly kind: 'plan'; readonly plan: CheckpointPlan }
  | { readonly kind: 'not-ready'; readonly reason: 'not-ready' | 'partly-finished'; readonly why: string }

/** `vertices` in topological order. */
export function computePlan(vertices: readonly PlanVertex[], edges: readonly PlanEdge[]): PlanOutcome {
  const byIndex = new Map(vertices.map((vertex) => [vertex.index, vertex]))
  const alive = (vertex: number, subtask: number): boolean => {
    const found = byIndex.get(vertex)?.subtasks[subtask]
    return found !== undefined && found.state !== 'finished'
  }
  const plan = {
    trigger: [] as SubtaskId[], wait: [] as SubtaskId[],
    finishedSubtasks: [] as { vertex: number; subtask: number }[], finishedVertices: [] as number[],
  }
  for (const { index, subtasks, unionState } of vertices) {
    const inputs = edges.filter((edge) => edge.to === index)
    const done = subtasks.filter((subtask) => subtask.state === 'finished').length
    if (done === subtasks.length) plan.finishedVertices.push(index)
    else if (done > 0 && unionState === true) {
      const why = `vertex ${index} keeps union state and ${done} of its ${subtasks.length} subtasks have finished`
      return { kind: 'not-ready', reason: 'partly-finished', why }
    }
    const fed = (subtask: number): boolean =>
      inputs.some((edge) =>
        edge.pointwise
          ? alive(edge.from, subtask)
          : (byIndex.get(edge.from)?.subtasks.some((producer) => producer.state !== 'finished') ?? false),
      )
    for (const [subtask, { attempt, state }] of subtasks.entries()) {
      if (state === 'finished') {
        plan.finishedSubtasks.push({ vertex: index, subtask })
        continue
      }
      const id = { vertex: index, subtask, attempt }
      plan.wait.push(id)
      if (fed(subtask)) continue
      if (state !== 'running') {
        return { kind: 'not-ready', reason: 'not-ready', why: `subtask ${index}/${subtask} is not running yet` }
      }
      plan.trigger.push(id)
    }
  }
  if (plan.wait.length === 0) return { kind: 'not-ready', reason: 'not-ready', why: 'every subtask has finished' }
  return { kind: 'plan', plan }
}
