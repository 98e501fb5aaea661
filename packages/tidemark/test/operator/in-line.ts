/** Operators as a chain runs them where code is generated; the harness calls closures only. */
import { MAIN } from '../../src/graph/operator-spec.ts'
import type { Collect, Operator, OperatorContext } from '../../src/operator/operator.ts'
import { generator, type Stage } from '../../src/task/fused/fused.ts'

type Create = (spec: any, context: OperatorContext) => Operator

/** The same operator, with what it writes in line compiled; throws if it writes nothing. */
export const inLine = (create: Create): Create => (spec, context) => {
  const { output } = context
  const after = (tag: string): readonly Stage[] => [{ collect: output.collector(tag), next: () => [] }]
  let made = 0
  const generate: typeof output.generate = (parameters, body) => {
    made += 1
    return generator(after, 'in line')(parameters, body)
  }
  const operator = create(spec, { ...context, output: { ...output, generate } })
  const { collect, inline } = operator
  if (inline === undefined && made === 0) throw new Error('this operator writes nothing in line')
  if (inline === undefined) return operator
  const head = (): readonly Stage[] => [{ collect, inline, next: after }]
  const compile = generator(head, 'head')
  const compiled = compile<Collect>(['value', 'time'], (code) => code.next(MAIN, 'value', 'time'))
  if (compiled === undefined) throw new Error('code can be generated in tests')
  return { ...operator, collect: compiled }
}
