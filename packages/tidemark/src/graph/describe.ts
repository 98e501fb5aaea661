/**
 * An operator in words: for `tidemark graph`, start-up lines and error messages.
 *
 * `optionsOf` lists everything about an operator that is data, so that two builds of a job file can
 * be compared; functions are compared by their source text, which is the most that can be seen of
 * them from outside.
 */
import { assertNever } from '../base/assert.ts'
import { formatDuration } from '../base/duration.ts'
import { columnsOf } from './column-pruning.ts'
import type { LogicalOperator } from './logical-graph.ts'
import type { KeySelector, OperatorSpec } from './operator-spec.ts'
import { stepNames } from './pattern-spec.ts'
import type { StateSpec, TtlSpec } from './state-spec.ts'
import type { EvictorSpec, TriggerSpec, WindowAssignerSpec } from './window-spec.ts'

/** One short line without the name, e.g. `window tumbling 1h, lateness 5m`. */
export function describe(spec: OperatorSpec): string {
  switch (spec.kind) {
    case 'source':
      return `source ${spec.source.kind}, ${spec.source.rewind}`
    case 'sink':
      return `sink ${spec.sink.kind}, ${spec.sink.commit}`
    case 'window':
    case 'window-join':
      return [
        `${windowKind(spec)} ${describeAssigner(spec.assigner)}`,
        ...(spec.latenessMs > 0 ? [`lateness ${formatDuration(spec.latenessMs)}`] : []),
        ...(spec.trigger === undefined ? [] : [`trigger ${describeTrigger(spec.trigger)}`]),
        ...(spec.evictor === undefined ? [] : [`evictor ${describeEvictor(spec.evictor)}`]),
      ].join(', ')
    case 'process':
    case 'co-process':
    case 'broadcast-process': {
      if (spec.kind === 'process' && spec.label !== undefined) return spec.label
      const state = Object.entries(spec.state).map(([name, { kind }]) => `${name} ${kind}`)
      return state.length === 0 ? spec.kind : `${spec.kind}, state ${state.join(', ')}`
    }
    case 'match': {
      const { items, withinMs } = spec.pattern
      const within = withinMs === undefined ? '' : `, within ${formatDuration(withinMs)}`
      return `match ${stepNames(items).join(', ')}${within}`
    }
    case 'async-map': {
      const { ordered, capacity, timeoutMs } = spec
      return `async map, ${ordered ? '' : 'un'}ordered, up to ${capacity} at a time, timeout ${formatDuration(timeoutMs)}`
    }
    case 'interval-join':
      return `${spec.type} interval join, ${relative(spec.lowerMs)} to ${relative(spec.upperMs)}`
    case 'temporal-join':
      return `${spec.type} temporal join`
    case 'keyed-join':
      return `${spec.type} join${spec.ttl === undefined ? '' : `, ttl ${describeTtl(spec.ttl)}`}`
    case 'lookup-join': {
      const { cache } = spec
      const cached = cache === undefined ? '' : `, cache ${cache.size} for ${formatDuration(cache.ttlMs)}`
      return `${spec.type} lookup join, up to ${spec.capacity} at a time${cached}`
    }
    case 'split':
      return `split ${spec.routes.map((route) => route.name).join(', ')}, rest`
    case 'print':
      return spec.label === '' ? 'print' : `print ${JSON.stringify(spec.label)}`
    case 'rolling':
      return 'rolling aggregate'
    case 'pre-aggregate':
      return `aggregates for ${spec.of} ahead of the shuffle`
    case 'prune-columns': {
      const columns = (columnsOf(spec.consumer) ?? []).map(({ name }) => name)
      return `of each record the key${columns.length === 0 ? '' : ` and ${columns.join(', ')}`}, all that ${spec.of} reads`
    }
    case 'map':
    case 'filter':
    case 'flat-map':
      return spec.kind
    default:
      return assertNever(spec, 'operator')
  }
}

function describeTtl({ ttlMs, refreshedBy, time }: TtlSpec): string {
  const clock = time === 'event' ? ' of event time' : ''
  return `${formatDuration(ttlMs)}${clock}${refreshedBy === 'read' ? ' after the last match' : ''}`
}

function windowKind(spec: Extract<OperatorSpec, { kind: 'window' | 'window-join' }>): string {
  if (spec.kind === 'window-join') return 'join of windows'
  return spec.keyOf === undefined ? 'window over all' : 'window'
}

/** A bound of an interval join, seen from the left record. */
const relative = (ms: number): string => (ms < 0 ? formatDuration(ms) : `+${formatDuration(ms)}`)

