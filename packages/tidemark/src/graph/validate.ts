/**
 * The rules that a logical graph must keep before anything runs.
 *
 * The compiler has checked most of them already; they are checked again here because a cast or a
 * JavaScript job file gets past the compiler. Called by api/build.ts for every graph.
 *
 *   GV-1  Operator names, present and former, are well-formed and mean one operator each.
 *   GV-2  An exactly-once job has only sources that can rewind and sinks that can commit.
 *   GV-3  There is at least one sink or print.
 *   GV-4  1 <= parallelism <= maxParallelism <= 32768, for the job and for every operator.
 */
import type { ErrorPlace } from '../base/errors.ts'
import { E001_DUPLICATE_NAME, E004_SINK_CANNOT_COMMIT, E005_SOURCE_CANNOT_REWIND, E006_BAD_NAME,
  E007_NOTHING_TO_RUN, E008_IMPOSSIBLE_OPTION, E033_PARALLELISM_ABOVE_MAX,
  undeclaredOutput } from './errors.ts'
import { MAX_PARALLELISM_LIMIT } from './key-groups.ts'
import type { LogicalGraph, LogicalOperator } from './logical-graph.ts'
import { FAILED, INVALID, type OperatorSpec } from './operator-spec.ts'
import { triggerMerges } from './window-spec.ts'
import { checkPattern } from './pattern-spec.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$/

export const isName = (name: unknown): name is string => typeof name === 'string' && NAME.test(name)

/** Throws the first violation, with the place of the call in the job file. */
export function validateGraph(graph: LogicalGraph): void {
  if (!isName(graph.job)) throw E006_BAD_NAME({ what: 'The name of the job', name: graph.job })
  checkParallelism(graph)
  checkNames(graph.operators)
  for (const operator of graph.operators) {
    if (graph.guarantee === 'exactly-once') checkGuarantee(operator)
    checkInputs(operator, graph.operators)
    checkWindow(operator)
    if (operator.spec.kind === 'match') checkPattern(operator.name, operator.spec.pattern)
  }
  if (!graph.operators.some(({ spec }) => spec.kind === 'sink' || spec.kind === 'print')) {
    throw E007_NOTHING_TO_RUN({ job: graph.job, operators: graph.operators.length })
  }
}

/** Throws E008 or E033 unless `parallelism` is a whole number from 1 to `max`. */
export function checkParallelismOf(what: string, parallelism: number, max: number): void {
  if (!Number.isSafeInteger(parallelism) || parallelism < 1) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `${what} has an impossible parallelism`, given: parallelism,
      why: 'Parallelism is the number of subtasks that share the work.', fix: 'use a whole number from 1',
    })
  }
  if (parallelism > max) throw E033_PARALLELISM_ABOVE_MAX({ what, parallelism, max })
}

function checkParallelism(graph: LogicalGraph): void {
  const max = graph.maxParallelism
  if (!Number.isSafeInteger(max) || max < 1 || max > MAX_PARALLELISM_LIMIT) {
    throw E008_IMPOSSIBLE_OPTION({
      what: 'maxParallelism is out of range', given: max,
      why: 'It is the number of key groups into which keyed state is divided, for the life of the state.',
      fix: `use a whole number from 1 to ${MAX_PARALLELISM_LIMIT}; 128 is a good one`,
    })
  }
  if (graph.parallelism !== undefined) checkParallelismOf(`The job "${graph.job}"`, graph.parallelism, max)
  for (const operator of graph.operators) {
    if (operator.parallelism !== undefined) {
      checkParallelismOf(`The operator "${operator.name}"`, operator.parallelism, max)
    }
  }
}

