/**
 * Validation by any Standard Schema, synchronously.
 *
 * Called by sources for records and by the keyed backend for state. What an invalid value means is
 * the caller's policy; here it is an outcome. A schema that answers with a promise is E012.
 *
 * Source: https://standardschema.dev (version 1, with the JSON Schema extension where offered).
 */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import { describeThrown } from '../base/errors.ts'
import { E012_ASYNC_SCHEMA } from './errors.ts'
import { formatPath } from './value-path.ts'

export type Validation =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly path: string; readonly issue: string }

/** `subject` names what is checked, for E012: `records of "clicks"`. A schema that throws has refused. */
export function validateSync(schema: StandardSchemaV1, value: unknown, subject: string): Validation {
  const standard = schema['~standard']
  let result: StandardSchemaV1.Result<unknown> | Promise<StandardSchemaV1.Result<unknown>>
  try {
    result = standard.validate(value)
  } catch (error) {
    return { ok: false, path: '', issue: describeThrown(error) }
  }
  if (isThenable(result)) {
    // The answer comes too late to be of use; a rejection must not end the process as unhandled.
    result.then(undefined, () => undefined)
    throw E012_ASYNC_SCHEMA({ subject, vendor: standard.vendor })
  }
  if (result.issues === undefined) return { ok: true, value: result.value }
  const first = result.issues[0]
  if (first === undefined) return { ok: false, path: '', issue: 'the schema gives no reason' }
  const more = result.issues.length - 1
  const issue = more === 0 ? first.message : `${first.message} (and ${more} more)`
  return { ok: false, path: formatPath(first.path ?? []), issue }
}

/**
 * The schema's own result if it is a plain success, without a new object for each record; undefined
 * for everything else, of which `validateSync` says what it is.
 */
export function quicklyValid(schema: StandardSchemaV1, value: unknown): { readonly value: unknown } | undefined {
  try {
    const result = schema['~standard'].validate(value)
    if (!isThenable(result)) return result.issues === undefined ? result : undefined
    result.then(undefined, () => undefined)
    return undefined
  } catch {
    return undefined
  }
}

/** JSON Schema of the values, if the vendor offers it; it only documents the snapshot. */
export function jsonSchemaOf(schema: StandardSchemaV1 | undefined): unknown {
  if (schema === undefined) return undefined
  const { jsonSchema } = schema['~standard'] as Partial<StandardJSONSchemaV1.Props>
  if (jsonSchema === undefined) return undefined
  try {
    return jsonSchema.output({ target: 'draft-2020-12' })
  } catch {
    // The specification lets vendors throw for what has no JSON Schema; the snapshot works without.
    return undefined
  }
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as { then?: unknown }).then === 'function'
}
