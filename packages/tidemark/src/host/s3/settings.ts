/** What a client of object storage has to know: from the environment alone. */
import { isAbsolute } from 'node:path'
import { E190_S3_SETTINGS } from './errors.ts'
import type { Credentials } from './sigv4.ts'

export interface S3Settings {
  readonly credentials: Credentials
  readonly region: string
  /** Undefined: that of AWS, with the bucket in the host name. */
  readonly endpoint: URL | undefined
  readonly retry: RetrySettings
  readonly sizes: SizeSettings
}

export interface RetrySettings {
  /** In all, the first one among them. */
  readonly attempts: number
  /** The wait before the second attempt is chosen below this, before the third below twice this, and so on. */
  readonly backoffMs: number
  readonly longestBackoffMs: number
  /** An attempt during which nothing moves for so long is given up. */
  readonly idleMs: number
}

export interface SizeSettings {
  /** A larger file is uploaded in parts of so many bytes. Of an upload every storage takes 10,000 parts at most. */
  readonly partBytes: number
  /** Names in one page of a listing; storages give 1,000 at most. */
  readonly pageNames: number
}

export const DEFAULT_RETRY: RetrySettings = { attempts: 9, backoffMs: 100, longestBackoffMs: 5_000, idleMs: 20_000 }

/** All parts are of one size, as some storages want them; AWS wants no less than 5 MiB. */
export const DEFAULT_SIZES: SizeSettings = { partBytes: 8 << 20, pageNames: 1_000 }

/** Throws E190. */
export function settingsFrom(env: Readonly<Record<string, string | undefined>>): S3Settings {
  const accessKeyId = needed(env, 'AWS_ACCESS_KEY_ID')
  const secretAccessKey = needed(env, 'AWS_SECRET_ACCESS_KEY')
  const sessionToken = env['AWS_SESSION_TOKEN'] || undefined
  return {
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    region: env['AWS_REGION'] || 'us-east-1',
    endpoint: endpointOf(env['AWS_ENDPOINT_URL_S3'] || undefined),
    retry: DEFAULT_RETRY,
    sizes: DEFAULT_SIZES,
  }
}

/** Where state files are kept a second time, an absolute path; undefined: nowhere. Throws E190. */
export function copiesFrom(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const root = env['TIDEMARK_LOCAL_COPIES'] || undefined
  if (root === undefined || isAbsolute(root)) return root
  throw E190_S3_SETTINGS({ problem: `TIDEMARK_LOCAL_COPIES is ${root}, which is no absolute path` })
}

function needed(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = env[name]
  if (value === undefined || value === '') throw E190_S3_SETTINGS({ problem: `${name} is not set` })
  return value
}

function endpointOf(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const good = url !== undefined && ['http:', 'https:'].includes(url.protocol) && `${url.username}${url.search}` === ''
  // The text is not shown: somebody may have put a password into it.
  if (!good) throw E190_S3_SETTINGS({ problem: 'AWS_ENDPOINT_URL_S3 is no plain http or https URL' })
  return url
}
