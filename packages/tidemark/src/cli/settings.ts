/**
 * `-c key=value`: splits what the command line gave into the engine's settings and the job's own.
 *
 * Called by run.ts and graph.ts.
 *
 * Invariants
 *   CS-1  A key that neither the engine nor the job reads is refused before anything runs.
 *   CS-2  The same key twice is refused: nobody has to know which one wins.
 */
import { byteSize, type ByteSize } from '../base/byte-size.ts'
import { durationMs, type Duration } from '../base/duration.ts'
import { isStreamError } from '../base/errors.ts'
import { didYouMean } from '../base/did-you-mean.ts'
import { LEAST_CACHE_BYTES } from '../graph/logical-graph.ts'
import { E091_UNKNOWN_SETTING, E096_BAD_SETTING } from './errors.ts'

interface EngineSetting {
  readonly kind: 'duration' | 'count' | 'switch' | 'size' | 'backend'
  readonly min: number
  readonly example: string
  readonly brief: string
}

/** The engine's settings; host/run.ts reads them from the same record. */
export const ENGINE_SETTINGS: Readonly<Record<string, EngineSetting>> = {
  checkpointEvery: {
    kind: 'duration', min: 1, example: 'checkpointEvery=1s', brief: 'time between two checkpoints',
  },
  checkpointTimeout: {
    kind: 'duration', min: 1, example: 'checkpointTimeout=10m', brief: 'a checkpoint older than this is given up',
  },
  unalignedAfter: {
    kind: 'duration', min: 0, example: 'unalignedAfter=250ms', brief: 'from this age on barriers overtake records',
  },
  minPause: {
    kind: 'duration', min: 0, example: 'minPause=500ms', brief: 'least time between the end of one and the next',
  },
  retain: { kind: 'count', min: 1, example: 'retain=3', brief: 'completed checkpoints kept' },
  tolerableFailures: {
    kind: 'count', min: 0, example: 'tolerableFailures=2', brief: 'failed checkpoints in a row put up with',
  },
  restartAttempts: {
    kind: 'count', min: 0, example: 'restartAttempts=8', brief: 'restarts without a checkpoint in between',
  },
  aggregateAhead: {
    kind: 'switch', min: 0, example: 'aggregateAhead=off', brief: 'add up ahead of a shuffle where that is exact',
  },
  pruneColumns: {
    kind: 'switch', min: 0, example: 'pruneColumns=off', brief: 'send between threads only what is read of a record',
  },
  stateBackend: {
    kind: 'backend', min: 0, example: 'stateBackend=lmdb', brief: 'heap, or lmdb for keyed state larger than memory',
  },
  stateCache: {
    kind: 'size', min: LEAST_CACHE_BYTES, example: 'stateCache=256MB', brief: 'of entries in memory, with stateBackend=lmdb',
  },
  heartbeatTimeout: {
    kind: 'duration', min: 1000, example: 'heartbeatTimeout=30s', brief: 'a worker thread silent for longer is replaced',
  },
}

export type Config = Readonly<Record<string, string>>

/** Parses the values of `-c`; checks form and the engine's own keys, not yet the job's. */
export function parseSettings(given: readonly string[]): Config {
  const config = new Map<string, string>()
  for (const text of given) {
    const equals = text.indexOf('=')
    if (equals <= 0) {
      throw E096_BAD_SETTING({ given: text, expected: 'it has the form key=value', example: 'checkpointEvery=1s' })
    }
    const key = text.slice(0, equals)
    if (config.has(key)) {
      throw E096_BAD_SETTING({ given: text, expected: `"${key}" was given twice`, example: `${text}, once` })
    }
    checkEngineSetting(key, text.slice(equals + 1), text)
    config.set(key, text.slice(equals + 1))
  }
  return Object.fromEntries(config)
}

function checkEngineSetting(key: string, value: string, text: string): void {
  if (!Object.hasOwn(ENGINE_SETTINGS, key)) return
  const setting = ENGINE_SETTINGS[key] as EngineSetting
  const { good, expected } = FORMS[setting.kind]
  if (!good(value, setting.min)) throw E096_BAD_SETTING({ given: text, expected: expected(setting.min), example: setting.example })
}

interface Form {
  readonly good: (value: string, min: number) => boolean
  readonly expected: (min: number) => string
}

const FORMS: Readonly<Record<EngineSetting['kind'], Form>> = {
  duration: {
    good: isDuration,
    expected: (min) => `it needs a duration${min === 0 ? '' : ` of at least ${min}ms`}: a number followed by ms, s, m, h or d`,
  },
  count: { good: isCount, expected: (min) => `it needs a whole number${min === 0 ? '' : ` from ${min}`}` },
  size: { good: isSize, expected: (min) => `it needs a size of at least ${min} bytes: a number followed by kB, MB or GB` },
  backend: { good: (value) => value === 'heap' || value === 'lmdb', expected: () => 'it is heap or lmdb' },
  switch: { good: (value) => value === 'on' || value === 'off', expected: () => 'it is on or off' },
}

function isDuration(value: string, min: number): boolean {
  return isAccepted(() => durationMs(value as Duration, 'setting', min))
}

function isSize(value: string, min: number): boolean {
  return isAccepted(() => byteSize(value as ByteSize, 'setting', min))
}

function isAccepted(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch (error) {
    if (isStreamError(error)) return false
    throw error
  }
}

function isCount(value: string, min: number): boolean {
  const count = Number(value)
  return value.trim() !== '' && Number.isSafeInteger(count) && count >= min
}

/** CS-1: every key must be the engine's or have been read while the graph was built. */
export function refuseUnread(config: Config, readByJob: Iterable<string>): void {
  const ofJob = [...readByJob].filter((key) => !Object.hasOwn(ENGINE_SETTINGS, key)).sort()
  const ofEngine = Object.keys(ENGINE_SETTINGS)
  for (const key of Object.keys(config)) {
    if (ofEngine.includes(key) || ofJob.includes(key)) continue
    const suggestion = didYouMean(key, [...ofJob, ...ofEngine])
    throw E091_UNKNOWN_SETTING({ key, suggestion, ofJob, ofEngine })
  }
}
