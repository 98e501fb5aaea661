/** Operators over the backend whose turn it is (state/backends.ts). */
import { createOperator } from '../../src/operator/create.ts'
import type { Operator, OperatorContext } from '../../src/operator/operator.ts'
import { newStore } from '../state/backends.ts'

type Create = (spec: any, context: OperatorContext) => Operator

const usual: Create = (spec, context) =>
  createOperator({ index: 0, name: context.operator, named: true, was: [], spec, inputs: [] }, context)

/** For a harness: the same operator, with a store of its own. */
export const onStore = (create: Create = usual): Create => (spec, context) =>
  create(spec, { ...context, pagedStore: newStore().pagedStore })
