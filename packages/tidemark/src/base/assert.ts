/**
 * Assertions that stay on in production.
 *
 * A broken invariant is never an expected outcome: it is thrown as `InvariantViolation`, caught only
 * at the top of a host, which reports it and stops. Hot paths pass constant messages.
 */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message)
}

/** Closes a `switch` over a tagged union: a missing case is a compile error. */
export function assertNever(value: never, what: string): never {
  throw new InvariantViolation(`${what}: unexpected ${JSON.stringify(value)}`)
}

/** For branches that cannot be reached; the text says why. */
export function unreachable(why: string): never {
  throw new InvariantViolation(`unreachable: ${why}`)
}
