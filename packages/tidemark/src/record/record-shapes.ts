/**
 * Records of the same fields, met again and again: their field names as bytes and back, found by looking once.
 *
 * Called by value-codec.ts. State holds millions of records of few shapes; encoding and looking up each field
 * name anew costs more than the values do.
 *
 *   KN-1  Remembering changes no byte and no value: what is not remembered goes the plain way and gives the same.
 *   KN-2  Of a number of fields at most `MOST_EACH` shapes are remembered, the latest; wide records never.
 *   KN-3  A shape lists the names in the order that `Object.keys` of such a record gives.
 *   KN-4  Of the shapes that are written often, the latest `MOST_LIKELY` are tried before names are listed.
 */
import { ByteWriter } from '../base/bytes.ts'
import { canGenerate, generate, setField } from '../base/generated-code.ts'
import { recordWriter, type RecordWriter, type WriteValue } from './record-writer.ts'
import { isWellFormed } from './well-formed.ts'

const MOST_FIELDS = 64
const MOST_EACH = 8

export interface RecordShape {
  readonly names: readonly string[]
  /** Of each name its length and UTF-8; undefined: a name has no such form. */
  readonly encoded: readonly Uint8Array[] | undefined
  /** A record of these fields; made when first asked for, as not every process reads. */
  make: ((values: readonly unknown[]) => Record<string, unknown>) | undefined
  /** How often a record of it was written the plain way. */
  written: number
  /** Made when it was written so OFTEN. */
  write: RecordWriter | undefined
}

/** By number of fields, the one that was found last first. */
const remembered: RecordShape[][] = Array.from({ length: MOST_FIELDS + 1 }, () => [])

const NONE: readonly RecordShape[] = []

/** A function is worth making for a shape that was written so many times. */
const OFTEN = 32
const MOST_LIKELY = 4

const likely: RecordWriter[] = []

/** Functions for the shapes written often, the likeliest first. */
export const likelyWriters: readonly RecordWriter[] = likely

/** The one at `at`, from 1, was the right one. */
export function moveForward(at: number): void {
  const right = likely[at] as RecordWriter
  likely[at] = likely[at - 1] as RecordWriter
  likely[at - 1] = right
}

/** A record of the shape is written the plain way; `writeValue` writes fields that hold more than one value. */
export function noteWritten(shape: RecordShape, writeValue: WriteValue): void {
  shape.written += 1
  if (shape.written < OFTEN || shape.encoded === undefined) return
  // Once only: where none can be made, none is later.
  if (shape.written === OFTEN) shape.write = recordWriter(shape.names, shape.encoded, writeValue)
  if (shape.write === undefined) return
  if (likely.length === MOST_LIKELY) likely.pop()
  likely.unshift(shape.write)
}

/** Shapes with so many fields, the likeliest first. */
export const shapesOf = (fields: number): readonly RecordShape[] => remembered[fields] ?? NONE

/** `names`: as `Object.keys` gives them. */
export function shapeWith(names: readonly string[]): RecordShape {
  const known = shapesOf(names.length)
  for (let s = 0; s < known.length; s++) {
    const shape = known[s] as RecordShape
    if (!sameNames(shape.names, names)) continue
    if (s > 0) moveToFront(known as RecordShape[], s)
    return shape
  }
  return remember(names)
}

export function makeRecord(shape: RecordShape, values: readonly unknown[]): Record<string, unknown> {
  shape.make ??= makerOf(shape.names)
  return shape.make(values)
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function moveToFront(shapes: RecordShape[], at: number): void {
  const shape = shapes[at] as RecordShape
  shapes.copyWithin(1, 0, at)
  shapes[0] = shape
}

function remember(names: readonly string[]): RecordShape {
  const encoded = names.every(isWellFormed) ? names.map(encodedName) : undefined
  const shape: RecordShape = { names, encoded, make: undefined, written: 0, write: undefined }
  const known = remembered[names.length]
  if (known === undefined) return shape
  if (known.length === MOST_EACH) known.pop()
  known.unshift(shape)
  return shape
}

function encodedName(name: string): Uint8Array {
  const writer = new ByteWriter(name.length + 8)
  writer.string(name)
  return writer.toBytes()
}

type Maker = (values: readonly unknown[]) => Record<string, unknown>

/** A literal of constant shape is the quickest way to make an object. */
function makerOf(names: readonly string[]): Maker {
  const fields = names.map((name, i) => `${JSON.stringify(name)}: values[${i}]`)
  const literal = canGenerate(names) ? generate<Maker>(['values'], `return { ${fields.join(', ')} }`) : undefined
  return literal ?? ((values) => {
    const record: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i++) setField(record, names[i] as string, values[i])
    return record
  })
}
