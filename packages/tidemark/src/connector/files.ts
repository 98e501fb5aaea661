/** What reads and writes plain files: one import for job files and for the package's index. */
export { csv, type CsvOptions } from './csv.ts'
export { files, type FilesOptions } from './file-sink.ts'
export { jsonl, type JsonlOptions } from './jsonl.ts'
