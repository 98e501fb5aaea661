/** `s3://bucket/key`: how places in object storage are written, everywhere a path can be. */
import { E190_S3_SETTINGS } from './errors.ts'

export interface S3Place {
  readonly bucket: string
  /** Empty for the bucket itself. */
  readonly key: string
}

export const S3_SCHEME = 's3:'
/** Also of `s3:/`, the parent of a bucket, which code that climbs to the root of a path comes to. */
export const isS3 = (path: string): boolean => path.startsWith(S3_SCHEME)

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

/** The one form of a place that somebody wrote: without slashes at its end. Throws E190. */
export function normalS3(given: string): string {
  const { bucket, key } = parseS3(given.replace(/\/+$/, ''))
  return key === '' ? `s3://${bucket}` : `s3://${bucket}/${key}`
}

/** Throws E190. */
export function parseS3(path: string): S3Place {
  const refuse = (problem: string): Error => E190_S3_SETTINGS({ problem: `${path} ${problem}` })
  if (!path.startsWith('s3://')) throw refuse('does not begin with s3://')
  const [bucket = '', ...segments] = path.slice('s3://'.length).split('/')
  if (!BUCKET.test(bucket)) throw refuse('names no bucket')
  // Storages do not agree on what such keys mean, and some tidy them up.
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw refuse('has an empty part, or one of dots')
  }
  return { bucket, key: segments.join('/') }
}
