import type { NexmarkEvent } from './generator.mjs'

export const LOOPS: Readonly<Record<
  string, (count: number, next: (n: number) => NexmarkEvent, out: (result: unknown) => void) => void
>>
