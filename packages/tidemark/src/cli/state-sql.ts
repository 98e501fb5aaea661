/**
 * `tidemark state query --sql`: the states of one operator as tables of an SQLite in memory.
 *
 * Called by state.ts, which loads this file only when SQL is asked for. SQLite is the one that Node.js brings
 * with it (22.13 and newer); nothing is installed for it.
 *
 *   SQ-1  One table a state, one row an entry: key, window_start, window_end, namespace, value, written_at, and
 *         a column for each field of a value that is an object; a field named like one of these, or like another
 *         field but for its case, has none. Numbers, strings, dates (ISO) and booleans (1, 0) are themselves;
 *         anything else is JSON text (json_extract reads it).
 *   SQ-2  Memory: the rows that the filters let through.
 */
import { createRequire } from 'node:module'
import { E149_BAD_QUERY, E148_NO_SQL } from '../checkpoint/inspection/errors.ts'
import type { EntryView } from '../checkpoint/inspection/entry-view.ts'
import { findOperator, findState, statesIn } from '../checkpoint/inspection/open.ts'
import type { OpenCheckpoint } from '../checkpoint/inspection/operator-parts.ts'
import { eachEntry, type Filter } from '../checkpoint/inspection/query-state.ts'
import { toTaggedJson } from '../checkpoint/inspection/tagged-json.ts'
import type { Io } from '../base/io.ts'
import { counted } from './entry-lines.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatTable } from './format.ts'
import type { Terminal } from './terminal.ts'

export interface SqlRequest {
  readonly operator: string
  /** Undefined: all keyed states of the operator. */
  readonly state: string | undefined
  readonly sql: string
  readonly filter: Filter
  readonly json: boolean
  readonly over: <T>(body: (opened: OpenCheckpoint) => Io<T>) => Promise<T>
}

type Cell = null | number | bigint | string
/** What is used of node:sqlite, which the type packages of older versions do not describe. */
interface Statement {
  run(...values: readonly Cell[]): unknown
  all(): readonly Readonly<Record<string, unknown>>[]
  setReadBigInts(enabled: boolean): void
}
interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}
interface Sqlite {
  readonly DatabaseSync: new (path: string) => Database
}

export async function sqlQuery(request: SqlRequest, terminal: Terminal): Promise<ExitCode> {
  const { DatabaseSync } = sqlite()
  let rows = 0
  const { database, checkpoint } = await request.over(function* (opened) {
    const fresh = new DatabaseSync(':memory:')
    rows = yield* load(fresh, opened, request)
    return { database: fresh, checkpoint: opened.manifest.checkpoint }
  })
  terminal.note(`  ${request.operator} in checkpoint #${checkpoint}: ${counted(rows, 'row', 'rows')} loaded`)
  try {
    const answer = ask(database, request.sql)
    if (request.json) terminal.data(JSON.stringify({ schema: 'tidemark.state.sql/1', checkpoint, rows: answer }))
    else for (const line of tableOf(answer)) terminal.data(line)
  } finally {
    database.close()
  }
  return EXIT.ok
}

function sqlite(): Sqlite {
  try {
    return createRequire(import.meta.url)('node:sqlite') as Sqlite
  } catch (error) {
    throw E148_NO_SQL({ version: process.versions.node }, { cause: error })
  }
}

function* load(database: Database, opened: OpenCheckpoint, { operator, state, filter }: SqlRequest): Io<number> {
  const states = state === undefined
    ? statesIn(opened.manifest, findOperator(opened.manifest, operator)).filter(({ keyed }) => keyed)
    : [findState(opened.manifest, operator, state)]
  let rows = 0
  for (const { name } of states) {
    const table = new Table(database, name)
    yield* eachEntry(opened, operator, name, filter, (entry, key) => {
      table.insert(entry, cellOf(toTaggedJson(key)))
      rows += 1
      return true
    })
    table.end()
  }
  database.exec('PRAGMA query_only = 1')
  return rows
}

const FIXED = ['key', 'window_start', 'window_end', 'namespace', 'value', 'written_at'] as const
/** SQLite allows 2000. */
const MOST_COLUMNS = 500
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

class Table {
  readonly #database: Database
  readonly #name: string
  readonly #statements = new Map<string, Statement>()
  /** Lower-case name → field. */
  readonly #fields = new Map<string, string>()

