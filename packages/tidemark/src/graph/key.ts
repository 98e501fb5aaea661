/** Keys of keyed streams. An object key is a compile error: in JavaScript identity is not equality. */
export type Key = string | number | bigint
