export function comparable(query: string, lines: readonly string[], options?: { readonly finals?: boolean }): string[]
