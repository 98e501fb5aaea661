import { Terminal, type TerminalOptions } from '../../src/cli/terminal.ts'

export interface TestTerminal {
  readonly terminal: Terminal
  readonly stdout: () => string
  readonly stderr: () => string
}

/** A terminal over two strings; no colours, not interactive, unless said otherwise. */
export function terminalForTest(options: Partial<TerminalOptions> = {}): TestTerminal {
  const out: string[] = []
  const talk: string[] = []
  const terminal = new Terminal({ write: (text) => out.push(text) }, { write: (text) => talk.push(text) }, {
    color: false, interactive: false, columns: 80, quiet: false, ...options,
  })
  return { terminal, stdout: () => out.join(''), stderr: () => talk.join('') }
}
