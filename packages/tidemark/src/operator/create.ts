/**
 * Turns the description of an operator into a running one. Called by the task that builds a chain.
 *
 *   EA-5  Operators know nothing of versions: what they restore is brought to the present one before, and what they
 *         snapshot is told with it.
 */
import { assertNever } from '../base/assert.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import type { OperatorSpec } from '../graph/operator-spec.ts'
import { keptStates } from '../graph/kept-states.ts'
import { describeKept, withPresentValues, type KeptStates } from '../state/evolution/kept.ts'
import { createMatch } from './cep/match-operator.ts'
import { createIntervalJoin } from './join/interval-join.ts'
import { createKeyedJoin } from './join/keyed-join.ts'
import { createLookupJoin } from './join/lookup-join.ts'
import { createTemporalJoin } from './join/temporal-join.ts'
import { createWindowJoin } from './join/window-join.ts'
import { createAsyncMap } from './async-map/async-map.ts'
import { createBroadcastProcess } from './broadcast/broadcast-process.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { createPreAggregate } from './pre-aggregate.ts'
import { createPrint } from './print.ts'
import { createCoProcess, createProcess } from './process.ts'
import { createPruneColumns } from './prune-columns.ts'
import { createRolling } from './rolling.ts'
import { createSink } from './sink-operator.ts'
import { createSource } from './source-operator.ts'
import { createFilter, createFlatMap, createMap, createSplit } from './stateless.ts'
import { createWindow } from './window.ts'

export function createOperator({ spec }: LogicalOperator, context: OperatorContext): Operator {
  const operator = withKept(spec, context)
  const { pagedStore } = context
  if (pagedStore === undefined) return operator
  const close = operator.close?.bind(operator)
  operator.close = () => {
    close?.()
    pagedStore.dispose()
  }
  return operator
}

function withKept(spec: OperatorSpec, context: OperatorContext): Operator {
  const kept = keptStates(spec)
  if (Object.keys(kept).length === 0) return made(spec, context)
  const restored = withPresentValues(context.restored, context.operator, kept)
  return describing(made(spec, { ...context, restored }), kept)
}

/** Nobody else has seen the operator yet. */
function describing(operator: Operator, kept: KeptStates): Operator {
  const snapshot = operator.snapshot.bind(operator)
  const look = operator.look?.bind(operator)
  operator.snapshot = (checkpoint) => {
    const cut = snapshot(checkpoint)
    return cut === undefined || 'next' in cut ? cut : describeKept(cut, kept)
  }
  if (look !== undefined) operator.look = () => describeKept(look(), kept)
  return operator
}

function made(spec: OperatorSpec, context: OperatorContext): Operator {
  switch (spec.kind) {
    case 'source':
      return createSource(spec, context)
    case 'map':
      return createMap(spec, context)
    case 'filter':
      return createFilter(spec, context)
    case 'flat-map':
      return createFlatMap(spec, context)
    case 'split':
      return createSplit(spec, context)
    case 'print':
      return createPrint(spec, context)
    case 'rolling':
      return createRolling(spec, context)
    case 'window':
      return createWindow(spec, context)
    case 'pre-aggregate':
      return createPreAggregate(spec, context)
    case 'prune-columns':
      return createPruneColumns(spec, context)
    case 'process':
      return createProcess(spec, context)
    case 'co-process':
      return createCoProcess(spec, context)
    case 'match':
      return createMatch(spec, context)
    case 'interval-join':
      return createIntervalJoin(spec, context)
    case 'window-join':
      return createWindowJoin(spec, context)
    case 'temporal-join':
      return createTemporalJoin(spec, context)
    case 'keyed-join':
      return createKeyedJoin(spec, context)
    case 'lookup-join':
      return createLookupJoin(spec, context)
    case 'broadcast-process':
      return createBroadcastProcess(spec, context)
    case 'async-map':
      return createAsyncMap(spec, context)
    case 'sink':
      return createSink(spec, context)
    default:
      return assertNever(spec, 'operator kind')
  }
}
