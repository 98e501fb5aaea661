/** What `tidemark help` and `tidemark` alone print: each command with an example. */
import type { Terminal } from './terminal.ts'

export function overview(terminal: Terminal, version: string): string {
  const bold = (text: string): string => terminal.style('bold', text)
  const dim = (text: string): string => terminal.style('dim', text)
  return `${bold(`tidemark ${version}`)}  stateful stream processing with consistent checkpoints

${bold('Commands')}
  run <file>            run a job until its input ends; the same command resumes it
                        ${dim('tidemark run examples/flights/job.ts --state .tidemark/flights -c out=out/flights')}
  top <dir>             watch what a running job does
                        ${dim('tidemark top .tidemark/flights')}
  graph <file>          show what a job does, without running it
                        ${dim('tidemark graph examples/flights/job.ts --mermaid')}
  checkpoint list       list the completed checkpoints of a state directory
                        ${dim('tidemark checkpoint list --state .tidemark/flights')}
  checkpoint show       show what one of them holds
                        ${dim('tidemark checkpoint show latest --state .tidemark/flights')}
  checkpoint verify     read every file of one of them and check it
                        ${dim('tidemark checkpoint verify latest-1 --state .tidemark/flights')}
  version               print the version
                        ${dim('tidemark version --json')}
  help [command]        this page, or one command in full
                        ${dim('tidemark help run')}

${bold('Everywhere')}
  --json      for programs: data as JSON on stdout (talk goes to stderr)
  --quiet     no talk, only data and problems
  --no-color  no colours; NO_COLOR=1 does the same

${bold('Break it on purpose')}
  Start the flights job, kill -9 it while it runs, start it again with the same command:
  every total is what it would have been had nothing happened.`
}
