export const ROOT: string
export const CLI: string
export interface CommandResult {
  readonly exitCode: number
  readonly signal: NodeJS.Signals | null
  readonly output: string
}
export function runCommand(command: string, args: readonly string[], options?: {
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  /** True: output is returned instead of shown. */
  readonly quiet?: boolean
  readonly cwd?: string
}): Promise<CommandResult>
