/**
 * `tidemark state edit | import`: changes state in a new savepoint, never in place.
 *
 * Called by care-commands.ts; the change itself is in checkpoint/rewrite.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { storageError } from '../base/storage-errors.ts'
import { parseKey } from '../checkpoint/inspection/key-text.ts'
import { parseJson, readValue } from '../checkpoint/inspection/read-value.ts'
import { editState, type Edit } from '../checkpoint/rewrite/edit-state.ts'
import { importState } from '../checkpoint/rewrite/import-state.ts'
import { resolvePlace } from '../host/places.ts'
import { engineVersion } from '../host/version.ts'
import { finished } from './checkpoint.ts'
import { counted } from './entry-lines.ts'
import { E095_COMMAND_LINE } from './errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatBytes } from './format.ts'
import { placeOf } from './place.ts'
import { savepointPorts } from './savepoint.ts'
import type { Terminal } from './terminal.ts'

interface ChangeFlags {
  readonly operator: string
  readonly state: string
  readonly to: string
  readonly at?: string
  readonly json: boolean
}

export interface EditFlags extends ChangeFlags {
  readonly key: string
  readonly window?: string
  readonly set?: string
  readonly delete: boolean
}

export async function stateEditCommand(given: string, flags: EditFlags, terminal: Terminal): Promise<ExitCode> {
  const { operator, state } = flags
  const edit: Edit = {
    operator, state, key: parseKey(flags.key), to: changeOf(flags),
    ...(flags.window === undefined ? {} : { namespace: readValue(parseJson(flags.window, '--window'), '--window') }),
  }
  const target = { path: resolvePlace(flags.to), engine: engineVersion() }
  const result = await finished(editState(savepointPorts(), placeOf(given, flags.at), edit, target))
  const { savepoint: { path, checkpoint, bytes } } = result
  if (flags.json) {
    const { before, after } = result
    const document = { path, checkpoint, bytes, operator, state, key: flags.key, before, after }
    terminal.data(JSON.stringify({ schema: 'tidemark.state.edit/1', ...document }))
    return EXIT.ok
  }
  const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value))
  terminal.note(`  ${operator} / ${state} of ${flags.key}: ${shown(result.before)} → ${shown(result.after)}`)
  saySavepoint({ path, checkpoint, bytes }, terminal)
  return EXIT.ok
}

function changeOf({ set, delete: remove }: EditFlags): Edit['to'] {
  if (remove && set === undefined) return { kind: 'delete' }
  if (!remove && set !== undefined) return { kind: 'set', value: readValue(parseJson(set, '--set'), '--set') }
  throw E095_COMMAND_LINE({
    problem: remove ? '--set and --delete exclude each other.' : 'It is not said what the key is to hold.',
    hints: ["give a value: --set '42'", 'or take it away: --delete'],
  })
}

export interface ImportFlags extends ChangeFlags {
  readonly from: string
}

export async function stateImportCommand(given: string, flags: ImportFlags, terminal: Terminal): Promise<ExitCode> {
  const { operator, state } = flags
  const target = { path: resolvePlace(flags.to), engine: engineVersion() }
  const lines = linesOf(resolve(flags.from))
  const place = placeOf(given, flags.at)
  const result = await finished(importState(savepointPorts(), place, { operator, state, lines }, target))
  const { savepoint: { path, checkpoint, bytes }, before, entries } = result
  if (flags.json) {
    const document = { path, checkpoint, bytes, operator, state, before, entries }
    terminal.data(JSON.stringify({ schema: 'tidemark.state.import/1', ...document }))
    return EXIT.ok
  }
  terminal.note(`  ${operator} / ${state}: ${counted(entries, 'entry', 'entries')} in the place of ${before}`)
  saySavepoint({ path, checkpoint, bytes }, terminal)
  return EXIT.ok
}

function saySavepoint(
  { path, checkpoint, bytes }: { readonly path: string; readonly checkpoint: number; readonly bytes: number },
  terminal: Terminal,
): void {
  terminal.note(`  ${terminal.style('green', '✓')} savepoint of checkpoint #${checkpoint}, changed, ${formatBytes(bytes)}`)
  terminal.data(path)
}

const READ_BYTES = 1 << 20

/** Without their ends; the file is read while they are taken. */
function* linesOf(path: string): Generator<string, void, undefined> {
  const attempt = <T>(operation: string, run: () => T): T => {
    try {
      return run()
    } catch (error) {
      throw storageError({ errno: (error as NodeJS.ErrnoException).code ?? 'EIO', operation, path }, error)
    }
  }
  const file = attempt('open', () => openSync(path, 'r'))
  try {
    const decoder = new StringDecoder('utf8')
    const chunk = Buffer.alloc(READ_BYTES)
    let rest = ''
    for (;;) {
      const length = attempt('read', () => readSync(file, chunk))
      if (length === 0) break
      const pieces = (rest + decoder.write(chunk.subarray(0, length))).split('\n')
      rest = pieces.pop() ?? ''
      yield* pieces
    }
    rest += decoder.end()
    if (rest !== '') yield rest
  } finally {
    closeSync(file)
  }
}
