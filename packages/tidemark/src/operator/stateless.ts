/**
 * map, filter, flatMap and split: one record in, some out, no state, watermarks pass through.
 *
 * Called by create.ts. Each `collect` is one closure, so that a chain is a chain of direct calls.
 */
import { MAIN, type FilterSpec, type FlatMapSpec, type MapSpec, type SplitSpec } from '../graph/operator-spec.ts'
import { userError } from './errors.ts'
import type { Collect, Operator, OperatorContext } from './operator.ts'
import { collectAll, freezing } from './user-code.ts'

const REST = 'rest'

export function createMap(spec: MapSpec, context: OperatorContext): Operator {
  const { fn } = spec
  const { operator } = context
  const next = freezing(context.output.collector(MAIN), context)
  return passing(context, (value, timestamp) => {
    let output: unknown
    try {
      output = fn(value)
    } catch (thrown) {
      throw userError(thrown, operator, 'map')
    }
    next(output, timestamp)
  })
}

export function createFilter(spec: FilterSpec, context: OperatorContext): Operator {
  const { fn } = spec
  const { operator } = context
  const next = context.output.collector(MAIN)
  return passing(context, (value, timestamp) => {
    let keep: boolean
    try {
      keep = fn(value)
    } catch (thrown) {
      throw userError(thrown, operator, 'filter')
    }
    if (keep) next(value, timestamp)
  })
}

export function createFlatMap(spec: FlatMapSpec, context: OperatorContext): Operator {
  const { fn } = spec
  const { operator } = context
  const next = freezing(context.output.collector(MAIN), context)
  return passing(context, (value, timestamp) => {
    let outputs: unknown
    try {
      outputs = fn(value)
    } catch (thrown) {
      throw userError(thrown, operator, 'flatMap')
    }
    collectAll(outputs, timestamp, next, operator, 'flatMap')
  })
}

export function createSplit(spec: SplitSpec, context: OperatorContext): Operator {
  const { operator } = context
  const routes = spec.routes.map(({ name, test }) => ({ name, test, next: context.output.collector(name) }))
  const rest = context.output.collector(REST)
  return passing(context, (value, timestamp) => {
    let next = rest
    for (const route of routes) {
      let taken: boolean
      try {
        taken = route.test(value)
      } catch (thrown) {
        throw userError(thrown, operator, `route "${route.name}"`)
      }
      if (taken) {
        next = route.next
        break
      }
    }
    next(value, timestamp)
  })
}

function passing(context: OperatorContext, collect: Collect): Operator {
  const { output } = context
  return {
    collect,
    onWatermark: (watermark) => output.watermark(watermark),
    onIdle: (idle) => output.idle(idle),
    snapshot: () => undefined,
  }
}
