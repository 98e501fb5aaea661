import type { ErrorDefinition } from '../../packages/tidemark/src/base/errors.ts'

export interface SourceFile { readonly path: string; readonly name: string; readonly text: string }
export interface Invariant { readonly id: string; readonly law: string; readonly file: string }
export interface ClassFact { readonly name: string; readonly file: string; readonly about: string }

export const CORE_FOLDERS: readonly string[]
export function sourceFiles(root: string): SourceFile[]
export function headerOf(text: string): string
export function invariantsOf(files: readonly SourceFile[]): Invariant[]
export function errorFiles(files: readonly SourceFile[]): SourceFile[]
export function codesIn(files: readonly SourceFile[]): { readonly code: string; readonly file: string }[]
export function definitionsIn(modules: readonly object[]): ErrorDefinition<never>[]
export function classesIn(files: readonly SourceFile[]): ClassFact[]
export function firstSentence(text: string): string
export function filesWithAny(files: readonly SourceFile[]): string[]
