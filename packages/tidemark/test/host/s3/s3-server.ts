/**
 * A real S3 server for tests: S3Proxy (Java), which decides a conditional put atomically and checks every signature.
 *
 * Its jar is fetched through Maven when it is first needed. With CI=true what is missing is a failure. Elsewhere
 * `missing` says why the tests are skipped, and they say it, too.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { S3Settings } from '../../../src/host/s3/settings.ts'
import { sha256, Signer } from '../../../src/host/s3/sigv4.ts'
import { fetchJar, findJava } from '../../../../../scripts/lib/java.mjs'

const ARTIFACT = 'org.gaul:s3proxy:4.1.0:jar:jar-with-dependencies'
const SHA256 = 'a4d025969aaf796616ed4b1e2491d87d455ce84bb28cb9db086b2e6aaa68b48d'
const JAR = fileURLToPath(new URL('../../../../../node_modules/.cache/tidemark-s3/s3proxy-4.1.0.jar', import.meta.url))
const LEAST_JAVA = 17

export const BUCKET = 'tidemark-test'
export const CREDENTIALS = { accessKeyId: 'AKIDTESTTESTTESTTEST', secretAccessKey: 'canary/Secret+of=the,tests' }
/** As little as AWS, and this server, take for a part that is not the last one. */
export const PART_BYTES = 5 << 20
/** A listing of more names has more than one page. */
export const PAGE_NAMES = 40

export interface S3Server {
  readonly endpoint: string
  /** For a process that is to use it. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** Quick to come back, for the tests; the number of attempts is that of the real thing. */
export const settingsOf = (endpoint: string): S3Settings => ({
  credentials: CREDENTIALS, region: 'us-east-1', endpoint: new URL(endpoint),
  retry: { attempts: 9, backoffMs: 1, longestBackoffMs: 8, idleMs: 20_000 },
  sizes: { partBytes: PART_BYTES, pageNames: PAGE_NAMES },
})

/** The program that runs the server; or the reason why there is none. */
export type Installed = { readonly java: string } | { readonly missing: string }

export function installServer(): Installed {
  const found = findJava(LEAST_JAVA, { user: 'the S3 server of the tests' })
  const { missing } = 'java' in found ? fetchJar(ARTIFACT, SHA256, JAR) : found
  if ('java' in found && missing === undefined) return { java: found.java }
  const why = missing ?? ''
  if (process.env['CI'] === 'true') throw new Error(`the S3 server of the tests is missing: ${why}`)
  process.stderr.write(`tests of object storage are skipped: ${why}\n`)
  return { missing: why }
}

/** The JVM ends with its standard input, however the tests end. */
const UNTIL_INPUT_ENDS = 'exec 3<&0; "$@" </dev/null & java=$!; { cat <&3 >/dev/null; kill -9 $java; } 2>/dev/null & wait $java'
/** To be there soon: it lives for seconds. */
const QUICK = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', '-Xmx512m']
const LISTENING = /ServerConnector@[^\n]*\{127\.0\.0\.1:(\d+)\}/

/** With an empty bucket, kept in memory. */
export async function startServer(installed: Installed): Promise<S3Server> {
  if ('missing' in installed) throw new Error(installed.missing)
  const { accessKeyId, secretAccessKey } = CREDENTIALS
  const home = mkdtempSync(join(tmpdir(), 'tidemark-s3-server-'))
  const settings = join(home, 'server.properties')
  writeFileSync(settings, [
    's3proxy.endpoint=http://127.0.0.1:0', 's3proxy.authorization=aws-v4',
    `s3proxy.identity=${accessKeyId}`, `s3proxy.credential=${secretAccessKey}`, 'jclouds.provider=transient-nio2',
  ].join('\n'))
  const child = spawn(
    'sh', ['-c', UNTIL_INPUT_ENDS, 'sh', installed.java, ...QUICK, '-jar', JAR, '--properties', settings],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  )
  let said = ''
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await ended
    rmSync(home, { recursive: true, force: true })
  }
  const port = await new Promise<string>((done, fail) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString()
      const found = LISTENING.exec(said)?.[1]
      if (found !== undefined) done(found)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    void ended.then(() => fail(new Error(`the S3 server of the tests did not start: ${said}`)))
  })
  const endpoint = `http://127.0.0.1:${port}`
  await makeBucket(endpoint)
  return {
    endpoint, stop,
    env: {
      AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_S3: endpoint,
    },
  }
}

/** The engine never makes one. */
async function makeBucket(endpoint: string): Promise<void> {
  const url = new URL(`/${BUCKET}`, endpoint)
  const { host: _host, ...headers } = new Signer(CREDENTIALS, 'us-east-1').sign({
    method: 'PUT', path: url.pathname, query: {}, headers: { host: url.host }, payloadHash: sha256(''), at: new Date(),
  })
  const { ok, status } = await fetch(url, { method: 'PUT', headers })
  if (!ok) throw new Error(`the S3 server of the tests made no bucket: ${status}`)
}
