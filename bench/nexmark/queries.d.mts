import type { Stream } from 'tidemark'
import type { NexmarkEvent } from './generator.mjs'

export const QUERIES: Readonly<Record<string, {
  readonly stream: (events: Stream<NexmarkEvent>, options: { readonly lines: boolean }) => Stream<unknown>
  readonly line: (result: unknown) => string
}>>
