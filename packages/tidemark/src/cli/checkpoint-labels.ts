/**
 * `tidemark checkpoint label | labels | unlabel`: names for checkpoints that are to be kept.
 *
 * Called by inspect-commands.ts; the only commands here that write to a state directory.
 */
import { randomInt } from 'node:crypto'
import { wait, type Io } from '../base/io.ts'
import { withCheckpoints } from '../checkpoint/inspection/open.ts'
import { checkLabelName, readLabels, removeLabel, setLabel } from '../checkpoint/labels.ts'
import { realStorage } from '../host/real-storage.ts'
import { finished } from './checkpoint.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatTable } from './format.ts'
import { placeOf, stateDirectory } from './place.ts'
import type { Terminal } from './terminal.ts'

export interface LabelFlags {
  readonly json: boolean
}

const SALTS = 2 ** 32
const PAUSE_MS = 50
const pause = (): Io<void> =>
  wait<void>((done) => void setTimeout(() => done({ ok: true, value: undefined }), PAUSE_MS))

export async function labelCommand(
  [given, ref, label]: readonly [string, string, string], flags: LabelFlags, terminal: Terminal,
): Promise<ExitCode> {
  const name = checkLabelName(label)
  const place = placeOf(given, ref)
  const storage = realStorage()
  const set = await finished(withCheckpoints(storage, [place], function* (opened) {
    const { directory, manifest: { checkpoint } } = opened as NonNullable<typeof opened>
    const ports = { storage, salt: randomInt(SALTS), pause }
    return { checkpoint, ...(yield* setLabel(ports, directory, checkpoint, name)) }
  }))
  if (flags.json) {
    const { directory } = place
    terminal.data(JSON.stringify({ schema: 'tidemark.checkpoint.label/1', directory, label: name, ...set }))
    return EXIT.ok
  }
  const from = set.movedFrom.map((id) => `, no longer #${id}`).join('')
  terminal.note(`  @${name} is checkpoint #${set.checkpoint}${from}. It is kept until the label is removed.`)
  return EXIT.ok
}

export async function labelsCommand(given: string, flags: LabelFlags, terminal: Terminal): Promise<ExitCode> {
  const directory = stateDirectory(given)
  const labels = await finished(readLabels(realStorage(), directory))
  const rows = labels.map(({ name, checkpoint }) => [`@${name}`, `#${checkpoint}`])
  if (flags.json) terminal.data(JSON.stringify({ schema: 'tidemark.checkpoint.labels/1', directory, labels }))
  else if (rows.length === 0) terminal.note(`  No checkpoint in ${directory} has a label.`)
  else for (const line of formatTable(rows)) terminal.data(line)
  return EXIT.ok
}

export async function unlabelCommand(
  [given, label]: readonly [string, string], flags: LabelFlags, terminal: Terminal,
): Promise<ExitCode> {
  const directory = stateDirectory(given)
  const name = checkLabelName(label)
  await finished(removeLabel(realStorage(), directory, name))
  if (flags.json) terminal.data(JSON.stringify({ schema: 'tidemark.checkpoint.unlabel/1', directory, label: name }))
  else terminal.note(`  @${name} is gone; its checkpoint now lives as long as any other.`)
  return EXIT.ok
}
