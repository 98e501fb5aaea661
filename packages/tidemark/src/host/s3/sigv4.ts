/**
 * Signs requests: AWS Signature Version 4, for the service s3.
 *
 * Called by client.ts for every attempt of every request. Owns the credentials.
 *
 *   SIG-1  Secret and session token are private fields: no error, no log line and no inspection shows them.
 *   SIG-2  The body is part of what is signed, so that a storage that checks signatures takes no damaged one.
 *
 * Source: AWS, "Signature Calculations for the Authorization Header"; its examples are tests of this file.
 */
import { createHash, createHmac } from 'node:crypto'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface ToSign {
  readonly method: string
  /** Percent-encoded already, as it is sent: encodePath. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Names in lower case, `host` among them. */
  readonly headers: Readonly<Record<string, string>>
  /** SHA-256 of the body, hexadecimal. */
  readonly payloadHash: string
  readonly at: Date
}

const ALGORITHM = 'AWS4-HMAC-SHA256'
export const sha256 = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
const hmac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** RFC 3986: everything but letters, digits and - . _ ~ . */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

/** Of a key: the slashes stay. */
export const encodePath = (path: string): string => path.split('/').map(encode).join('/')

/** Sorted as it is signed; also what is sent. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(([name, value]) => [encode(name), encode(value)] as const)
  return pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join('&')
}

export class Signer {
  readonly #accessKeyId: string
  readonly #secret: string
  readonly #token: string | undefined
  readonly #region: string
  /** The key of a day is derived once. */
  #derived: { readonly day: string; readonly key: Buffer } | undefined

  constructor({ accessKeyId, secretAccessKey, sessionToken }: Credentials, region: string) {
    this.#accessKeyId = accessKeyId
    this.#secret = secretAccessKey
    this.#token = sessionToken
    this.#region = region
  }

  /** The headers with date, hash and signature. */
  sign({ method, path, query, headers, payloadHash, at }: ToSign): Record<string, string> {
    const time = at.toISOString().replace(/[-:]|\.\d+/g, '')
    const day = time.slice(0, 8)
    const signed: Record<string, string> = {
      ...headers,
      'x-amz-content-sha256': payloadHash,
      'x-amz-date': time,
      ...(this.#token === undefined ? {} : { 'x-amz-security-token': this.#token }),
    }
    const names = Object.keys(signed).sort()
    const canonical = [
      method, path, encodeQuery(query),
      ...names.map((name) => `${name}:${(signed[name] as string).trim().replace(/ +/g, ' ')}`),
      '', names.join(';'), payloadHash,
    ].join('\n')
    const scope = `${day}/${this.#region}/s3/aws4_request`
    const text = [ALGORITHM, time, scope, sha256(canonical)].join('\n')
    const signature = hmac(this.#keyOf(day), text).toString('hex')
    return {
      ...signed,
      authorization: `${ALGORITHM} Credential=${this.#accessKeyId}/${scope},` +
        `SignedHeaders=${names.join(';')},Signature=${signature}`,
    }
  }

  #keyOf(day: string): Buffer {
    if (this.#derived?.day !== day) {
      const key = [day, this.#region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${this.#secret}`)
      this.#derived = { day, key: key as Buffer }
    }
    return this.#derived.key
  }
}
