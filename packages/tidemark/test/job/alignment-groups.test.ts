import { expect, test } from 'vitest'
import { MAX_TIMESTAMP } from '../../src/base/time.ts'
import { AlignmentGroups, type AlignmentMember } from '../../src/job/alignment-groups.ts'

const member = (vertex: number): AlignmentMember => ({ operator: `s${vertex}`, subtask: { vertex, subtask: 0 } })
const namesOf = ({ members }: { readonly members: readonly AlignmentMember[] }): string[] => members.map(({ operator }) => operator)

test('AN-3: a member that begins again lets the others go, is told where they are, and holds them when it reports', () => {
  const groups = new AlignmentGroups()
  groups.report('g', member(0), 100)
  groups.report('g', member(1), 500)
  const again = groups.restart(member(0).subtask)
  expect(again.smallest).toBe(500)
  expect(namesOf(again)).toEqual(['s0', 's1'])
  const back = groups.report('g', member(0), 40)
  expect(back.smallest).toBe(40)
  expect(namesOf(back)).toEqual(['s0', 's1'])
})

test('AN-3: the restart of what is in no group, or alone in one, concerns nobody else', () => {
  const groups = new AlignmentGroups()
  expect(namesOf(groups.restart(member(0).subtask))).toEqual([])
  groups.report('g', member(0), 100)
  const again = groups.restart(member(0).subtask)
  expect(again).toEqual({ smallest: MAX_TIMESTAMP, members: [] })
})