function checkNames(operators: readonly LogicalOperator[]): void {
  const owners = new Map<string, LogicalOperator>()
  for (const operator of operators) {
    if (!isName(operator.name)) {
      const what = `The name of a ${operator.spec.kind}`
      throw E006_BAD_NAME({ what, name: operator.name }, placeOf(operator))
    }
    const other = owners.get(operator.name)
    if (other !== undefined) throw duplicate(operator.name, other, operator, false)
    owners.set(operator.name, operator)
  }
  for (const operator of operators) {
    for (const former of operator.was) {
      if (!isName(former)) {
        throw E006_BAD_NAME({ what: 'The name in .was()', name: former }, placeOf(operator))
      }
      const other = owners.get(former)
      if (other !== undefined) throw duplicate(former, other, operator, true)
      owners.set(former, operator)
    }
  }
}

function duplicate(name: string, first: LogicalOperator, second: LogicalOperator, former: boolean): Error {
  return E001_DUPLICATE_NAME({ name, first: first.place, second: second.place, former }, placeOf(second))
}

function checkGuarantee(operator: LogicalOperator): void {
  const { spec, name } = operator
  if (spec.kind === 'source' && spec.source.rewind !== 'can rewind') {
    const { kind: connector, rewind } = spec.source
    throw E005_SOURCE_CANNOT_REWIND({ operator: name, connector, rewind }, placeOf(operator))
  }
  if (spec.kind === 'sink' && spec.sink.commit !== 'transactional' && spec.sink.commit !== 'idempotent') {
    const { kind: connector, commit } = spec.sink
    throw E004_SINK_CANNOT_COMMIT({ operator: name, connector, commit }, placeOf(operator))
  }
}

function checkInputs(operator: LogicalOperator, operators: readonly LogicalOperator[]): void {
  for (const edge of operator.inputs) {
    const producer = operators[edge.from]
    if (edge.output === FAILED && producer !== undefined && failsWhole(producer.spec)) {
      throw E008_IMPOSSIBLE_OPTION(
        undeclaredOutput(producer.name, FAILED, "add onFailed: 'side' to the options of that mapAsync"),
        placeOf(operator),
      )
    }
    if (edge.output !== INVALID || producer?.spec.kind !== 'source') continue
    if (producer.spec.onInvalid === 'side') continue
    throw E008_IMPOSSIBLE_OPTION(
      undeclaredOutput(producer.name, INVALID, "add onInvalid: 'side' to the options of that source"),
      placeOf(operator),
    )
  }
}

/** A record that fails for good ends the attempt, so the output for such records stays empty. */
const failsWhole = (spec: OperatorSpec): boolean => 'onFailed' in spec && spec.onFailed !== 'side'

function checkWindow(operator: LogicalOperator): void {
  const { spec, name } = operator
  if (spec.kind !== 'window' && spec.kind !== 'window-join') return
  if (spec.assigner.kind === 'global' && spec.trigger === undefined) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `The global window "${name}" never fires`, given: undefined,
      why: 'A global window has no end, so only a trigger can make it speak.',
      fix: 'give a trigger: { trigger: countTrigger(100) }, or neverTrigger() if silence is meant',
    }, placeOf(operator))
  }
  if (spec.assigner.kind === 'session' && spec.trigger !== undefined && !triggerMerges(spec.trigger)) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `The session window "${name}" has a trigger that cannot merge`, given: spec.trigger.kind,
      why: 'Two sessions become one when a record falls between them; then the trigger must say what holds.',
      fix: 'give the trigger an onMerge, or use another one: a delta trigger never merges',
    }, placeOf(operator))
  }
  const merges = spec.kind === 'window-join' || spec.compute.kind !== 'aggregate' ||
    spec.compute.aggregate.merge !== undefined
  if (spec.assigner.kind === 'session' && !merges) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `The session window "${name}" cannot merge its results`, given: undefined,
      why: 'Two sessions become one when a record falls between them; then their accumulators are merged.',
      fix: 'give merge as the third argument: .reduce(init, step, merge)',
    }, placeOf(operator))
  }
}

function placeOf(operator: LogicalOperator): { place: ErrorPlace } {
  const place: ErrorPlace = { operator: String(operator.name) }
  return { place: operator.place === undefined ? place : { ...place, code: operator.place } }
}
