/** What `tidemark help` and `tidemark` alone print: each command with an example. */
import type { Terminal } from './terminal.ts'

export function overview(terminal: Terminal, version: string): string {
  const bold = (text: string): string => terminal.style('bold', text)
  const dim = (text: string): string => terminal.style('dim', text)
  return `${bold(`tidemark ${version}`)}  stateful stream processing with consistent checkpoints

${bold('Commands')}
  run <file>            run a job until its input ends; the same command resumes it
                        ${dim('tidemark run examples/flights/job.ts --state .tidemark/flights -c out=out/flights')}
  stop <dir>            stop it with a last checkpoint; --drain lets all windows fire
                        ${dim('tidemark stop .tidemark/flights')}
  savepoint <dir>       copy its state into a directory that can be moved and kept
                        ${dim('tidemark savepoint .tidemark/flights --to backup/flights')}
  check <file>          say what becomes of a checkpoint in this version of the job
                        ${dim('tidemark check examples/flights/job.ts --against .tidemark/flights -c out=out')}
  replay <file>         run the records between two checkpoints again and compare the state
                        ${dim('tidemark replay examples/flights/job.ts --state .tidemark/flights --to latest -c out=out')}
  top <dir>             watch what a running job does
                        ${dim('tidemark top .tidemark/flights')}
  graph <file>          show what a job does, without running it
                        ${dim('tidemark graph examples/flights/job.ts --mermaid')}
  checkpoint list       list the completed checkpoints of a state directory
                        ${dim('tidemark checkpoint list .tidemark/flights')}
  checkpoint show       show what one of them holds
                        ${dim('tidemark checkpoint show .tidemark/flights latest')}
  checkpoint verify     read every file of one of them and check it
                        ${dim('tidemark checkpoint verify .tidemark/flights latest-1')}
  checkpoint diff       show what has changed between two of them
                        ${dim('tidemark checkpoint diff .tidemark/flights latest-1 latest')}
  checkpoint label      give one a name; it is kept as long as it has one (labels, unlabel)
                        ${dim('tidemark checkpoint label .tidemark/flights latest before-deploy')}
  checkpoint prune      remove old ones, gc what nothing needs any more; --dry-run says what and why
                        ${dim('tidemark checkpoint prune .tidemark/flights --keep 3 --dry-run')}
  rescale <dir>         say what another parallelism would move; --live changes it while the job runs
                        ${dim('tidemark rescale .tidemark/flights --to 8')}
  state list            list operators and their states
                        ${dim('tidemark state list .tidemark/flights')}
  state get             print what one key holds
                        ${dim('tidemark state get .tidemark/flights per-hour window JFK')}
  state query           print entries that fit a filter, or an SQL query over them
                        ${dim('tidemark state query .tidemark/flights per-hour window --prefix J')}
  state export          write state as sorted JSON lines
                        ${dim('tidemark state export .tidemark/flights --to flights.jsonl')}
  state edit            change what a key holds, in a new savepoint (import: a whole state)
                        ${dim('tidemark state edit backup/v1 --operator totals --state sum --key JFK --set 42 --to backup/v2')}
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
