/**
 * Reads what one running subtask shows of itself and writes it to its row of the metrics table.
 *
 * Made by the deployment for each subtask; called when somebody looks (in-process) or at a steady rate (worker
 * threads). The counters themselves are plain fields of their owners, which count once a batch.
 */
import { MIN_TIMESTAMP } from '../base/time.ts'
import type { ChannelGauges } from '../channel/channel.ts'
import type { SubtaskCells } from '../observe/metrics-table.ts'
import { SinkOperator } from '../operator/sink-operator.ts'
import type { RecordWriter } from '../task/record-writer.ts'
import type { Subtask } from '../task/subtask.ts'

export class SubtaskGauges {
  readonly #subtask: Subtask
  readonly #inputs: readonly ChannelGauges[]
  readonly #writers: readonly RecordWriter[]
  readonly #outputs: readonly ChannelGauges[]
  readonly #sinks: readonly SinkOperator[]
  readonly #cells: SubtaskCells
  /** Sources and sinks count since the job began; a row counts since the attempt did. */
  readonly #before: { readonly read: number; readonly written: number }

  constructor(init: {
    readonly subtask: Subtask
    readonly inputs: readonly ChannelGauges[]
    readonly writers: readonly RecordWriter[]
    readonly cells: SubtaskCells
  }) {
    this.#subtask = init.subtask
    this.#inputs = init.inputs
    this.#writers = init.writers
    this.#outputs = init.writers.flatMap((writer) => writer.channels)
    this.#sinks = init.subtask.chain.operators.filter((operator) => operator instanceof SinkOperator)
    this.#cells = init.cells
    this.#before = { read: init.subtask.source?.emitted ?? 0, written: this.#written }
  }

  publish(): void {
    const { source } = this.#subtask
    const holder = this.#subtask.watermarkHolder()
    const inputWatermark = known(holder?.watermark ?? MIN_TIMESTAMP)
    const sent = this.#writers.reduce((sum, { records }) => sum + records, 0)
    this.#cells.publish({
      recordsIn: source === undefined ? this.#subtask.recordsIn : source.emitted - this.#before.read,
      recordsOut: sent + this.#written - this.#before.written,
      bytesIn: bytesOf(this.#inputs),
      bytesOut: bytesOf(this.#outputs),
      inputFill: fillOf(this.#inputs),
      outputFill: fillOf(this.#outputs),
      inputWatermark,
      outputWatermark: this.#writers.length === 0
        ? inputWatermark
        : known(Math.max(...this.#writers.map(({ watermark }) => watermark))),
      eventTimeIdle: holder?.idle ?? false,
    }, holder?.heldBy)
  }

  get #written(): number {
    return this.#sinks.reduce((sum, { written }) => sum + written, 0)
  }
}

const known = (watermark: number): number | undefined => (watermark === MIN_TIMESTAMP ? undefined : watermark)

function fillOf(channels: readonly ChannelGauges[]): number | undefined {
  return channels.length === 0 ? undefined : Math.max(...channels.map(({ fill }) => fill))
}

function bytesOf(channels: readonly ChannelGauges[]): number | undefined {
  const encoded = channels.map(({ bytes }) => bytes).filter((bytes) => bytes !== undefined)
  return encoded.length === 0 ? undefined : encoded.reduce((sum, bytes) => sum + bytes, 0)
}
