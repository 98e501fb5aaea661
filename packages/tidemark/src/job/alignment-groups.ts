/**
 * Which source subtask of a group is furthest behind: watermark alignment between sources.
 *
 * Owned by a job attempt. Source subtasks report their watermarks and are told the smallest of their group
 * (time/drift.ts says what they make of it).
 *
 *   AN-1  A member is told when what it knows is not the smallest watermark of its group any more.
 *   AN-2  What does not count (idle, finished) is reported as MAX_TIMESTAMP and holds nobody.
 *
 * Source: Flink SourceCoordinator.WatermarkAggregator, FLIP-182.
 */
import type { SubtaskId } from '../base/protocol.ts'
import { MAX_TIMESTAMP } from '../base/time.ts'

export interface AlignmentMember {
  readonly subtask: Pick<SubtaskId, 'vertex' | 'subtask'>
  readonly operator: string
}

interface Member extends AlignmentMember {
  watermark: number
  told: number
}

export class AlignmentGroups {
  readonly #groups = new Map<string, Map<string, Member>>()

  /** Returns whom to tell the smallest watermark of the group. */
  report(
    group: string, member: AlignmentMember, watermark: number,
  ): { readonly smallest: number; readonly members: readonly AlignmentMember[] } {
    const members = this.#groups.get(group) ?? new Map<string, Member>()
    this.#groups.set(group, members)
    const id = `${member.subtask.vertex}/${member.subtask.subtask}`
    const known = members.get(id)
    if (known === undefined) members.set(id, { ...member, watermark, told: MAX_TIMESTAMP })
    else known.watermark = watermark
    let smallest = MAX_TIMESTAMP
    for (const each of members.values()) smallest = Math.min(smallest, each.watermark)
    const told: Member[] = []
    for (const each of members.values()) {
      if (each.told === smallest) continue
      each.told = smallest
      told.push(each)
    }
    return { smallest, members: told }
  }
}
