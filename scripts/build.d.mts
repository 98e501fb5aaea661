export function build(options?: { readonly force?: boolean }): Promise<{ readonly built: boolean }>
