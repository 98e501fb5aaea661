export interface Missing { readonly missing: string }
export interface Java { readonly java: string; readonly javac: string; readonly about: string; readonly missing?: undefined }
export function runnable(program: string, args: readonly string[]): string | undefined
export function findJava(least: number, options: { readonly user: string; readonly compiler?: boolean }): Java | Missing
export function findMaven(): { readonly missing?: string }
export function fetchJar(artifact: string, sha256: string, path: string): { readonly missing?: string }
