/**
 * Requests to object storage, repeated until their outcome is known.
 *
 * Called by s3-storage.ts and s3-writer.ts. Owns the connections and the signer. Everything here is safe to repeat:
 * reads, deletions, parts of an upload, and conditional writes that carry a token of their writer.
 *
 *   OBC-1  An attempt that was cut off, or answered by 408, 409, 429 or 5xx, is repeated after a wait that grows and
 *          has chance in it, so that many clients do not come back at once. Any other answer is final.
 *   OBC-2  The outcome of a conditional write is read, never guessed: "it exists" may be our own object, put by an
 *          attempt whose answer was lost. The token in its metadata decides; if there is no object the put is
 *          repeated.
 *   OBC-3  An upload is completed if its object with our token is there, whatever completing it was answered: the
 *          second of two attempts finds no upload any more. An answer of 200 may hold an error.
 *   OBC-4  Errors name operation, place, status and code, and nothing that was signed.
 *
 * Source: AWS S3 API reference; Arroyo PR 197 (completing an upload is not idempotent); M. Brooker, "Exponential
 * Backoff And Jitter".
 */
import { storageError } from '../../base/storage-errors.ts'
import { E187_S3_REFUSED, E188_S3_UNREACHABLE, E189_NO_CONDITIONAL_PUT, E191_NO_BUCKET } from './errors.ts'
import { HttpConnections, type HttpAnswer } from './http.ts'
import { parseS3, type S3Place } from './place.ts'
import type { S3Settings } from './settings.ts'
import { encodePath, encodeQuery, sha256, Signer } from './sigv4.ts'
import { completionOf, errorCodeOf, parseList, textOf, type ListPage } from './xml.ts'

/** What is known of an object without its bytes. */
export interface S3Object {
  readonly sizeBytes: number
  readonly etag: string
  /** Of the writer that put it; undefined: it was put by another program. */
  readonly token: string | undefined
}

interface Call {
  readonly operation: string
  readonly method: 'GET' | 'PUT' | 'POST' | 'HEAD' | 'DELETE'
  readonly path: string
  /** For people, where it is not the path. */
  readonly shown?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Of the body, where it is known already. */
  readonly hash?: string
  /** Answers that are outcomes, besides 2xx. */
  readonly expected?: readonly number[]
}

const TOKEN_HEADER = 'x-amz-meta-tidemark-write'
const ONLY_NEW = { 'if-none-match': '*' }
const REPEATED: ReadonlySet<number> = new Set([408, 409, 429])
const NOTHING = new Uint8Array(0)

export class S3Client {
  readonly #settings: S3Settings
  readonly #signer: Signer
  readonly #connections = new HttpConnections()

  constructor(settings: S3Settings) {
    this.#settings = settings
    this.#signer = new Signer(settings.credentials, settings.region)
  }

  async head(path: string): Promise<S3Object | undefined> {
    const { status, headers } = await this.#call({ operation: 'look', method: 'HEAD', path, expected: [404] })
    if (status === 404) return undefined
    return objectOf(headers, Number(headers['content-length']))
  }

  /** All of it. Throws E055. */
  async getWhole(path: string): Promise<Buffer> {
    const answer = await this.#call({ operation: 'read', method: 'GET', path, expected: [404] })
    if (answer.status === 404) throw this.#missing('read', path, answer)
    return answer.body
  }

  /**
   * Up to `length` bytes at `offset`, and what is known of the object. Throws E055; E053 (ESTALE) if it is no
   * longer the object of `etag`.
   */
  async getRange(
    path: string, offset: number, length: number, etag?: string,
  ): Promise<{ readonly bytes: Buffer; readonly object: S3Object }> {
    const headers = {
      range: `bytes=${offset}-${offset + length - 1}`, ...(etag === undefined ? {} : { 'if-match': etag }),
    }
    const answer = await this.#call({ operation: 'read', method: 'GET', path, headers, expected: [404, 412, 416] })
    if (answer.status === 404) throw this.#missing('read', path, answer)
    if (answer.status === 412) throw storageError({ errno: 'ESTALE', operation: 'read', path })
    if (answer.status === 416) {
      // There is no byte at that offset; an empty object has none at all.
      const object = await this.head(path)
      if (object === undefined) throw storageError({ errno: 'ENOENT', operation: 'read', path })
      return { bytes: Buffer.alloc(0), object }
    }
    const all = /\/(\d+)$/.exec(String(answer.headers['content-range'] ?? ''))?.[1]
    // A storage that ignores the range gives everything, with 200.
    const bytes = answer.status === 206 ? answer.body : answer.body.subarray(offset, offset + length)
    return { bytes, object: objectOf(answer.headers, Number(all ?? answer.body.length)) }
  }

