/**
 * Key groups: Flink's arithmetic over the int32 hash of a key.
 *
 * A key group is the unit in which keyed state moves between subtasks; the number of groups (max
 * parallelism) is fixed for the life of the state.
 *
 *   KG-1  Every group belongs to exactly one subtask: the ranges of 0 … parallelism-1 are disjoint,
 *         in order, and cover 0 … maxParallelism-1.
 *   KG-2  `subtaskOfGroup(g) = i` iff g is within `keyGroupRange(i)`.
 *   KG-3  The arithmetic never changes (fixture test/fixtures/key-groups.json).
 *
 * Source: Flink KeyGroupRangeAssignment, MathUtils.murmurHash.
 */
import { assert } from '../base/assert.ts'
import { finalMix } from '../base/hash.ts'
import { keyGroup, type KeyGroup } from '../base/ids.ts'

export const MAX_PARALLELISM_LIMIT = 32_768

/** Both ends inclusive; empty (end = start - 1) if there are fewer groups than subtasks. */
export interface KeyGroupRange {
  readonly start: number
  readonly end: number
}

/** Flink's MathUtils.murmurHash of an int32: a number from 0 to 2^31-1. */
export function flinkMurmur(code: number): number {
  let h = Math.imul(code, 0xcc9e2d51)
  h = (h << 15) | (h >>> 17)
  h = Math.imul(h, 0x1b873593)
  h = (h << 13) | (h >>> 19)
  h = (Math.imul(h, 5) + 0xe6546b64) | 0
  h = finalMix(h ^ 4)
  return h >= 0 ? h : h !== -2147483648 ? -h : 0
}

export function keyGroupOfHash(hash: number, maxParallelism: number): KeyGroup {
  return keyGroup(flinkMurmur(hash) % maxParallelism)
}

export function subtaskOfGroup(group: number, parallelism: number, maxParallelism: number): number {
  return Math.floor((group * parallelism) / maxParallelism)
}

export function keyGroupRange(subtask: number, parallelism: number, maxParallelism: number): KeyGroupRange {
  assert(parallelism >= 1 && parallelism <= maxParallelism, 'parallelism is within max parallelism')
  assert(maxParallelism <= MAX_PARALLELISM_LIMIT, 'max parallelism is at most 32768')
  return {
    start: Math.floor((subtask * maxParallelism + parallelism - 1) / parallelism),
    end: Math.floor(((subtask + 1) * maxParallelism - 1) / parallelism),
  }
}
