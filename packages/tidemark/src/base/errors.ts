/**
 * Operational and user errors: code, what, why, fix, place.
 *
 * Three families, never mixed: outcomes are tagged unions; operational errors are `StreamError`;
 * broken invariants are `InvariantViolation` (assert.ts). Codes are public and stable: match on
 * `error.code`. Each layer lists its errors in its own `errors.ts` by `defineError`; a test compares
 * those tables with docs/errors.md in both directions.
 */
const BRAND = Symbol.for('tidemark.StreamError')

/** Which exit code and which reaction an error deserves. */
export type ErrorKind =
  | 'usage' // the command line or an option is wrong
  | 'job' // the job definition or a user function is wrong
  | 'data' // a record or an input file is wrong
  | 'state' // a checkpoint does not fit this job
  | 'corrupt' // a file of ours is damaged
  | 'resource' // disk, memory, time
  | 'environment' // lock held, permission, platform
  | 'not-found'

export interface ErrorDefinition<D> {
  readonly code: string
  readonly kind: ErrorKind
  /** True where the same attempt may succeed later without anybody changing anything. */
  readonly retryable: boolean
  readonly title: string
  /** What happened, with values, in one sentence. */
  readonly what: (details: D) => string
  /** Why it is refused or why it matters; may be empty. */
  readonly why?: (details: D) => string
  /** What to do next, most likely first. */
  readonly fix: (details: D) => readonly string[]
}

/** Where it happened; every field optional, added on the way up by `withPlace`. */
export interface ErrorPlace {
  readonly job?: string
  readonly operator?: string
  readonly subtask?: number
  readonly checkpoint?: number
  readonly file?: string
  /** Byte offset, row or line of the record, as the source counts. */
  readonly position?: string
  /** file:line of the user's code. */
  readonly code?: string
}

export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly [BRAND] = true
  readonly code: string
  readonly kind: ErrorKind
  readonly retryable: boolean
  readonly title: string
  readonly why: string
  readonly fix: readonly string[]
  readonly place: ErrorPlace
  readonly details: unknown

  constructor(init: {
    code: string
    kind: ErrorKind
    retryable: boolean
    title: string
    what: string
    why: string
    fix: readonly string[]
    place: ErrorPlace
    details: unknown
    cause?: unknown
  }) {
    super(init.what, init.cause === undefined ? undefined : { cause: init.cause })
    this.code = init.code
    this.kind = init.kind
    this.retryable = init.retryable
    this.title = init.title
    this.why = init.why
    this.fix = init.fix
    this.place = init.place
    this.details = init.details
  }

  /** The same error with more context; fields already set win, since they were nearer to the cause. */
  withPlace(place: ErrorPlace): StreamError {
    const { code, kind, retryable, title, why, fix, details, cause } = this
    const merged = { ...place, ...this.place }
    const error = new StreamError({
      code, kind, retryable, title, what: this.message, why, fix, details, cause, place: merged,
    })
    if (this.stack !== undefined) error.stack = this.stack
    return error
  }
}

/** Recognised by brand, not by class: survives several copies of the package in one process. */
export function isStreamError(error: unknown): error is StreamError {
  return typeof error === 'object' && error !== null && BRAND in error
}

export type ErrorFactory<D> = ((
  details: D,
  options?: { place?: ErrorPlace; cause?: unknown },
) => StreamError) & { readonly definition: ErrorDefinition<D> }

export function defineError<D>(definition: ErrorDefinition<D>): ErrorFactory<D> {
  const create = (details: D, options?: { place?: ErrorPlace; cause?: unknown }): StreamError =>
    new StreamError({
      code: definition.code,
      kind: definition.kind,
      retryable: definition.retryable,
      title: definition.title,
      what: definition.what(details),
      why: definition.why?.(details) ?? '',
      fix: definition.fix(details),
      place: options?.place ?? {},
      details,
      cause: options?.cause,
    })
  return Object.assign(create, { definition })
}

/** Text of any thrown value; user code may throw null, numbers, objects without a message. */
export function describeThrown(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message
  if (typeof thrown === 'string') return thrown
  if (thrown === null || thrown === undefined) return String(thrown)
  try {
    return JSON.stringify(thrown) ?? Object.prototype.toString.call(thrown)
  } catch {
    return Object.prototype.toString.call(thrown)
  }
}

/** Plain data of an error, for messages between threads, `--json` and traces. No stack. */
export interface ErrorReport {
  readonly code: string
  readonly kind: ErrorKind
  readonly title: string
  readonly what: string
  readonly why: string
  readonly fix: readonly string[]
  readonly place: ErrorPlace
  readonly cause?: string
  /** Stack of the innermost cause, for finding the user's line; not part of `--json`. */
  readonly stack?: string
}

export function reportOf(error: StreamError): ErrorReport {
  const report = {
    code: error.code, kind: error.kind, title: error.title, what: error.message,
    why: error.why, fix: error.fix, place: error.place,
  }
  if (error.cause === undefined) return report
  const stack = error.cause instanceof Error ? error.cause.stack : undefined
  return { ...report, cause: describeThrown(error.cause), ...(stack === undefined ? {} : { stack }) }
}

/** The error again, on the other side of a message. */
export function errorOf(report: ErrorReport, retryable: boolean): StreamError {
  let cause: Error | undefined
  if (report.cause !== undefined) {
    cause = new Error(report.cause)
    if (report.stack !== undefined) cause.stack = report.stack
  }
  return new StreamError({
    code: report.code, kind: report.kind, retryable, title: report.title, what: report.what,
    why: report.why, fix: report.fix, place: report.place, details: undefined,
    ...(cause === undefined ? {} : { cause }),
  })
}