  /** OBC-2: puts an object that must not exist. `token` is of this write alone. */
  async putNew(path: string, body: Uint8Array, token: string, hash = sha256(body)): Promise<'put' | 'exists'> {
    for (let left = this.#settings.retry.attempts; left > 0; left--) {
      const headers = { ...ONLY_NEW, [TOKEN_HEADER]: token }
      const answer = await this.#call({
        operation: 'put', method: 'PUT', path, headers, body, hash, expected: [412, 501],
      })
      if (answer.status === 501) throw E189_NO_CONDITIONAL_PUT({ path, problem: 'is not implemented there' })
      if (answer.status !== 412) return 'put'
      const there = await this.head(path)
      if (there !== undefined) return there.token === token ? 'put' : 'exists'
      // Removed in between, or the answer was about a moment that is over.
      await this.#wait(1)
    }
    throw this.#unreachable('put', path, 'it is said to exist, and not to be there')
  }

  async remove(path: string): Promise<void> {
    await this.#call({ operation: 'delete', method: 'DELETE', path, expected: [404] })
  }

  /** One page of what lies directly below; a key of an empty name is left out. */
  async listPage(
    directory: string, options: { readonly most?: number; readonly after?: string } = {},
  ): Promise<ListPage> {
    const { bucket, key } = parseS3(directory)
    const prefix = key === '' ? '' : `${key}/`
    const { most = this.#settings.sizes.pageNames, after } = options
    const query = {
      'list-type': '2', delimiter: '/', 'encoding-type': 'url', 'max-keys': String(most),
      ...(prefix === '' ? {} : { prefix }),
      ...(after === undefined ? {} : { 'continuation-token': after }),
    }
    const path = `s3://${bucket}`
    const { body } = await this.#call({ operation: 'list', method: 'GET', path, shown: directory, query })
    const page = parseList(body.toString('utf8'))
    return { ...page, keys: page.keys.filter((found) => found !== prefix) }
  }

  // ---- uploads in parts -------------------------------------------------------------------------

  async beginUpload(path: string, token: string): Promise<string> {
    const answer = await this.#call({
      operation: 'upload', method: 'POST', path, query: { uploads: '' }, headers: { [TOKEN_HEADER]: token },
    })
    const id = textOf(answer.body.toString('utf8'), 'UploadId')
    if (id === undefined) throw this.#unreachable('upload', path, 'the answer names no upload')
    return id
  }

  /** The tag of the part, which counts from 1. */
  async uploadPart(path: string, upload: string, part: number, body: Uint8Array, hash: string): Promise<string> {
    const query = { partNumber: String(part), uploadId: upload }
    const { headers } = await this.#call({ operation: 'upload', method: 'PUT', path, query, body, hash })
    return headers.etag ?? ''
  }

  /** The same with bytes that another object has. */
  async copyPart(
    path: string, upload: string, part: number, from: string, at: number, length: number,
  ): Promise<string> {
    const { bucket, key } = parseS3(from)
    const answer = await this.#call({
      operation: 'copy', method: 'PUT', path, query: { partNumber: String(part), uploadId: upload },
      headers: {
        'x-amz-copy-source': encodePath(`/${bucket}/${key}`),
        'x-amz-copy-source-range': `bytes=${at}-${at + length - 1}`,
      },
      expected: [404],
    })
    if (answer.status === 404) throw this.#missing('copy', from, answer)
    return textOf(answer.body.toString('utf8'), 'ETag') ?? ''
  }

  /** OBC-3: the object is there from now on, unless another one is. */
  async completeUpload(
    path: string, upload: string, etags: readonly string[], token: string,
  ): Promise<'put' | 'exists'> {
    const answer = await this.#call({
      operation: 'upload', method: 'POST', path, query: { uploadId: upload }, headers: ONLY_NEW,
      body: Buffer.from(completionOf(etags)), expected: [404, 412],
    })
    if (answer.status !== 404 && answer.status !== 412) return 'put'
    const there = await this.head(path)
    if (there?.token === token) return 'put'
    if (there !== undefined) return 'exists'
    throw this.#unreachable('upload', path, `${answer.status} ${errorCodeOf(answer.body.toString('utf8'))}`.trim())
  }

  /** What is never completed is paid for: it is given back, as far as that works. */
  async abandonUpload(path: string, upload: string): Promise<void> {
    const query = { uploadId: upload }
    await this.#call({ operation: 'abandon', method: 'DELETE', path, query, expected: [404] }).catch(() => {})
  }

  // ---- attempts ---------------------------------------------------------------------------------

  /** OBC-1. Throws E187, E188, E191. */
  async #call(call: Call): Promise<HttpAnswer> {
    const { attempts } = this.#settings.retry
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(call)
      if (!('problem' in outcome)) return outcome
      if (attempt >= attempts) {
        const { operation, shown: path = call.path } = call
        throw E188_S3_UNREACHABLE({ operation, path, attempts, problem: outcome.problem }, { place: { file: path } })
      }
      await this.#wait(attempt)
    }
  }

  async #attempt(call: Call): Promise<HttpAnswer | { readonly problem: string }> {
    const { operation, method, path, shown = path, body = NOTHING, expected = [] } = call
    let answer: HttpAnswer
    try {
      answer = await this.#send(call, body)
    } catch (error) {
      return { problem: (error as Error).message || (error as NodeJS.ErrnoException).code || 'the connection broke' }
    }
    const { status } = answer
    // A read tells what it is by its status; what a write answers with 200 may be an error that came late.
    const tells = status >= 300 || method === 'POST' || method === 'PUT'
    const code = tells ? errorCodeOf(answer.body.toString('utf8')) : ''
    if (status < 300 && code === '') return answer
    if (code === 'NoSuchBucket') throw this.#noBucket(parseS3(path))
    if (expected.includes(status)) return answer
    const busy = (status >= 500 && status !== 501) || REPEATED.has(status)
    const passing = status < 300 || busy || code === 'RequestTimeout'
    if (passing) return { problem: `${status} ${code}`.trim() }
    throw E187_S3_REFUSED({ operation, path: shown, status, code }, { place: { file: shown } })
  }

  #send({ method, path, query = {}, headers = {}, hash: payloadHash }: Call, body: Uint8Array): Promise<HttpAnswer> {
    const { url, encoded } = this.#address(parseS3(path))
    const signed = this.#signer.sign({
      method, path: encoded, query, payloadHash: payloadHash ?? sha256(body),
      headers: { ...headers, host: url.host }, at: new Date(),
    })
    const search = encodeQuery(query)
    return this.#connections.send({
      method, url, path: search === '' ? encoded : `${encoded}?${search}`, headers: signed, body,
      idleMs: this.#settings.retry.idleMs,
    })
  }

  #address({ bucket, key }: S3Place): { url: URL; encoded: string } {
    const { endpoint, region } = this.#settings
    const ofBucket = `/${encodePath(key)}`
    // A certificate for *.s3.… does not hold for a name with dots.
    if (endpoint === undefined && !bucket.includes('.')) {
      return { url: new URL(`https://${bucket}.s3.${region}.amazonaws.com`), encoded: ofBucket }
    }
    const url = endpoint ?? new URL(`https://s3.${region}.amazonaws.com`)
    const base = url.pathname.replace(/\/+$/, '')
    return { url, encoded: `${base}/${bucket}${key === '' ? '' : ofBucket}` }
  }

  #wait(attempt: number): Promise<void> {
    const { backoffMs, longestBackoffMs } = this.#settings.retry
    const most = Math.min(longestBackoffMs, backoffMs * 2 ** (attempt - 1))
    return new Promise((done) => void setTimeout(done, Math.random() * most))
  }

  #missing(operation: string, path: string, { body }: HttpAnswer): Error {
    const code = errorCodeOf(body.toString('utf8'))
    return storageError({ errno: 'ENOENT', operation, path }, code === '' ? undefined : new Error(code))
  }

  #noBucket({ bucket }: S3Place): Error {
    const { endpoint, region } = this.#settings
    return E191_NO_BUCKET({ bucket, endpoint: endpoint?.host ?? `s3.${region}.amazonaws.com` })
  }

  #unreachable(operation: string, path: string, problem: string): Error {
    const { attempts } = this.#settings.retry
    return E188_S3_UNREACHABLE({ operation, path, attempts, problem }, { place: { file: path } })
  }
}

const objectOf = (headers: HttpAnswer['headers'], sizeBytes: number): S3Object => ({
  sizeBytes, etag: headers.etag ?? '', token: headers[TOKEN_HEADER] as string | undefined,
})
