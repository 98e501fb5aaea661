/** The signer against the examples that AWS publishes for it. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { encodePath, encodeQuery, sha256, Signer, type ToSign } from '../../../src/host/s3/sigv4.ts'

const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const HOST = 'examplebucket.s3.amazonaws.com'
const at = new Date('2013-05-24T00:00:00Z')

const signatureOf = (request: Partial<ToSign> & { body?: string }): string | undefined => {
  const { body = '', headers, ...rest } = request
  const signed = new Signer(CREDENTIALS, 'us-east-1').sign({
    method: 'GET', path: '/', query: {}, payloadHash: sha256(body), at, headers: { host: HOST, ...headers }, ...rest,
  })
  return /Signature=(\w+)$/.exec(signed['authorization'] ?? '')?.[1]
}

test.each([
  ['GET with a range', { path: '/test.txt', headers: { range: 'bytes=0-9' } },
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'],
  ['PUT with other headers, and a key that is encoded', {
    method: 'PUT', path: encodePath('/test$file.text'), body: 'Welcome to Amazon S3.',
    headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
  }, '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd'],
  ['a query without a value', { query: { lifecycle: '' } },
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
  ['a query of two', { query: { prefix: 'J', 'max-keys': '2' } },
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
])('%s is signed as AWS says', (_what, request, expected) => {
  expect(signatureOf(request)).toBe(expected)
})

test('what a path or a query may not hold as it is, is encoded, and slashes of a path are not', () => {
  expect(encodePath("/a b/ü*'(x)!~")).toBe('/a%20b/%C3%BC%2A%27%28x%29%21~')
  expect(encodeQuery({ b: '/', a: '=&' })).toBe('a=%3D%26&b=%2F')
})

test('SIG-1: neither secret nor session token is to be seen of a signer', () => {
  const signer = new Signer({ ...CREDENTIALS, sessionToken: 'canary-token' }, 'us-east-1')
  const shown = inspect(signer, { showHidden: true, depth: 9 }) + JSON.stringify(signer)
  expect(shown).not.toMatch(/wJalr|canary-token/)
})
