/** Errors of object storage that no disk has; a missing or existing object is E055 and E056, as everywhere. */
import { defineError } from '../../base/errors.ts'

export interface S3Failure {
  /** For people: 'read of s3://bucket/key'. */
  readonly operation: string
  readonly path: string
}

export const E187_S3_REFUSED = defineError<S3Failure & { readonly status: number; readonly code: string }>({
  code: 'E187', kind: 'environment', retryable: false, title: 'The object storage refuses',
  what: (d) => `${d.operation} of ${d.path} was answered ${d.status}${d.code === '' ? '' : ` ${d.code}`}.`,
  why: (d) => (d.code === 'RequestTimeTooSkewed'
    ? 'The clock of this machine is too far from that of the storage.'
    : 'The storage is there and understood the request; asking again would not change the answer.'),
  fix: (d) => {
    if (d.code === 'RequestTimeTooSkewed') return ['set the clock of this machine']
    if (d.status === 301 || d.status === 307 || d.code === 'AuthorizationHeaderMalformed') {
      return ['set AWS_REGION to the region of the bucket']
    }
    return [
      'check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION',
      'the key needs s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket and s3:AbortMultipartUpload',
    ]
  },
})

export const E188_S3_UNREACHABLE = defineError<S3Failure & { readonly attempts: number; readonly problem: string }>({
  code: 'E188', kind: 'resource', retryable: true, title: 'The object storage does not answer',
  what: (d) => `${d.operation} of ${d.path} failed ${d.attempts} times, at last with: ${d.problem}.`,
  why: () => 'Nothing was lost: the last completed checkpoint is untouched.',
  fix: () => [
    'check the network, and AWS_ENDPOINT_URL_S3 if the storage is not that of AWS',
    'then run the same command again: it goes on from the last checkpoint',
  ],
})

export const E189_NO_CONDITIONAL_PUT = defineError<{ readonly path: string; readonly problem: string }>({
  code: 'E189', kind: 'environment', retryable: false, title: 'The object storage cannot hold a claim',
  what: (d) => `A conditional put (If-None-Match: *) of ${d.path} ${d.problem}.`,
  why: () => 'Two processes could both believe that a state directory is theirs, and totals would be wrong.',
  fix: () => [
    'use a storage that refuses to replace what exists, as AWS S3 and recent versions of others do',
    'or keep the state on a local disk',
  ],
})

export const E190_S3_SETTINGS = defineError<{ readonly problem: string }>({
  code: 'E190', kind: 'usage', retryable: false, title: 'Object storage is not set up',
  what: (d) => `${d.problem}.`,
  why: () => 'Credentials are read from the environment alone: they stand in no file of a job and in no checkpoint.',
  fix: () => [
    'write the place as s3://BUCKET/PREFIX',
    'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN if you have one, and AWS_REGION',
    'set AWS_ENDPOINT_URL_S3 to the URL of a storage that is not that of AWS',
  ],
})

export const E191_NO_BUCKET = defineError<{ readonly bucket: string; readonly endpoint: string }>({
  code: 'E191', kind: 'not-found', retryable: false, title: 'The bucket is missing',
  what: (d) => `There is no bucket ${d.bucket} at ${d.endpoint}.`,
  fix: () => ['create the bucket: Tidemark never does', 'check AWS_ENDPOINT_URL_S3 and AWS_REGION'],
})