export function describeAssigner(assigner: WindowAssignerSpec): string {
  if (assigner.kind === 'global') return 'global'
  const time = assigner.time === 'processing' ? ' of processing time' : ''
  if (assigner.kind === 'session') {
    const { fixedGapMs } = assigner
    return `session, gap ${fixedGapMs === undefined ? 'per record' : formatDuration(fixedGapMs)}${time}`
  }
  if (assigner.kind === 'calendar') {
    const { count, unit, zone, offsetMs } = assigner
    const from = offsetMs === 0 ? '' : ` offset ${formatDuration(offsetMs)}`
    return `calendar ${count === 1 ? unit : `${count} ${unit}s`} in ${zone}${from}${time}`
  }
  const offset = assigner.offsetMs === 0 ? '' : ` offset ${formatDuration(assigner.offsetMs)}`
  const size = formatDuration(assigner.sizeMs)
  if (assigner.kind === 'tumbling') return `tumbling ${size}${offset}${time}`
  return `sliding ${size} every ${formatDuration(assigner.slideMs)}${offset}${time}`
}

function describeTrigger(trigger: TriggerSpec): string {
  switch (trigger.kind) {
    case 'count':
      return `every ${trigger.count} records`
    case 'continuous-event-time':
      return `every ${formatDuration(trigger.intervalMs)} of event time`
    case 'continuous-processing-time':
      return `every ${formatDuration(trigger.intervalMs)} of processing time`
    case 'early':
      return `at the end, and early every ${formatDuration(trigger.intervalMs)}`
    case 'delta':
      return `delta above ${trigger.threshold}`
    case 'custom':
      return trigger.name
    case 'purging':
      return `${describeTrigger(trigger.inner)}, purging`
    default:
      return trigger.kind
  }
}

function describeEvictor(evictor: EvictorSpec): string {
  const when = evictor.after ? ' after the function' : ''
  if (evictor.kind === 'count') return `last ${evictor.count}${when}`
  if (evictor.kind === 'time') return `last ${formatDuration(evictor.ms)}${when}`
  return `delta ${evictor.threshold}${when}`
}

/** Everything that can be compared about an operator, in a fixed order. */
export function optionsOf(operator: LogicalOperator): ReadonlyMap<string, string> {
  const options = new Map<string, string>([
    ['kind', operator.spec.kind],
    ['name', operator.name],
    ['former names', operator.was.join(', ')],
    ['parallelism', String(operator.parallelism ?? 'of the job')],
  ])
  operator.inputs.forEach((edge, i) => {
    options.set(`input ${i + 1}`, `to ${edge.input ?? 0}: output "${edge.output}" of operator ${edge.from} by ${edge.ship.kind}`)
    if (edge.ship.kind === 'hash') options.set(`key of input ${i + 1}`, comparable(edge.ship.keyOf))
  })
  for (const [field, value] of Object.entries(operator.spec)) {
    if (field !== 'kind') options.set(field, comparable(value))
  }
  return options
}

function comparable(value: unknown): string {
  if (typeof value === 'function') return value.toString()
  if (value === null || typeof value !== 'object') return String(value)
  if ('~standard' in value) return `schema of ${vendorOf(value)}`
  // Connectors hold files, workers and counters of their own: only their identity is compared.
  if ('resource' in value) {
    const { kind, resource, rewind, commit } = value as Record<string, unknown>
    return [kind, rewind ?? commit, resource].map(String).join(' ')
  }
  const parts = Object.entries(value).map(([name, part]) => `${name}: ${comparable(part)}`)
  return Array.isArray(value) ? `[${value.map(comparable).join(', ')}]` : `{${parts.join(', ')}}`
}

function vendorOf(schema: object): string {
  const standard = (schema as Record<string, unknown>)['~standard']
  const known = typeof standard === 'object' && standard !== null && 'vendor' in standard
  return known ? String(standard.vendor) : 'an unknown vendor'
}

/** How the records of each input are keyed; undefined for an input without keys. */
export function keySelectorsOf(spec: OperatorSpec): readonly (KeySelector | undefined)[] {
  if ('keysOf' in spec) return spec.keysOf
  return ['keyOf' in spec ? spec.keyOf : undefined]
}

/** States an operator declares, for explain. */
export function declaredStates(spec: OperatorSpec): Readonly<Record<string, StateSpec>> {
  if ('state' in spec) return spec.state
  if (spec.kind === 'window' && spec.compute.kind === 'elements') return spec.compute.state
  return {}
}
