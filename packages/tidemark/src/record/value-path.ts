/** Names a place inside a value as a user would write it: `user.tags[2]`, `["odd name"].x`. */
export type PathStep = PropertyKey | { readonly key: PropertyKey }

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/

export function formatPath(steps: readonly PathStep[]): string {
  let text = ''
  for (const step of steps) {
    const key = typeof step === 'object' ? step.key : step
    if (typeof key === 'number') text += `[${key}]`
    else if (typeof key === 'symbol') text += `[${String(key)}]`
    else if (IDENTIFIER.test(key)) text += text === '' ? key : `.${key}`
    else text += `[${JSON.stringify(key)}]`
  }
  return text
}
