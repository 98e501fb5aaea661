/**
 * Where in the user's job file something was called: `file:line`.
 *
 * Read from a stack trace at build time, never while records flow. Frames of this package are
 * skipped, so that a place is always the user's own line. Undefined where the trace has none.
 */
const plainPath = (location: string): string =>
  location.startsWith('file://') ? decodeURI(location.slice('file://'.length)) : location

/** Folder of the package's code: this file is two levels below it. */
const OWN_CODE = plainPath(import.meta.url).replace(/[^/]+\/[^/]+$/, '')
const FRAME = /^\s*at (?:.*\()?((?:file:\/\/)?\/.*?):(\d+):\d+\)?$/

export function callSite(): string | undefined {
  return userFrame(new Error('call site').stack)
}

/** The topmost frame that is not this package's. */
export function userFrame(stack: string | undefined): string | undefined {
  for (const line of stack?.split('\n') ?? []) {
    const match = FRAME.exec(line)
    if (match === null) continue
    const path = plainPath(match[1] as string)
    if (!path.startsWith(OWN_CODE)) return `${path}:${match[2]}`
  }
  return undefined
}
