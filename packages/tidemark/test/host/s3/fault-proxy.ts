/**
 * Stands between a client and an S3 server and does what networks and busy storages do. It never changes a request.
 *
 *   'before'    503, and the server is not asked      'after'     500 although the server has done it
 *   'refused'   the connection breaks, nothing done   'reset'     it breaks although the server has done it
 *   'slow'      the answer comes after the client has given up
 *   'cut'       the answer ends half-way              'twice'     somebody in between has repeated the request, and
 *                                                                 passes on what the second one was answered
 */
import { Agent, createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const FAULTS = ['before', 'after', 'refused', 'reset', 'slow', 'cut', 'twice'] as const
export type Fault = (typeof FAULTS)[number]

export interface Seen {
  readonly method: string
  /** With its query. */
  readonly url: string
}

export interface FaultProxy {
  readonly endpoint: string
  /** Asked for every request; undefined: it is passed on. */
  plan: (seen: Seen) => Fault | undefined
  readonly seen: Seen[]
  /** Times that each fault was done. */
  readonly done: Map<Fault, number>
  stop(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export async function startProxy(target: string, slowMs: number): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true })
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request)
    const seen = { method: request.method ?? '', url: request.url ?? '' }
    proxy.seen.push(seen)
    const fault = proxy.plan(seen)
    if (fault !== undefined) proxy.done.set(fault, (proxy.done.get(fault) ?? 0) + 1)
    if (fault === 'before') {
      response.writeHead(503, { 'content-type': 'application/xml' }).end('<Error><Code>SlowDown</Code></Error>')
      return
    }
    if (fault === 'refused') {
      response.destroy()
      return
    }
    let answer = await ask(request, body)
    if (fault === 'twice') answer = await ask(request, body)
    if (fault === 'after') response.writeHead(500).end('<Error><Code>InternalError</Code></Error>')
    else if (fault === 'reset') response.destroy()
    else if (fault === 'cut' && answer.body.length > 0) {
      response.writeHead(answer.status, answer.headers)
      response.write(answer.body.subarray(0, answer.body.length >> 1), () => response.destroy())
    } else {
      if (fault === 'slow') await new Promise((go) => setTimeout(go, slowMs).unref())
      response.writeHead(answer.status, answer.headers).end(answer.body)
    }
  }

  function ask({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
    return new Promise((done, fail) => {
      const { hostname, port } = new URL(target)
      const request = send({ hostname, port, method, path: url, headers, agent }, (response) => {
        const { statusCode: status = 0, headers: said } = response
        read(response).then((whole) => done({ status, headers: said, body: whole }), fail)
      })
      request.on('error', fail)
      request.end(body)
    })
  }

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const proxy: FaultProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    plan: () => undefined,
    seen: [],
    done: new Map(),
    stop: () => new Promise((done) => {
      agent.destroy()
      server.closeAllConnections()
      server.close(() => done())
    }),
  }
  return proxy
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
