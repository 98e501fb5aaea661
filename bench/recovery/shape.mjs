/** What the job and its judge both know; apart from the job, since the judge is loaded before the engine is built. */

/** Split 0, whose reader dies, has the even records. */
export const SPLITS = 2
/** Small state. */
export const KEYS = 1000
