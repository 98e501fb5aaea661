/** Makes the stores of one thread, one for each operator and subtask. */
import type { PagedStore } from './paged-store.ts'

export interface PagedStores {
  /** An empty one, whatever was open under that name before. */
  open(operator: string, subtask: number): PagedStore
}
