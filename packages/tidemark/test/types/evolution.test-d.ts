/** What the compiler says about upgrades of state. */
import { evolve } from '../../src/api/evolve.ts'
import { state, type StateDeclaration } from '../../src/api/state.ts'
import type { ValueState } from '../../src/state/handles.ts'
import { is, type Equal } from './fixtures.ts'

interface Old { readonly n: number }
interface New { readonly count: bigint }

const upgraded = state.value<New>({ version: 2, upgrade: (_from, { n }: Old) => ({ count: BigInt(n) }) })
is<Equal<typeof upgraded, StateDeclaration<ValueState<New>>>>()

// Steps are taken at their word.
const stepped = state.value<New>({ upgrade: evolve({ 2: [evolve.rename('n', 'count'), evolve.widen('count', 'bigint')] }) })
is<Equal<typeof stepped, StateDeclaration<ValueState<New>>>>()

// @ts-expect-error an upgrade gives values of the present type
state.value<New>({ version: 2, upgrade: (_from, { n }: Old) => ({ count: n }) })
// @ts-expect-error … of a list each item, not the list
state.list<number>({ version: 2, upgrade: () => [1] })
// @ts-expect-error a type to widen to is one of four
evolve.widen('n', 'boolean')
