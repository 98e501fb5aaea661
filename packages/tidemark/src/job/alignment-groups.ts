/**
 * Which source subtask of a group is furthest behind: watermark alignment between sources.
 *
 * Owned by a job attempt. Source subtasks report their watermarks and are told the smallest of their group
 * (time/drift.ts says what they make of it).
 *
 *   AN-1  A member is told when what it knows is not the smallest watermark of its group any more.
 *   AN-2  What does not count (idle, finished) is reported as MAX_TIMESTAMP and holds nobody.
 *   AN-3  A member that is started again holds its group where it was until it is there; then it does not count until it
 *         reports again, and is told anew.
 *
 * Source: Flink SourceCoordinator.WatermarkAggregator, FLIP-182.
 */
import type { SubtaskId } from '../base/protocol.ts'
import { MAX_TIMESTAMP } from '../base/time.ts'

export interface AlignmentMember {
  readonly subtask: Pick<SubtaskId, 'vertex' | 'subtask'>
  readonly operator: string
}

/** Whom to tell the smallest watermark of the group. */
export interface GroupNews {
  readonly smallest: number
  readonly members: readonly AlignmentMember[]
}

interface Member extends AlignmentMember {
  watermark: number
  told: number
}

export class AlignmentGroups {
  readonly #groups = new Map<string, Map<string, Member>>()

  report(group: string, member: AlignmentMember, watermark: number): GroupNews {
    const members = this.#groups.get(group) ?? new Map<string, Member>()
    this.#groups.set(group, members)
    const id = idOf(member.subtask)
    const known = members.get(id)
    if (known === undefined) members.set(id, { ...member, watermark, told: MAX_TIMESTAMP })
    else known.watermark = watermark
    return newsOf(members)
  }

  /** AN-3. A subtask is in one group at most. */
  restart(subtask: AlignmentMember['subtask']): GroupNews {
    for (const members of this.#groups.values()) {
      const known = members.get(idOf(subtask))
      if (known === undefined) continue
      known.watermark = MAX_TIMESTAMP
      known.told = MAX_TIMESTAMP
      return newsOf(members)
    }
    return { smallest: MAX_TIMESTAMP, members: [] }
  }
}

const idOf = ({ vertex, subtask }: AlignmentMember['subtask']): string => `${vertex}/${subtask}`

function newsOf(group: ReadonlyMap<string, Member>): GroupNews {
  let smallest = MAX_TIMESTAMP
  for (const each of group.values()) smallest = Math.min(smallest, each.watermark)
  const members: Member[] = []
  for (const each of group.values()) {
    if (each.told === smallest) continue
    each.told = smallest
    members.push(each)
  }
  return { smallest, members }
}
