/**
 * One HTTP request, from its first byte to the last one of the answer, over connections that are kept.
 *
 * Called by client.ts for each attempt. Owns the open connections.
 *
 *   HT-1  An answer is whole or an error: a body shorter than its length is no body.
 *   HT-2  Nothing waits for ever: an attempt on which nothing moves for `idleMs` ends with an error.
 */
import { Agent as PlainAgent, request as plainRequest, type IncomingHttpHeaders } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'

export interface HttpRequest {
  readonly method: string
  readonly url: URL
  /** As it is sent, with the query: a URL object would change what was signed. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly idleMs: number
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** One part of a file, a claim and a listing at a time each take one; more wait. */
const MOST_CONNECTIONS = 16

export class HttpConnections {
  readonly #plain = new PlainAgent({ keepAlive: true, maxSockets: MOST_CONNECTIONS })
  readonly #tls = new TlsAgent({ keepAlive: true, maxSockets: MOST_CONNECTIONS })

  /** Rejects with whatever the network gives; its `message` is fit for people. */
  send({ method, url, path, headers, body, idleMs }: HttpRequest): Promise<HttpAnswer> {
    const tls = url.protocol === 'https:'
    const options = {
      method, path, headers: { ...headers, 'content-length': String(body.length) },
      host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? undefined : Number(url.port),
      timeout: idleMs,
    }
    return new Promise((done, fail) => {
      const request = tls
        ? tlsRequest({ ...options, agent: this.#tls })
        : plainRequest({ ...options, agent: this.#plain })
      // Of the socket: a large body that is still moving is no silence.
      request.on('timeout', () => request.destroy(new Error(`nothing moved for ${idleMs} ms`)))
      request.on('error', fail)
      request.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('error', fail)
        response.on('data', (chunk: Buffer) => void chunks.push(chunk))
        response.on('end', () => {
          const whole = Buffer.concat(chunks)
          const length = response.headers['content-length']
          if (method !== 'HEAD' && length !== undefined && Number(length) !== whole.length) {
            fail(new Error(`the answer was cut off after ${whole.length} of ${length} bytes`))
            return
          }
          done({ status: response.statusCode ?? 0, headers: response.headers, body: whole })
        })
      })
      request.end(body)
    })
  }
}
