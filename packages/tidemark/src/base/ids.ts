/**
 * Branded numbers: an index (0-based), an id and a count never mix by accident.
 *
 * Brands cost nothing at run time. A plain number is turned into one by the function of the same
 * name, which asserts its range.
 */
import { assert } from './assert.ts'

declare const brand: unique symbol
type Branded<B extends string> = number & { readonly [brand]: B }

/** 1, 2, 3 …; grows over the life of a state directory; gaps are allowed. */
export type CheckpointId = Branded<'CheckpointId'>
/** One writer's term on a state directory: 1, 2, 3 …, claimed by `link()`. */
export type Epoch = Branded<'Epoch'>
/** 0 … maxParallelism-1. */
export type KeyGroup = Branded<'KeyGroup'>
/** Of the subtasks of a failover region inside one epoch: 0, and a higher one each time they are started again. */
export type Attempt = Branded<'Attempt'>

function natural(value: number, from: number, what: string): number {
  assert(Number.isSafeInteger(value) && value >= from, what)
  return value
}

export const checkpointId = (n: number): CheckpointId =>
  natural(n, 1, 'checkpoint id is an integer from 1') as CheckpointId
export const epoch = (n: number): Epoch => natural(n, 1, 'epoch is an integer from 1') as Epoch
export const keyGroup = (n: number): KeyGroup =>
  natural(n, 0, 'key group is an integer from 0') as KeyGroup
export const attempt = (n: number): Attempt =>
  natural(n, 0, 'attempt is an integer from 0') as Attempt
