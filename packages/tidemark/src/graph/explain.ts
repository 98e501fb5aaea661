/**
 * A job graph for people and programs: text tree, JSON, mermaid; and the safety of its ends.
 *
 * Pure functions from graph to string; called by the CLI and by hosts at start. Same graph, same text.
 */
import { formatDuration } from '../base/duration.ts'
import { declaredStates, describe } from './describe.ts'
import type { JobEdge, JobGraph, JobVertex } from './job-graph.ts'
import type { LogicalGraph, LogicalOperator } from './logical-graph.ts'
import { MAIN } from './operator-spec.ts'

/** What one end of the job promises after a failure. */
export interface Safety {
  readonly operator: string
  readonly what: 'source' | 'sink'
  /** E.g. 'can rewind', 'transactional'. */
  readonly promise: string
  /** True if exactly-once can rest on it. */
  readonly ok: boolean
}

export function safetyOf(graph: LogicalGraph | JobGraph): readonly Safety[] {
  const { operators } = 'logical' in graph ? graph.logical : graph
  return operators.flatMap(({ name, spec }): Safety[] => {
    if (spec.kind === 'source') {
      const promise = spec.source.rewind
      return [{ operator: name, what: 'source', promise, ok: promise === 'can rewind' }]
    }
    if (spec.kind === 'sink') {
      const promise = spec.sink.commit
      const ok = promise === 'transactional' || promise === 'idempotent'
      return [{ operator: name, what: 'sink', promise, ok }]
    }
    return []
  })
}

/** `exactly-once: lines ✓ can rewind · counts ✓ transactional` */
export function safetyLine(graph: LogicalGraph | JobGraph): string {
  const { guarantee } = 'logical' in graph ? graph.logical : graph
  const ends = safetyOf(graph).map((end) => `${end.operator} ${end.ok ? '✓' : '✗'} ${end.promise}`)
  return `${guarantee}: ${ends.join(' · ')}`
}

/** The chains as trees, each with the edges that leave it. */
export function explainText(graph: JobGraph): string {
  const { logical } = graph
  const lines = [
    `${logical.job}  ${logical.guarantee}, ` +
      `parallelism ${graph.parallelism} of at most ${graph.maxParallelism}, ` +
      `checkpoint every ${formatDuration(logical.checkpoint.everyMs)}`,
  ]
  const width = Math.max(...logical.operators.map((operator) => operator.name.length))
  for (const vertex of graph.vertices) {
    lines.push('', `[${vertex.index}] ${vertex.name} ×${vertex.parallelism}`)
    const head = vertex.operators[0]
    const place: TreePlace = { output: MAIN, indent: '    ', stem: '', width }
    if (head !== undefined) treeLines(graph, vertex, head, place, lines)
  }
  return `${lines.join('\n')}\n`
}

interface TreePlace {
  readonly output: string
  readonly indent: string
  readonly stem: string
  readonly width: number
}

function treeLines(
  graph: JobGraph, vertex: JobVertex, operator: LogicalOperator, place: TreePlace, lines: string[],
): void {
  const tag = place.output === MAIN ? '' : `(${place.output}) `
  const name = `${place.indent}${place.stem}${tag}${operator.name}`
  lines.push(`${name.padEnd(place.width + place.indent.length + 6)}  ${describe(operator.spec)}`)
  const links = vertex.links.filter((link) => link.fromOperator === operator.index)
  const edges = vertex.outputs.filter((edge) => edge.fromOperator === operator.index)
  const below = place.indent + (place.stem === '' ? '' : place.stem === '└ ' ? '  ' : '│ ')
  for (const [i, link] of links.entries()) {
    const child = graph.logical.operators[link.toOperator]
    const last = i === links.length - 1 && edges.length === 0
    const next = { output: link.output, indent: below, stem: last ? '└ ' : '├ ', width: place.width }
    if (child !== undefined) treeLines(graph, vertex, child, next, lines)
  }
  for (const [i, edge] of edges.entries()) {
    const stem = i === edges.length - 1 ? '└ ' : '├ '
    lines.push(`${below}${stem}${edgeText(graph, edge)}`)
  }
}

function edgeText(graph: JobGraph, edge: JobEdge): string {
  const tag = edge.output === MAIN ? '' : `(${edge.output}) `
  return `${tag}→ ${edge.ship.kind} → [${edge.toVertex}] ${graph.vertices[edge.toVertex]?.name}`
}

/** One JSON document; `"schema"` names its format. */
export function explainJson(graph: JobGraph): string {
  const { logical } = graph
  const document = {
    schema: 'tidemark.graph/1',
    job: logical.job,
    guarantee: logical.guarantee,
    parallelism: graph.parallelism,
    maxParallelism: graph.maxParallelism,
    checkpoint: logical.checkpoint,
    restart: logical.restart,
    safety: safetyOf(graph),
    vertices: graph.vertices.map((vertex) => ({
      index: vertex.index,
      name: vertex.name,
      parallelism: vertex.parallelism,
      operators: vertex.operators.map(operatorJson),
      links: vertex.links.map((link) => ({
        from: link.fromOperator, output: link.output, to: link.toOperator,
      })),
    })),
    edges: graph.edges.map((edge) => ({
      index: edge.index,
      from: edge.fromVertex,
      fromOperator: edge.fromOperator,
      output: edge.output,
      to: edge.toVertex,
      input: edge.input,
      ship: edge.ship.kind,
    })),
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

function operatorJson(operator: LogicalOperator): object {
  const { spec } = operator
  const end = spec.kind === 'source' ? spec.source : spec.kind === 'sink' ? spec.sink : undefined
  const states = Object.entries(declaredStates(spec))
    .map(([name, { kind, version }]) => ({ name, kind, version }))
  return {
    index: operator.index,
    name: operator.name,
    named: operator.named,
    was: operator.was,
    kind: spec.kind,
    detail: describe(spec),
    resource: end?.resource,
    states: states.length === 0 ? undefined : states,
    place: operator.place,
  }
}

/** A mermaid flowchart: one subgraph a vertex. */
export function explainMermaid(graph: JobGraph): string {
  const lines = ['flowchart LR']
  for (const vertex of graph.vertices) {
    lines.push(`  subgraph v${vertex.index}["${escapeLabel(`${vertex.name} ×${vertex.parallelism}`)}"]`)
    for (const { index, name, spec } of vertex.operators) {
      lines.push(`    o${index}["${escapeLabel(name)}<br/>${escapeLabel(describe(spec))}"]`)
    }
    for (const link of vertex.links) {
      lines.push(`    o${link.fromOperator} -->${mermaidTag(link.output, '')} o${link.toOperator}`)
    }
    lines.push('  end')
  }
  for (const edge of graph.edges) {
    const to = graph.vertices[edge.toVertex]?.operators[0]?.index
    lines.push(`  o${edge.fromOperator} ==>${mermaidTag(edge.output, edge.ship.kind)} o${to}`)
  }
  return `${lines.join('\n')}\n`
}

function mermaidTag(output: string, ship: string): string {
  const text = [output === MAIN ? '' : output, ship].filter((part) => part !== '').join(', ')
  return text === '' ? '' : `|"${escapeLabel(text)}"|`
}

/** Labels are quoted; mermaid's entities keep quotes, angle brackets and markup out of them. */
function escapeLabel(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} .,×_-]/gu, (character) => `#${character.codePointAt(0)};`)
}
