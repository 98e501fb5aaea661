/**
 * map, filter, flatMap and split: one record in, some out, no state, watermarks pass through.
 *
 * Called by create.ts. Each `collect` is one closure, so that a chain is a chain of direct calls; where code
 * is generated, it is the statements of `inline`.
 */
import { MAIN, type FilterSpec, type FlatMapSpec, type MapSpec, type SplitSpec } from '../graph/operator-spec.ts'
import { userError } from './errors.ts'
import { guarded, handedOn, handedOnEach, type Inline } from './inline.ts'
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
  }, (code, value, time) => {
    const output = code.local()
    const call = guarded(code, `${output} = ${code.bind(fn)}(${value})`, operator, 'map')
    const frozen = context.freeze ? `${output} = ${handedOn(code, output, true)};` : ''
    return `let ${output}; ${call} ${frozen} ${code.next(MAIN, output, time)}`
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
  }, (code, value, time) => {
    const keep = code.local()
    const call = guarded(code, `${keep} = ${code.bind(fn)}(${value})`, operator, 'filter')
    return `let ${keep}; ${call} if (${keep}) { ${code.next(MAIN, value, time)} }`
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
  }, (code, value, time) => {
    const outputs = code.local()
    const call = guarded(code, `${outputs} = ${code.bind(fn)}(${value})`, operator, 'flatMap')
    return `let ${outputs}; ${call} ${handedOnEach(code, outputs, time, context.freeze, (given, timestamp) =>
      collectAll(given, timestamp, next, operator, 'flatMap'))}`
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
  }, (code, value, time) => {
    const taken = code.local()
    const branches = spec.routes.map(({ name, test }) => {
      const call = guarded(code, `${taken} = ${code.bind(test)}(${value})`, operator, `route "${name}"`)
      return `${call} if (${taken}) { ${code.next(name, value, time)} } else {`
    })
    return `let ${taken}; ${branches.join(' ')} ${code.next(REST, value, time)} ${'}'.repeat(branches.length)}`
  })
}

function passing(context: OperatorContext, collect: Collect, inline: Inline): Operator {
  const { output } = context
  return {
    collect,
    inline,
    onWatermark: (watermark) => output.watermark(watermark),
    onIdle: (idle) => output.idle(idle),
    snapshot: () => undefined,
  }
}
