/**
 * Entry of the conformance runner: the text of a case file in, lines and counts out.
 *
 * Called by scripts/conformance.mjs, which reads the file and prints.
 */
import type { Case } from './case.ts'
import { runCase, type CaseResult } from './run.ts'

export interface ConformanceReport {
  readonly results: readonly CaseResult[]
  /** One a case, for people. */
  readonly lines: readonly string[]
  readonly summary: { readonly passed: number; readonly failed: number; readonly unsupported: number }
  /** True only if every case passed, and there was one. */
  readonly ok: boolean
}

/** Throws if the text is no case file. */
export function runConformance(text: string): ConformanceReport {
  const file = JSON.parse(text) as { readonly cases?: unknown }
  if (!Array.isArray(file?.cases)) throw new TypeError('the file has no list "cases"')
  const results = (file.cases as readonly Case[]).map(runCase)
  const count = (verdict: CaseResult['verdict']): number => results.filter((r) => r.verdict === verdict).length
  const summary = { passed: count('passed'), failed: count('failed'), unsupported: count('unsupported') }
  return {
    results,
    lines: results.map(({ name, verdict, detail }) =>
      `${verdict.padEnd('unsupported'.length)}  ${name}${detail === undefined ? '' : `: ${detail}`}`),
    summary,
    ok: results.length > 0 && summary.passed === results.length,
  }
}