  constructor(database: Database, name: string) {
    this.#database = database
    this.#name = quoted(name)
    database.exec(`CREATE TABLE ${this.#name} (${FIXED.join(', ')})`)
    database.exec('BEGIN')
  }

  insert({ window, namespace, value, writtenAtMs, eventTimeMs }: EntryView, key: Cell): void {
    const fields = fieldsOf(value).filter(([name]) => this.#admits(name))
    const columns = [...FIXED, ...fields.map(([name]) => quoted(name))]
    this.#statement(columns).run(
      key, window?.start ?? null, window?.end ?? null, namespace === undefined ? null : JSON.stringify(namespace),
      cellOf(value), writtenAtMs ?? eventTimeMs ?? null, ...fields.map(([, field]) => cellOf(field)),
    )
  }

  end(): void {
    this.#database.exec('COMMIT')
  }

  /** Adds the column if it may be one. */
  #admits(name: string): boolean {
    const lower = name.toLowerCase()
    const known = this.#fields.get(lower)
    if (known !== undefined) return known === name
    const taken = (FIXED as readonly string[]).includes(lower) || name === '' || name.includes('\0')
    if (taken || this.#fields.size + FIXED.length >= MOST_COLUMNS) return false
    this.#fields.set(lower, name)
    this.#database.exec(`ALTER TABLE ${this.#name} ADD COLUMN ${quoted(name)}`)
    return true
  }

  #statement(columns: readonly string[]): Statement {
    const list = columns.join(', ')
    const known = this.#statements.get(list)
    if (known !== undefined) return known
    const places = columns.map(() => '?').join(', ')
    const prepared = this.#database.prepare(`INSERT INTO ${this.#name} (${list}) VALUES (${places})`)
    this.#statements.set(list, prepared)
    return prepared
  }
}

/** Of a value in tagged JSON; a tagged value is no object with fields. */
function fieldsOf(value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const fields = Object.entries(value)
  return fields[0]?.[0].startsWith('$') === true ? [] : fields
}

const INT64 = 2n ** 63n

/** SQ-1: of tagged JSON. */
function cellOf(json: unknown): Cell {
  switch (typeof json) {
    case 'string':
      return json
    case 'boolean':
      return json ? 1n : 0n
    case 'number':
      return Number.isSafeInteger(json) ? BigInt(json) : json
    default:
      return json === null || json === undefined ? null : cellOfObject(json)
  }
}

function cellOfObject(json: object): Cell {
  const { $bigint, $date, $number } = json as Readonly<Partial<Record<'$bigint' | '$date' | '$number', string>>>
  if ($date !== undefined) return $date
  if ($number !== undefined) return Number($number)
  if ($bigint === undefined) return JSON.stringify(json)
  const value = BigInt($bigint)
  return value >= -INT64 && value < INT64 ? value : $bigint
}

type AnswerRow = Readonly<Record<string, unknown>>

function ask(database: Database, sql: string): readonly AnswerRow[] {
  try {
    const statement = database.prepare(sql)
    statement.setReadBigInts(true)
    const readableRow = (row: AnswerRow): AnswerRow =>
      Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, readable(cell)]))
    return statement.all().map(readableRow)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw E149_BAD_QUERY({
      problem: `The SQL was refused: ${reason}.`,
      hints: [
        'see the tables and columns: --sql "select name, sql from sqlite_schema"',
        'a name with other characters goes in double quotes',
      ],
    }, { cause: error })
  }
}

function readable(cell: unknown): unknown {
  if (typeof cell !== 'bigint') return cell instanceof Uint8Array ? `0x${Buffer.from(cell).toString('hex')}` : cell
  return Number.isSafeInteger(Number(cell)) ? Number(cell) : { $bigint: String(cell) }
}

function tableOf(rows: readonly AnswerRow[]): string[] {
  const head = Object.keys(rows[0] ?? {})
  const text = (cell: unknown): string => (typeof cell === 'string' ? cell : JSON.stringify(cell))
  const numbers = head.flatMap((name, i) => (rows.every((row) => typeof row[name] !== 'string') ? [i] : []))
  const cells = rows.map((row) => head.map((name) => text(row[name])))
  return rows.length === 0 ? [] : formatTable([head, ...cells], numbers)
}
