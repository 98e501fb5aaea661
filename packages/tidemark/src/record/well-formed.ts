/** Whether a string has a UTF-8 form: no surrogate stands alone. */
const LONE_SURROGATE = /\p{Surrogate}/u
const SHORT = 32

export function isWellFormed(text: string): boolean {
  if (text.length <= SHORT) {
    // Almost every short string has no surrogate at all; a plain loop beats the regular expression there.
    let any = 0
    for (let i = 0; i < text.length; i++) any |= text.charCodeAt(i)
    if (any < 0xd800) return true
  }
  return !LONE_SURROGATE.test(text)
}
